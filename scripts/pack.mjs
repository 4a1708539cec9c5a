// Makes the npm package of a built checkout: node scripts/pack.mjs [--pack-destination DIR]. Prints what `npm pack --json` prints.
// The checkout's own package.json names no `bin`: npx would then install the checkout into its cache at each call instead of running what
// is here. The package has it, and has nothing that only a checkout needs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { 'pack-destination': { type: 'string', default: process.cwd() } } });
const dir = mkdtempSync(join(tmpdir(), 'svclab-pack-'));

function run(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} exits ${done.status ?? done.error?.message}`);
  return done.stdout;
}

try {
  run('npm', ['pack', '--silent', '--pack-destination', dir, root]);
  const [tarball] = readdirSync(dir);
  run('tar', ['-xzf', join(dir, tarball), '-C', dir]);
  const manifest = join(dir, 'package', 'package.json');
  const { scripts: _, devDependencies: __, workspaces: ___, ...rest } = JSON.parse(readFileSync(manifest, 'utf8'));
  writeFileSync(manifest, `${JSON.stringify({ ...rest, bin: { svclab: 'packages/cli/bin/svclab.js' } }, null, 2)}\n`);
  process.stdout.write(
    run('npm', ['pack', '--json', '--pack-destination', values['pack-destination'], join(dir, 'package')]),
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}
