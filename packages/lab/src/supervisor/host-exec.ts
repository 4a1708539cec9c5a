/** Programs run on a host for the CLI: standard streams over gRPC, signals to the process group, the end with the exit code. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Clock } from '@svclab/core';
import type { ExecResponse, HostExecRequest, HostExecStart } from '@svclab/wire';
import { badInput } from '../state/errors.ts';

/** Output waiting for a slow reader is bounded: at this many messages the program's pipes are paused. */
const HIGH_WATER = 64;

/** How long after a program's end its output may still come, ms. */
const LINGER_MS = 200;

/** What shells answer for programs that cannot be found or started. */
const NOT_FOUND = 127;
const NOT_STARTED = 126;
const SIGNAL_BASE = 128;

/** Where programs are started. */
export interface ExecHost {
  readonly clock: Clock;
  /** Starts the program as the leader of a process group of its own, with pipes as its standard streams. Fails with a LabError. */
  launch(start: HostExecStart): ChildProcess;
}

/** Serves one exec call. */
export async function* hostExec(
  host: ExecHost,
  requests: AsyncIterable<HostExecRequest>,
  signal: AbortSignal,
): AsyncGenerator<ExecResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const start = first.done ? undefined : first.value.message;
  if (start?.$case !== 'start') throw badInput('An exec call begins with its start message');
  const output = new Output();
  if (!start.value.command[0]) throw badInput('No program was given: write it after --');
  const child = host.launch(start.value);
  const end = (): void => killGroup(child, 'SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  child.once('error', (error: NodeJS.ErrnoException) =>
    output.finish({
      code: error.code === 'ENOENT' ? NOT_FOUND : NOT_STARTED,
      error: error.code === 'ENOENT' ? `Program ${start.value.command[0]} is not on PATH` : error.message,
    }),
  );
  output.attach(child);
  child.once('exit', (code, name) => {
    const exit = { code: code ?? SIGNAL_BASE + (name ? constants.signals[name] : 0), error: '' };
    child.once('close', () => output.finish(exit));
    // A job it left in the background holds the pipes open: the program has ended all the same.
    host.clock.after(LINGER_MS, () => output.finishWhenQuiet(exit));
  });
  void feed(child, iterator);
  try {
    yield* output.messages();
  } finally {
    signal.removeEventListener('abort', end);
    if (child.exitCode === null && child.signalCode === null) end();
  }
}

function killGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // The whole group has ended.
  }
}

async function feed(child: ChildProcess, requests: AsyncIterator<HostExecRequest>): Promise<void> {
  child.stdin?.on('error', () => {});
  try {
    for (let next = await requests.next(); !next.done; next = await requests.next()) {
      const message = next.value.message;
      if (message?.$case === 'stdin') child.stdin?.write(message.value);
      else if (message?.$case === 'stdinEof') child.stdin?.end();
      else if (message?.$case === 'signal') {
        const name = Object.entries(constants.signals).find(([, n]) => n === message.value)?.[0];
        if (name) killGroup(child, name as NodeJS.Signals);
      }
    }
  } catch {
    // The caller is gone; the call's abort ends the program.
  }
}

/** Messages from a program's pipes to whoever iterates. */
class Output {
  readonly #queue: ExecResponse[] = [];
  #wake = (): void => {};
  #done = false;
  #afterwards: { code: number; error: string } | undefined;
  #child: ChildProcess | undefined;

  attach(child: ChildProcess): void {
    this.#child = child;
    child.stdout?.on('data', (value: Buffer) => this.#push({ message: { $case: 'stdout', value } }));
    child.stderr?.on('data', (value: Buffer) => this.#push({ message: { $case: 'stderr', value } }));
  }

  finish(exit: { code: number; error: string }): void {
    if (this.#done) return;
    this.#done = true;
    this.#push({ message: { $case: 'exit', value: exit } });
  }

  /** Ends as {@link finish} does, once everything that was waiting has been taken. */
  finishWhenQuiet(exit: { code: number; error: string }): void {
    if (this.#queue.length === 0) this.finish(exit);
    else this.#afterwards = exit;
  }

  async *messages(): AsyncGenerator<ExecResponse> {
    for (;;) {
      const next = this.#queue.shift();
      if (next) {
        if (this.#queue.length < HIGH_WATER) this.#flow('resume');
        yield next;
        if (next.message?.$case === 'exit') return;
      } else if (this.#afterwards) this.finish(this.#afterwards);
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  #push(message: ExecResponse): void {
    this.#queue.push(message);
    if (this.#queue.length >= HIGH_WATER) this.#flow('pause');
    this.#wake();
  }

  #flow(what: 'pause' | 'resume'): void {
    this.#child?.stdout?.[what]();
    this.#child?.stderr?.[what]();
  }
}
