import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { CommandResult } from '../faults/definition.ts';

const SIGNAL_BASE = 128;
const NOT_FOUND = 127;

/** Gives a program its input and collects what it says until it has ended. Its standard streams must be pipes. */
export function runToEnd(child: ChildProcess, stdin: string): Promise<CommandResult> {
  return new Promise((resolve) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const done = (code: number): void =>
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', (error) => {
      err.push(Buffer.from(error.message));
      done(NOT_FOUND);
    });
    child.once('close', (code, signal) => done(code ?? SIGNAL_BASE + (signal ? constants.signals[signal] : 0)));
    // A program that ends without reading closes the pipe.
    child.stdin?.on('error', () => {});
    child.stdin?.end(stdin);
  });
}
