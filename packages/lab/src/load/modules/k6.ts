/** `k6` for load scripts: `check` and `fail`. `sleep` and `group` are left out: they block, which only k6 can. */
import { vuOf } from '../vu.ts';

const vu = vuOf(import.meta.url);

/** Runs each check on `value`; true when all hold. A check that throws has failed, and throws on. */
export function check<T>(
  value: T,
  sets: Readonly<Record<string, ((value: T) => unknown) | unknown>>,
  tags: Readonly<Record<string, string>> = {},
): boolean {
  let all = true;
  for (const [name, test] of Object.entries(sets)) {
    let ok = false;
    try {
      ok = Boolean(typeof test === 'function' ? test(value) : test);
    } finally {
      const counts = vu.run.checks.get(name) ?? { passes: 0, fails: 0 };
      counts[ok ? 'passes' : 'fails']++;
      vu.run.checks.set(name, counts);
      vu.sample('checks', ok ? 1 : 0, { check: name, ...tags });
    }
    all &&= ok;
  }
  return all;
}

/** Ends the iteration. */
export function fail(message = 'iteration failed'): never {
  throw new Error(message);
}

export default { check, fail };
