/** Faults in end-to-end tests: made by the CLI alone, and looked at from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Lab, type Result, run, until } from './lab.ts';

/** What `svclab fault VERB -o json` prints. */
export interface FaultMade {
  readonly verb: string;
  readonly target: string;
  readonly resolved: string;
  /** CLOCK_MONOTONIC nanoseconds as decimal text. */
  readonly effective_ns: string;
  /** Absent: nothing lasts. */
  readonly id?: string;
  readonly heals_at_ns?: string;
}

/** One fault of `svclab fault list -o json`. */
export interface FaultListed {
  readonly id: string;
  readonly verb: string;
  readonly targets: readonly string[];
  readonly args: Readonly<Record<string, string>>;
  readonly session: string;
  readonly heals_at: string | null;
}

/** One event of `svclab timeline -o json`. */
export interface TimelineLine {
  readonly at_ns: string;
  readonly type: string;
  readonly cause: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** Makes a fault. Fails with what the CLI said. */
export async function makeFault(lab: Lab, verb: string, ...args: string[]): Promise<FaultMade> {
  return JSON.parse(await lab.ok('fault', verb, '-o', 'json', ...args)) as FaultMade;
}

/** The faults in effect. */
export async function faultsOf(lab: Lab): Promise<readonly FaultListed[]> {
  return JSON.parse(await lab.ok('fault', 'list', '-o', 'json')) as FaultListed[];
}

/** Heals by id or target; without any, everything. */
export async function heal(lab: Lab, ...which: string[]): Promise<void> {
  await lab.ok('fault', 'heal', ...which);
}

/** Waits until a fault is no longer in effect. */
export async function gone(lab: Lab, id: string | undefined): Promise<void> {
  await until(`fault ${id} is gone`, async () => !(await faultsOf(lab)).some((f) => f.id === id));
}

/** Steps of faults on the timeline, of one fault or of all. */
export async function faultEvents(lab: Lab, id?: string): Promise<readonly TimelineLine[]> {
  const all = JSON.parse(await lab.ok('timeline', '-o', 'json')) as TimelineLine[];
  return all.filter((e) => /^fault\./.test(e.type) && (id === undefined || e.attrs.id === id));
}

/** Runs a program in a node's network namespace. */
export function onNode(lab: Lab, node: string, ...command: string[]): Promise<Result> {
  return lab.cli('exec', `node/${node}`, '--', ...command);
}

/** A host's own interface on the LAN: Docker names interfaces in an order of its own. `host`: a node, or `client`. */
export async function lanInterface(lab: Lab, host: string): Promise<string> {
  if (host === 'client') return lab.clientInterface();
  const { stdout } = await onNode(lab, host, 'ip', '-br', '-4', 'address');
  return /^([^@\s]+)\S*\s.*172\.30\.0\.\d+\//m.exec(stdout)?.[1] ?? '';
}

/** Whether `from` (a node, or `client`) hears an answer when it asks who has an address of the LAN, five times at most. */
export async function hearsArp(lab: Lab, from: string, address: string): Promise<boolean> {
  const dev = await lanInterface(lab, from);
  const command = ['arping', '-q', '-f', '-c', '5', '-w', '5', '-I', dev, address];
  const asked = from === 'client' ? await lab.client(...command) : await onNode(lab, from, ...command);
  if (asked.code > 1) throw new Error(`arping exits ${asked.code}: ${asked.stderr}`);
  return asked.code === 0;
}

/** Tables of faults in the lab's root namespace, where its bridges are (netns driver). */
export async function rulesOfFaults(lab: Lab): Promise<readonly string[]> {
  const { pid } = JSON.parse(readFileSync(join(lab.stateDir, lab.name, 'pid.json'), 'utf8')) as { pid: number };
  const user = process.getuid?.() === 0 ? [] : ['-U', '--preserve-credentials'];
  const listed = await run('nsenter', ['-t', String(pid), ...user, '-n', 'nft', 'list', 'tables']);
  if (listed.code !== 0) throw new Error(`nsenter exits ${listed.code}: ${listed.stderr}`);
  return listed.stdout.split('\n').filter((line) => /svclab-f\d/.test(line));
}

/** A process that holds a fault session. */
export interface HeldSession {
  /** For `--session` of faults made by the process itself only. */
  readonly id: string;
  /** Makes a fault in the session. */
  fault(
    verb: string,
    target: string,
    args?: Readonly<Record<string, string>>,
  ): Promise<{ id: string; resolved: string }>;
  /** Ends the process with no chance to do anything. */
  kill(): Promise<void>;
}

const HOLDER = new URL('./fault-session-holder.mjs', import.meta.url).pathname;

/** Starts a process that opens a fault session and makes faults in it as it is told, so that it can be killed. */
export async function holdSession(lab: Lab, options: { readonly endLab?: boolean } = {}): Promise<HeldSession> {
  const child = spawn(process.execPath, [HOLDER], {
    env: {
      ...process.env,
      SVCLAB_STATE_DIR: lab.stateDir,
      HOLD_LAB: lab.name,
      HOLD_DRIVER: lab.driver,
      HOLD_END_LAB: options.endLab ? 'true' : '',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = linesOf(child);
  const id = (await lines()).session ?? '';
  return {
    id,
    async fault(verb, target, args = {}) {
      child.stdin?.write(`${JSON.stringify({ verb, target, args })}\n`);
      const answer = await lines();
      if (answer.error !== undefined) throw new Error(answer.error);
      return { id: answer.id ?? '', resolved: answer.resolved ?? '' };
    },
    async kill() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

type Answer = { session?: string; id?: string; resolved?: string; error?: string };

/** Reads what the holder says, an object a line. */
function linesOf(child: ChildProcess): () => Promise<Answer> {
  const waiting: string[] = [];
  let rest = '';
  let wake = (): void => {};
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    waiting.push(...parts);
    wake();
  });
  child.once('exit', () => wake());
  return async () => {
    while (waiting.length === 0) {
      if (child.exitCode !== null) throw new Error(`Session holder ended with code ${child.exitCode}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return JSON.parse(waiting.shift() ?? '{}') as Answer;
  };
}
