/** `import 'svclab/vitest'` in a test or a set-up file adds the matchers to vitest's `expect`, with their types. */
import { expect } from 'vitest';
import { type LabMatchers, matchers } from './matchers.ts';

declare module 'vitest' {
  interface Matchers<T> extends LabMatchers<T> {}
}

expect.extend(matchers);
