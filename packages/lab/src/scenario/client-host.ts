/** Our measuring programs on the lab's client host. */
import type { LabConnection } from '../client/connect.ts';
import { startOnHost } from '../client/exec.ts';
import { environmentError } from '../state/errors.ts';

/** A program that runs on the client host. */
export interface ClientProgram {
  /** Resolves when it has ended; never rejects. */
  readonly done: Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
  /** Asks it to end early and say what it has (SIGINT). */
  interrupt(): void;
}

/** Name of the client host. Fails with a LabError when the lab has none. */
export function clientHost(lab: LabConnection): string {
  const host = lab.config.hosts.find((h) => h.role === 'client')?.name;
  if (host === undefined) throw environmentError(`Lab ${lab.name} has no client host`);
  return host;
}

/** Most of the talk that is kept for a message. */
const KEPT_LINES = 20;

/** Starts a program on the client host. Its stdout is collected; `onLine` gets each line of its talk on stderr. */
export function startOnClient(
  lab: LabConnection,
  command: readonly string[],
  onLine: (line: string) => void = () => {},
): ClientProgram {
  const stdout: Uint8Array[] = [];
  const talk: string[] = [];
  let rest = '';
  const program = startOnHost(
    lab,
    { host: clientHost(lab), command, env: { K6_NO_USAGE_REPORT: 'true' } },
    {
      stdout: (chunk) => stdout.push(chunk),
      stderr: (chunk) => {
        const lines = (rest + Buffer.from(chunk).toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          talk.push(line);
          if (talk.length > KEPT_LINES) talk.shift();
          onLine(line);
        }
      },
    },
  );
  program.end();
  const said = (code: number, more = '') => ({
    code,
    stdout: Buffer.concat(stdout).toString(),
    stderr: [...talk, rest, more].filter((line) => line !== '').join('\n'),
  });
  return {
    done: program.exit.then(
      (code) => said(code),
      (error: unknown) => said(4, (error as Error).message),
    ),
    interrupt: () => program.kill('SIGINT'),
  };
}
