/** Runs the system programs the agent relies on. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { spawn } from 'node:child_process';

/** How a program is started; tests start it in another network namespace. */
export type Spawn = (command: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

/** Starts programs where the agent itself runs. */
export const spawnHere: Spawn = (command, args, options) => spawn(command, args, options);

/** How a program ended. */
export interface ProgramResult {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end with `input` on stdin. Rejects only when it cannot be started (ENOENT when it is not installed). */
export function runProgram(
  spawnProgram: Spawn,
  command: string,
  args: readonly string[],
  input = '',
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawnProgram(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    // A program that ends early closes its input; how it ended tells why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    child.on('close', (code) =>
      resolve({
        code: code ?? -1,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
  });
}
