/** `k6/data` for load scripts. */
import { ScriptError } from '../errors.ts';
import { vuOf } from '../vu.ts';

const vu = vuOf(import.meta.url);

/** A read-only array made once and shared by all virtual users. */
export const SharedArray = function sharedArray(name: string, make: () => readonly unknown[]): readonly unknown[] {
  if (!vu.initializing) throw new ScriptError(`SharedArray "${name}" must be made in the init context`);
  const known = vu.run.shared.get(name);
  if (known) return known;
  const made = Object.freeze([...make()]);
  vu.run.shared.set(name, made);
  return made;
} as unknown as new (
  name: string,
  make: () => readonly unknown[],
) => readonly unknown[];

export default { SharedArray };
