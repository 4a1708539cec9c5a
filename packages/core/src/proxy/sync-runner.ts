/** When to program: at once if it has been quiet, else no more often than the limit. */
import type { Cancel, Clock } from '../clock.ts';

/** Limits of a {@link SyncRunner}. */
export interface SyncRunnerOptions {
  readonly clock: Clock;
  /** Average time between two runs, ms; 0 for no limit. */
  readonly minIntervalMs: number;
  /** Runs that may follow each other at once after a quiet time. */
  readonly burst: number;
  /** Wait after a failed run, ms. */
  readonly retryMs: number;
  /** One run; rejects when it failed. Never called while one is under way. */
  readonly run: () => Promise<void>;
}

/**
 * Runs a function when asked, never twice at the same time; requests during a run lead to one more.
 * Source of the limit: kubernetes `pkg/util/async/bounded_frequency_runner.go` (a token bucket of `burst`, one token per interval).
 */
export class SyncRunner {
  readonly #options: SyncRunnerOptions;
  #tokens: number;
  #filledMs: number;
  #wanted = false;
  #running = false;
  #stopped = false;
  #timer: Cancel | undefined;

  constructor(options: SyncRunnerOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledMs = options.clock.now();
  }

  /** Asks for a run. */
  request(): void {
    this.#wanted = true;
    if (!this.#timer) this.#next();
  }

  /** No run begins any more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.();
    this.#timer = undefined;
  }

  #next(): void {
    if (this.#stopped || this.#running || !this.#wanted) return;
    const waitMs = this.#waitMs();
    if (waitMs > 0) this.#wait(waitMs);
    else this.#start();
  }

  #wait(ms: number): void {
    this.#timer = this.#options.clock.after(ms, () => {
      this.#timer = undefined;
      this.#next();
    });
  }

  #start(): void {
    this.#tokens -= 1;
    this.#wanted = false;
    this.#running = true;
    this.#options.run().then(
      () => this.#ended(undefined),
      () => this.#ended(this.#options.retryMs),
    );
  }

  #ended(retryMs: number | undefined): void {
    this.#running = false;
    if (this.#stopped) return;
    if (retryMs === undefined) {
      this.#next();
      return;
    }
    this.#wanted = true;
    this.#wait(retryMs);
  }

  /** Time until a token is there; 0 when one is. */
  #waitMs(): number {
    const { clock, minIntervalMs, burst } = this.#options;
    if (minIntervalMs <= 0) {
      this.#tokens = burst;
      return 0;
    }
    const now = clock.now();
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filledMs) / minIntervalMs);
    this.#filledMs = now;
    // A thousandth of slack, or rounding would make a timer of a vanishing wait.
    return this.#tokens >= 0.999 ? 0 : (1 - this.#tokens) * minIntervalMs;
  }
}
