/** Running a program on a host of a lab, from outside: `nsenter` into the lab's namespaces. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { badInput } from '../state/errors.ts';
import type { LabConnection } from './connect.ts';

/** A program to run on a host; `env` is added to the caller's. */
export interface HostCommand {
  readonly host: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * The command line that runs `command` on `host`. As the lab's user without root it enters the lab's user namespace first.
 * Fails with a LabError when the host is not there or is down.
 */
export async function hostCommandLine(lab: LabConnection, { host, command }: HostCommand): Promise<string[]> {
  const { hosts } = await lab.service.status({});
  const found = hosts.find((h) => h.name === host);
  if (!found)
    throw badInput(`Host "${host}" is not in lab ${lab.name}: give one of ${hosts.map((h) => h.name).join(', ')}`);
  if (!found.up) throw badInput(`Host ${host} is down: bring it back with "svclab fault restart node/${host}"`);
  const user = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials'];
  return [
    'nsenter',
    '--target',
    String(lab.pid),
    ...user,
    '--mount',
    '--pid',
    `--net=/proc/${lab.pid}/fd/${found.netnsFd}`,
    `--wd=${process.cwd()}`,
    '--',
    ...command,
  ];
}

/** Starts a program on a host. It leads a process group of its own unless it shares the caller's terminal. */
export async function spawnOnHost(
  lab: LabConnection,
  command: HostCommand,
  options: SpawnOptions = {},
): Promise<ChildProcess> {
  const [program = '', ...args] = await hostCommandLine(lab, command);
  return spawn(program, args, { ...options, env: { ...process.env, ...command.env } });
}

/** Exit codes a shell gives for what it cannot find or start, and for signals. */
const SIGNAL_BASE = 128;

/**
 * Runs a program on a host with this process's own standard streams, passes signals on, and resolves with its exit code
 * (128 + n after signal n, as shells have it).
 */
export async function runOnHost(lab: LabConnection, command: HostCommand): Promise<number> {
  const terminal = process.stdin.isTTY === true;
  const child = await spawnOnHost(lab, command, { stdio: 'inherit', detached: !terminal });
  const forward = (signal: NodeJS.Signals): void => {
    // With a terminal the kernel has already sent it to the whole group.
    if (terminal || child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has just ended.
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => forward(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? SIGNAL_BASE + signalNumber(signal)));
  });
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal as string] ?? 0;
}
