/** Files a scenario names. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { builtFile } from '../state/programs.ts';

/**
 * Absolute path of a file or folder a scenario names: from the scenario's own folder, else from the working directory, else among the files svclab
 * comes with (`examples/shop`). The first of these where there is none anywhere.
 */
export function findFile(folder: string, path: string): string {
  const own = resolve(folder, path);
  if (exists(own)) return own;
  const here = resolve(path);
  if (exists(here)) return here;
  try {
    return builtFile(path);
  } catch {
    return own;
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
