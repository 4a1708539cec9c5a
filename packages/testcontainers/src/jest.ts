/** `import 'svclab/jest'` in a test or a `setupFilesAfterEnv` file adds the matchers to jest's `expect`, with their types. */
import type {} from 'expect';
import { type LabMatchers, matchers } from './matchers.ts';

declare module 'expect' {
  interface Matchers<R extends void | Promise<void>> extends LabMatchers<R> {}
}

const jestExpect = (globalThis as { expect?: { extend?: (more: typeof matchers) => void } }).expect;
if (!jestExpect?.extend)
  throw new Error(
    "There is no global expect: import 'svclab/jest' in a test that jest runs, or call expect.extend(matchers) with matchers of 'svclab'",
  );
jestExpect.extend(matchers);
