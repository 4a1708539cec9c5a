import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** Writes a file others may be reading: they find the old text or the new one, never a part. Fails as `writeFileSync` does. */
export function writeWhole(path: string, text: string, mode = 0o644): void {
  const next = `${path}.new`;
  rmSync(next, { force: true });
  writeFileSync(next, text, { mode });
  renameSync(next, path);
}
