import type { ChildProcess } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@svclab/core';
import { type Netns, spawnIn } from '@svclab/runtime';
import type { ExecRequest, ExecResponse } from '@svclab/wire';
import { AsyncQueue } from '../pod/async-queue.ts';
import type { PodFiles } from '../pod/files.ts';
import { DEFAULT_PATH, enterPod, execEnvironment, findProgram, withEnvironment, withTerminal } from './command.ts';

/** Bounds of one program. */
export interface ExecLimits {
  /** Bytes of output (both streams) after which the program is killed. */
  readonly outputBytes: number;
  /** Milliseconds after which it is killed. */
  readonly timeMs: number;
}

/** Generous enough for `kubectl cp`, small enough for a runaway. */
export const EXEC_LIMITS: ExecLimits = { outputBytes: 1 << 28, timeMs: 3_600_000 };

/** Output held for a slow reader before the program is made to wait, bytes. */
const HIGH_WATER = 1 << 20;

/** A program to run in a pod. */
export interface ExecTarget {
  readonly netns: Pick<Netns, 'fd'>;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly files: PodFiles;
  /** Where the pod's files may be written; unique to the pod. */
  readonly directory: string;
  readonly stdin: boolean;
  readonly tty: boolean;
}

let mountable: boolean | undefined;

/** Whether this machine lets us have a mount namespace with mounts of our own (a container's AppArmor profile may not). Asked once. */
function canMount(): boolean {
  mountable ??=
    spawnSync('unshare', ['--mount', '--uts', '--propagation', 'private', 'mount', '--bind', '/etc', '/etc'], {
      stdio: 'ignore',
    }).status === 0;
  return mountable;
}

/** Writes the pod's files; they are the same for each program. */
function writeFiles(directory: string, files: PodFiles): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}

/** Forgets the pod's files. */
export function removeFiles(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

const exit = (code: number, error = ''): ExecResponse => ({
  message: { $case: 'exit', value: { code, error } },
});
const stderr = (text: string): ExecResponse => ({ message: { $case: 'stderr', value: Buffer.from(text) } });

/**
 * Runs a real program in the pod's network namespace, with the pod's `/etc/resolv.conf`, `/etc/hosts`, `/etc/hostname` and host name.
 * Its file system is the machine's. The stream ends with one `exit`; a program killed by signal N exits with 128+N, as in a shell.
 * @param input what the client sends after the start message
 * @param signal aborted when the client is gone: the program is killed
 */
export async function* runExec(
  target: ExecTarget,
  input: AsyncIterator<ExecRequest>,
  options: { readonly clock: Clock; readonly signal: AbortSignal; readonly limits?: ExecLimits },
): AsyncGenerator<ExecResponse, void, undefined> {
  const [program] = target.command;
  if (program === undefined || program === '') return yield exit(126, 'Command is empty: give a program to run');
  const env = execEnvironment(target.env, target.hostname, target.tty);
  if (findProgram(program, env.PATH ?? DEFAULT_PATH) === undefined)
    return yield exit(127, `exec: "${program}": executable file not found in $PATH`);
  let command: readonly string[] = withEnvironment(env, target.command);
  if (canMount()) {
    writeFiles(target.directory, target.files);
    command = enterPod(target.directory, target.hostname, command);
  } else yield stderr("svclab: no mounts on this machine: /etc/resolv.conf and /etc/hosts are not the pod's\n");
  const terminal = target.tty && findProgram('script', DEFAULT_PATH) !== undefined;
  if (terminal) command = withTerminal(command);
  const [file = '', ...args] = command;
  // `detached` makes it a process group of its own, so that it can be killed with its children.
  const child = spawnIn(target.netns, file, args, {
    env: { PATH: DEFAULT_PATH, SHELL: '/bin/sh' },
    stdio: [target.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    cwd: '/',
    detached: true,
  });
  yield* new Running(child, input, options).output();
}

/** A program that was started. */
class Running {
  readonly #child: ChildProcess;
  readonly #limits: ExecLimits;
  readonly #queue: AsyncQueue<ExecResponse>;
  #held = 0;
  #total = 0;
  /** Why we killed it. */
  #cut = '';

  constructor(
    child: ChildProcess,
    input: AsyncIterator<ExecRequest>,
    options: { readonly clock: Clock; readonly signal: AbortSignal; readonly limits?: ExecLimits },
  ) {
    this.#child = child;
    this.#limits = options.limits ?? EXEC_LIMITS;
    this.#queue = new AsyncQueue(() => {
      this.#held = 0;
      child.stdout?.resume();
      child.stderr?.resume();
    });
    child.stdout?.on('data', (chunk: Buffer) => this.#take('stdout', chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.#take('stderr', chunk));
    const cancel = options.clock.after(this.#limits.timeMs, () =>
      this.#end(`ran longer than ${this.#limits.timeMs} ms`),
    );
    const gone = (): void => this.#end('client is gone');
    options.signal.addEventListener('abort', gone, { once: true });
    const finish = (response: ExecResponse): void => {
      cancel();
      options.signal.removeEventListener('abort', gone);
      this.#queue.push(response);
      this.#queue.end();
    };
    child.on('error', (error) => finish(exit(126, `Program cannot be started: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (this.#cut !== '') this.#queue.push(stderr(`svclab: program was killed: it ${this.#cut}\n`));
      finish(exit(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
    });
    if (options.signal.aborted) gone();
    void this.#feed(input);
  }

  async *output(): AsyncGenerator<ExecResponse, void, undefined> {
    try {
      yield* this.#queue;
    } finally {
      // The reader left before the end.
      if (this.#child.exitCode === null && this.#child.signalCode === null) this.#signal('SIGKILL');
    }
  }

  #take(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#total += chunk.length;
    if (this.#total > this.#limits.outputBytes) {
      if (this.#cut === '') this.#end(`wrote more than ${this.#limits.outputBytes} bytes`);
      return;
    }
    this.#held += chunk.length;
    this.#queue.push({ message: { $case: stream, value: chunk } });
    if (this.#held > HIGH_WATER) this.#child[stream]?.pause();
  }

  #end(why: string): void {
    this.#cut = why;
    this.#signal('SIGKILL');
  }

  #signal(signal: NodeJS.Signals | number): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }

  /** Passes on what the client sends: input, its end, signals. A terminal's size cannot be changed through `script`. */
  async #feed(input: AsyncIterator<ExecRequest>): Promise<void> {
    const { stdin } = this.#child;
    // A program that ended closes its end of the pipe.
    stdin?.on('error', () => undefined);
    try {
      for (let next = await input.next(); !next.done; next = await input.next()) {
        const { message } = next.value;
        if (message?.$case === 'stdin') {
          if (stdin?.writable && !stdin.write(message.value))
            await new Promise<void>((resolve) => {
              stdin.once('drain', resolve);
              stdin.once('close', resolve);
            });
        } else if (message?.$case === 'stdinEof') stdin?.end();
        else if (message?.$case === 'signal') this.#signal(message.value);
      }
      stdin?.end();
    } catch {
      // The client is gone; the abort signal ends the program.
    }
  }
}
