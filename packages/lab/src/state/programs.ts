import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentError } from './errors.ts';

/**
 * Path of a built program (`controller`, `supervisor` ...): `dist/programs/NAME.js` of the checkout or package this code belongs to,
 * whether it runs from its source, compiled, or bundled. Fails with a LabError when it has not been built.
 */
export function programPath(name: string): string {
  return builtFile(join('dist', 'programs', `${name}.js`));
}

/** Path of a file below the checkout or package this code belongs to. */
export function builtFile(relative: string): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    const candidate = join(dir, relative);
    if (existsSync(candidate)) return candidate;
    if (dir === dirname(dir))
      throw environmentError(`File ${relative} is not built: run "npm run build" in the checkout`);
  }
}
