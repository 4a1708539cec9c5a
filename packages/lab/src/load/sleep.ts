/** A wait that ends early when the run is told to end. */
import type { Clock } from '@svclab/core';

/** Resolves after `ms`, or at once when `signal` is aborted. */
export function sleep(context: { readonly clock: Clock; readonly signal: AbortSignal }, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = context.clock.after(ms, done);
    function done(): void {
      context.signal.removeEventListener('abort', done);
      cancel();
      resolve();
    }
    context.signal.addEventListener('abort', done);
  });
}
