/** Who may use a lab's directory: one `up` at a time, and only a directory that holds a lab or nothing. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startTimeOf } from '../client/connect.ts';
import { badInput, environmentError } from './errors.ts';
import type { LabPaths } from './paths.ts';

/** What the directory of a lab holds. */
export type StateKind = 'none' | 'lab' | 'foreign';

/** Looks at a lab's directory. `foreign`: there are files, and no `lab.json` of this lab among them. */
export function stateKind(paths: LabPaths, name: string): StateKind {
  let entries: string[];
  try {
    entries = readdirSync(paths.dir);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'none' : 'foreign';
  }
  if (entries.length === 0) return 'none';
  try {
    const found = JSON.parse(readFileSync(paths.config, 'utf8')) as { name?: unknown } | null;
    return found?.name === name ? 'lab' : 'foreign';
  } catch {
    return 'foreign';
  }
}

/** Removes a lab's state. Fails with a LabError (environment), and removes nothing, when the directory holds something else. */
export function removeState(paths: LabPaths, name: string): void {
  if (stateKind(paths, name) === 'foreign')
    throw environmentError(
      `Directory ${paths.dir} holds something other than lab "${name}" and is left alone: choose another --name, or set SVCLAB_STATE_DIR to a directory for labs alone`,
    );
  rmSync(paths.dir, { recursive: true, force: true });
}

/**
 * Reserves a lab's name for the `up` that is starting it; the result lets go of it. A reservation whose process has ended is void.
 * Fails with a LabError: bad input when another `up` of that name is at work, environment when the directory cannot be written.
 */
export function reserve(paths: LabPaths, name: string): () => void {
  const root = dirname(paths.dir);
  const file = join(root, `.${name}.starting`);
  const mine = JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) });
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      if (create(file, mine)) return () => rmSync(file, { force: true });
      const holder = holderOf(file);
      if (holder !== undefined)
        throw badInput(`Lab "${name}" is being started by process ${holder}: wait for it, or choose another --name`);
      rmSync(file, { force: true });
    }
  } catch (error) {
    if ((error as Error).name === 'LabError') throw error;
    throw environmentError(
      `State directory ${root} cannot be used: ${(error as Error).message} (set SVCLAB_STATE_DIR to one you may write)`,
      error,
    );
  }
  throw badInput(`Lab "${name}" is being started by another process: wait for it, or choose another --name`);
}

function create(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Pid of the living process that holds a reservation. */
function holderOf(file: string): number | undefined {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; startTime: string };
    return startTimeOf(pid) === startTime ? pid : undefined;
  } catch {
    return undefined;
  }
}
