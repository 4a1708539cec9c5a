/** The globals k6 has and Node has not; the loader imports them in front of every script module. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ScriptError } from '../errors.ts';
import { vuOf } from '../vu.ts';

export { clearInterval, clearTimeout, setInterval, setTimeout } from './timers.ts';

const vu = vuOf(import.meta.url);

/** Number of the virtual user, 0 where the script is only read. */
export const __VU = vu.id;
/** Environment the script was given (`--env`), with the scenario's on top. */
export const __ENV: Readonly<Record<string, string>> = { ...vu.run.env, ...vu.scenario.env };
/** Number of the VU's iteration, from 0. */
export let __ITER = 0;
vu.onIteration = (iteration) => {
  __ITER = iteration;
};

/** Reads a file beside the script, as text or with mode `b` as bytes. Init context only. */
export function open(path: string, mode = ''): string | ArrayBuffer {
  if (!vu.initializing) throw new ScriptError('open() can only be used in the init context');
  let bytes: Buffer;
  try {
    bytes = readFileSync(resolve(vu.run.scriptDir, path));
  } catch (error) {
    throw new ScriptError(
      `File "${path}" cannot be read (${(error as NodeJS.ErrnoException).code}): give one that is there, paths start at the script's folder`,
      path,
    );
  }
  return mode === 'b'
    ? (bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer)
    : bytes.toString('utf8');
}
