/** What executors work with. */
import type { Clock } from '@svclab/core';

/** A virtual user (VU) as an executor sees it. */
export interface Worker {
  /** Runs one iteration to the end of its last async job. Never rejects. */
  iterate(): Promise<void>;
  /** Breaks off the running iteration; it counts as interrupted. */
  interrupt(): void;
}

/** What an executor works with. */
export interface ExecutorContext {
  readonly clock: Clock;
  /** The scenario's VUs that were made before the start. */
  readonly workers: readonly Worker[];
  /** Makes one more VU while the test runs (arrival-rate executors, up to maxVUs). */
  readonly spawn: () => Promise<Worker>;
  /** Counts an iteration that found no free VU. */
  readonly dropped: () => void;
  /** How long after it was due an iteration was started (or dropped), milliseconds: the executor's own fault, never the server's. */
  readonly late: (ms: number) => void;
  /** Lets timers and sockets have their turn between two iterations of a VU, so that one that never waits cannot starve them. */
  readonly turn: () => Promise<void>;
  /** Aborted: start nothing more. */
  readonly signal: AbortSignal;
}
