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
  return [own, resolve(path), builtFile(path)].find((p) => statSync(p, { throwIfNoEntry: false }) !== undefined) ?? own;
}
