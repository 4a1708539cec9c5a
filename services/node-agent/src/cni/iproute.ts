/** The programs `ip` and `bridge` of iproute2 as an adapter. */
import { type ProgramResult, runProgram, type Spawn } from '../exec.ts';

/** A program of iproute2 refused something. */
export class IprouteError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'IprouteError';
  }
}

/** Looks at and changes the network of the namespace its programs are started in. */
export class Iproute {
  readonly #spawn: Spawn;

  constructor(spawn: Spawn) {
    this.#spawn = spawn;
  }

  /** What `ip -j ARGS` prints. Rejects with {@link IprouteError} when it fails. */
  show(...args: string[]): Promise<string> {
    return this.#print('ip', args);
  }

  /** The forwarding entries of a device as `bridge -j` prints them. */
  showForwarding(device: string): Promise<string> {
    return this.#print('bridge', ['fdb', 'show', 'dev', device]);
  }

  /** Runs the lines in order; one that fails does not keep the others. Rejects with {@link IprouteError} when one failed. */
  async change(program: 'ip' | 'bridge', lines: readonly string[]): Promise<void> {
    const result = await runProgram(this.#spawn, program, ['-force', '-batch', '-'], `${lines.join('\n')}\n`);
    if (result.code !== 0) throw failure(`${program} -batch`, result);
  }

  async #print(program: string, args: readonly string[]): Promise<string> {
    const result = await runProgram(this.#spawn, program, ['-j', ...args]);
    if (result.code !== 0) throw failure([program, ...args].join(' '), result);
    return result.stdout.trim();
  }
}

function failure(what: string, { code, stderr }: ProgramResult): IprouteError {
  return new IprouteError(`${what} ended with ${code}: ${stderr.trim().replaceAll('\n', '; ')}`);
}
