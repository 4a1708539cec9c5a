/** Running a program on a host of a lab. The supervisor starts it, so it has the lab's rights and ends with the lab. */
import { constants } from 'node:os';
import type { ExecResponse, HostExecRequest } from '@svclab/wire';
import type { LabConnection } from './connect.ts';
import { withTerminal } from './terminal.ts';

/** A program to run on a host. */
export interface HostCommand {
  readonly host: string;
  readonly command: readonly string[];
  /** Added to the caller's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A program that runs on a host. */
export interface HostProgram {
  /** Resolves with the exit code, 128 + n after signal n. Rejects when the call itself fails. */
  readonly exit: Promise<number>;
  /** Writes to its standard input. */
  write(chunk: Uint8Array): void;
  /** Ends its standard input. */
  end(): void;
  /** Sends a signal to its process group. */
  kill(signal: NodeJS.Signals): void;
}

/** Where a program's output goes. */
export interface HostOutput {
  readonly stdout: (chunk: Uint8Array) => void;
  readonly stderr: (chunk: Uint8Array) => void;
}

/** Input travels in pieces of this many bytes. */
const CHUNK = 1 << 16;

/** A queue that is read as an async iterable. */
class Requests implements AsyncIterable<HostExecRequest> {
  readonly #queue: HostExecRequest[] = [];
  #wake = (): void => {};
  #closed = false;

  push(message: HostExecRequest['message']): void {
    this.#queue.push({ message });
    this.#wake();
  }
  close(): void {
    this.#closed = true;
    this.#wake();
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<HostExecRequest> {
    for (;;) {
      const next = this.#queue.shift();
      if (next) yield next;
      else if (this.#closed) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

/** What of this machine's environment means the same in a container. */
function shared(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    ['TERM', 'LANG', 'NO_COLOR', 'TZ'].flatMap((k) => (env[k] === undefined ? [] : [[k, env[k]]])),
  );
}

/** Starts a program on a host, in the caller's working directory and environment. A host that is not there or down rejects `exit`. */
export function startOnHost(lab: LabConnection, command: HostCommand, output: HostOutput): HostProgram {
  const requests = new Requests();
  const env = Object.fromEntries(
    Object.entries(lab.local ? { ...process.env, ...command.env } : { ...shared(process.env), ...command.env }).flatMap(
      ([k, v]) => (v === undefined ? [] : [[k, v]]),
    ),
  );
  requests.push({
    $case: 'start',
    value: { host: command.host, command: [...command.command], cwd: lab.local ? process.cwd() : '/', env },
  });
  const exit = receive(lab.service.exec(requests), output).finally(() => requests.close());
  return {
    exit,
    write: (chunk) => requests.push({ $case: 'stdin', value: Buffer.from(chunk) }),
    end: () => requests.push({ $case: 'stdinEof', value: true }),
    kill: (signal) => requests.push({ $case: 'signal', value: constants.signals[signal] }),
  };
}

async function receive(responses: AsyncIterable<ExecResponse>, output: HostOutput): Promise<number> {
  for await (const { message } of responses) {
    if (message?.$case === 'stdout') output.stdout(message.value);
    else if (message?.$case === 'stderr') output.stderr(message.value);
    else if (message?.$case === 'exit') {
      if (message.value.error !== '') output.stderr(Buffer.from(`svclab: ${message.value.error}\n`));
      return message.value.code;
    }
  }
  throw new Error('The lab ended while the program ran');
}

/**
 * Runs a program on a host with this process's own standard streams, passing signals on. Resolves with its exit code.
 * On a terminal the program gets one as well, and the caller's is raw meanwhile: keys go to the program as they are.
 */
export async function runOnHost(lab: LabConnection, command: HostCommand): Promise<number> {
  const { stdin, stdout } = process;
  const terminal =
    stdin.isTTY && stdout.isTTY
      ? withTerminal(command.command, { columns: stdout.columns, rows: stdout.rows })
      : undefined;
  const program = startOnHost(
    lab,
    { ...command, command: terminal ?? command.command },
    { stdout: (chunk) => stdout.write(chunk), stderr: (chunk) => process.stderr.write(chunk) },
  );
  if (terminal) stdin.setRawMode(true);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => program.kill(signal));
  stdin.on('data', (chunk: Buffer) => program.write(chunk));
  stdin.on('end', () => program.end());
  stdin.on('error', () => program.end());
  try {
    return await program.exit;
  } finally {
    if (terminal) stdin.setRawMode(false);
    stdin.destroy();
  }
}

/** Runs a program on a host to its end, with `input` as its standard input, and returns what it said. */
export async function captureOnHost(
  lab: LabConnection,
  command: HostCommand,
  input?: Uint8Array,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const program = startOnHost(lab, command, { stdout: (c) => out.push(c), stderr: (c) => err.push(c) });
  if (input) for (let at = 0; at < input.length; at += CHUNK) program.write(input.subarray(at, at + CHUNK));
  program.end();
  const code = await program.exit;
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}
