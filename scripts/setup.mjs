// Sets up what svclab needs before anything of it is built: npm packages and programs. Plain Node.js, no dependencies.
// Programs come from the distribution, only as root and after saying so; what is there is used.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const say = (line) => process.stderr.write(`${line}\n`);

/** Programs and the Debian package of each. */
const PROGRAMS = [
  { name: 'unshare', package: 'util-linux' },
  { name: 'nsenter', package: 'util-linux' },
  { name: 'ip', package: 'iproute2' },
  { name: 'nft', package: 'nftables' },
  { name: 'nats-server', package: 'nats-server' },
  { name: 'curl', package: 'curl' },
  { name: 'dig', package: 'dnsutils' },
  { name: 'arping', package: 'iputils-arping' },
  { name: 'tcpdump', package: 'tcpdump' },
  { name: 'ps', package: 'procps' },
  { name: 'kubectl', package: 'kubernetes-client' },
];

/** Programs that only one test needs: that test says that it is skipped without, so they are named and not installed. */
const OPTIONAL = [{ name: 'chromium', package: 'chromium', for: 'the test of the HTML report in a browser' }];

/** Whether a program is on PATH or where Debian puts what only root runs. */
function has(name) {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function run(command, args) {
  say(`> ${command} ${args.join(' ')}`);
  // What other programs say is talk: stdout stays free for data.
  const done = spawnSync(command, args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return done.status === 0;
}

function installPrograms() {
  const missing = PROGRAMS.filter((p) => !has(p.name));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((p) => p.package))];
  const names = missing.map((p) => p.name).join(', ');
  if (process.getuid?.() !== 0 || !has('apt-get')) {
    say(`Missing programs: ${names}. As root: apt-get install ${packages.join(' ')}`);
    process.exit(4);
  }
  say(`Missing programs: ${names}. Installing the packages ${packages.join(' ')}`);
  if (
    !(
      run('apt-get', ['update', '-q']) &&
      run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages])
    )
  ) {
    say(`Programs could not be installed: run "apt-get install ${packages.join(' ')}" and look at its messages`);
    process.exit(4);
  }
}

function installPackages() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    say(`Node.js ${process.version} is too old: install 20.19 or newer`);
    process.exit(4);
  }
  const marker = 'node_modules/.package-lock.json';
  if (existsSync(marker) && statSync(marker).mtimeMs >= statSync('package-lock.json').mtimeMs) return;
  say('Installing npm packages as package-lock.json lists them');
  if (!run('npm', ['ci', '--no-audit', '--no-fund'])) {
    say('npm packages could not be installed: run "npm ci" and look at its messages');
    process.exit(4);
  }
}

for (const { name, package: from, for: what } of OPTIONAL)
  if (!has(name)) say(`Without ${name}, ${what} is skipped: apt-get install ${from}`);
installPrograms();
installPackages();
