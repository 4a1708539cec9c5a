/** What the machine has, what a lab needs, and how to mend it. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { environmentError } from '../state/errors.ts';
import { delayMechanism } from '../wire/mechanism.ts';

/** One thing looked at. */
export interface Check {
  readonly name: string;
  /** ok; missing: a lab does not start; optional: something is not available without it. */
  readonly state: 'ok' | 'missing' | 'optional';
  /** What was found. */
  readonly found: string;
  /** How to mend it; empty when there is nothing to mend. */
  readonly fix: string;
  /** What it is for. */
  readonly purpose: string;
}

interface Program {
  readonly name: string;
  readonly packageName: string;
  readonly needed: boolean;
  readonly version: readonly string[];
  readonly purpose: string;
}

const PROGRAMS: readonly Program[] = [
  { name: 'unshare', packageName: 'util-linux', needed: true, version: ['--version'], purpose: "the lab's namespaces" },
  {
    name: 'nsenter',
    packageName: 'util-linux',
    needed: true,
    version: ['--version'],
    purpose: 'running programs on a host of the lab',
  },
  { name: 'ip', packageName: 'iproute2', needed: true, version: ['-V'], purpose: 'interfaces, addresses, routes' },
  { name: 'tc', packageName: 'iproute2', needed: false, version: ['-V'], purpose: 'svclab fault rate, delay' },
  { name: 'nft', packageName: 'nftables', needed: true, version: ['--version'], purpose: 'Service rules' },
  { name: 'nats-server', packageName: 'nats-server', needed: true, version: ['--version'], purpose: 'store and bus' },
  {
    name: 'kubectl',
    packageName: 'kubernetes-client',
    needed: false,
    version: ['version', '--client'],
    purpose: 'the control surface',
  },
  { name: 'curl', packageName: 'curl', needed: false, version: ['--version'], purpose: 'requests by hand' },
  { name: 'dig', packageName: 'dnsutils', needed: false, version: ['-v'], purpose: 'DNS questions by hand' },
  {
    name: 'arping',
    packageName: 'iputils-arping',
    needed: false,
    version: ['-V'],
    purpose: 'asking who answers for a VIP',
  },
  { name: 'tcpdump', packageName: 'tcpdump', needed: false, version: ['--version'], purpose: 'seeing packets' },
  {
    name: 'k6',
    packageName: '',
    needed: false,
    version: ['version'],
    purpose: 'load by k6 instead of the built-in host',
  },
];

/** Where Debian keeps programs that are not on an ordinary user's PATH. */
const SYSTEM_DIRS = ['/usr/sbin', '/sbin'];

/** Finds a program on PATH or in the system's directories. */
export function findProgram(name: string, path = process.env.PATH ?? ''): string | undefined {
  for (const dir of [...path.split(delimiter), ...SYSTEM_DIRS]) {
    const candidate = join(dir, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

function checkProgram(program: Program, ask: boolean): Check {
  const path = findProgram(program.name);
  const { name, purpose } = program;
  if (path === undefined) {
    const fix = program.packageName === '' ? 'see https://k6.io (optional)' : `apt-get install ${program.packageName}`;
    return { name, purpose, state: program.needed ? 'missing' : 'optional', found: 'not on PATH', fix };
  }
  const said = ask ? spawnSync(path, program.version, { encoding: 'utf8', timeout: 5000 }) : undefined;
  const version = `${said?.stdout ?? ''}${said?.stderr ?? ''}`.split('\n').find((l) => l.trim() !== '') ?? '';
  return { name, purpose, state: 'ok', found: `${path}${version === '' ? '' : ` (${version.trim()})`}`, fix: '' };
}

/** Whether an ordinary user may make user namespaces, tried for real. */
function checkNamespaces(): Check {
  const root = process.getuid?.() === 0;
  const purpose = 'a lab of its own, apart from the machine';
  const name = root ? 'namespaces' : 'user namespaces';
  const args = [
    ...(root ? [] : ['--user', '--map-current-user', '--keep-caps']),
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--mount-proc',
    'true',
  ];
  const tried = spawnSync('unshare', args, { encoding: 'utf8', timeout: 5000 });
  if (tried.status === 0) return { name, purpose, state: 'ok', found: root ? 'as root' : 'without root', fix: '' };
  const reason = (tried.stderr ?? '').trim() || tried.error?.message || `exit ${tried.status}`;
  const fix = root
    ? 'give this process CAP_SYS_ADMIN and CAP_NET_ADMIN'
    : 'run as root, or allow user namespaces: sysctl -w user.max_user_namespaces=15000 (and kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0 where they exist)';
  return { name, purpose, state: 'missing', found: `cannot be made (${reason})`, fix };
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'node',
    purpose: 'everything',
    state: ok ? 'ok' : 'missing',
    found: process.version,
    fix: ok ? '' : 'install Node.js 20.19 or newer',
  };
}

/** What the delay of links is made with; a lab starts without either. */
function checkDelay(): Check {
  const { kind, reason } = delayMechanism();
  return {
    name: 'delay',
    purpose: 'svclab fault delay',
    state: kind === 'none' ? 'optional' : 'ok',
    found: kind === 'netem' ? `netem (${reason})` : kind === 'none' ? reason : `in user space (${reason})`,
    fix: kind === 'none' ? 'load the kernel module sch_netem (modprobe sch_netem), or use a kernel that has it' : '',
  };
}

/** Looks at everything; asks programs for their versions. */
export function doctor(): Check[] {
  return [checkNode(), ...PROGRAMS.map((p) => checkProgram(p, true)), checkNamespaces(), checkDelay()];
}

/** Fails with a LabError (environment) that names everything a lab lacks here, with the fix of each. */
export function requireEnvironment(): void {
  const programs = PROGRAMS.filter((p) => p.needed).map((p) => checkProgram(p, false));
  const missing = [checkNode(), ...programs].filter((c) => c.state === 'missing');
  if (!missing.some((c) => c.name === 'unshare')) {
    const namespaces = checkNamespaces();
    if (namespaces.state === 'missing') missing.push(namespaces);
  }
  if (missing.length > 0)
    throw environmentError(
      `This machine lacks what a lab needs:\n${missing.map((c) => `  ${c.name}: ${c.found}; ${c.fix}`).join('\n')}`,
    );
}
