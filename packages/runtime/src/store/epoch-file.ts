import { readFileSync, writeFileSync } from 'node:fs';

/** The epoch (creation time of the store) written earlier; undefined when there is none. */
export function recallEpoch(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Remembers the epoch for later starts of this process. */
export function rememberEpoch(file: string, epoch: string): void {
  writeFileSync(file, `${epoch}\n`);
}
