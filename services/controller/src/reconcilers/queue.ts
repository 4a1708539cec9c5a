import type { Cancel, Clock } from '@svclab/core';

/** First delay after a failure, milliseconds. Source: k8s.io/client-go `util/workqueue` (DefaultTypedControllerRateLimiter). */
const BASE_MS = 5;
/** Longest delay after failures, milliseconds: client-go waits up to 1000 s, which nobody would sit through here. */
const MAX_MS = 30_000;

/** Works on one key. Returns after how many milliseconds to look again by the clock, or nothing. A rejection is tried again later. */
export type KeyHandler = (key: string) => Promise<number | undefined>;

/** Is told how keys go through a queue. */
export interface QueueRecorder {
  /** A key waits now that did not before. */
  added(key: string): void;
  started(key: string): void;
  done(key: string): void;
  /** A key failed and comes back later. */
  retried(key: string): void;
}

/** What a {@link WorkQueue} needs. */
export interface QueueOptions {
  readonly clock: Clock;
  readonly handle: KeyHandler;
  /** Keys worked on at the same time; one key never is twice. */
  readonly workers?: number;
  /** Told about each failure and the delay before the next try. */
  readonly onError?: (key: string, error: unknown, retryMs: number) => void;
  readonly recorder?: QueueRecorder | undefined;
}

/**
 * A queue of keys: a key added while it waits is kept once, one added while it is worked on is worked on again afterwards,
 * one that fails comes back after 5 ms, 10 ms, 20 ms ... 30 s. Work begins in a microtask, never inside `add`.
 */
export class WorkQueue {
  readonly #options: QueueOptions;
  readonly #workers: number;
  readonly #waiting = new Set<string>();
  readonly #busy = new Set<string>();
  /** Keys added while they were worked on. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  /** Key -> its timer. */
  readonly #timers = new Map<string, { readonly dueMs: number; readonly cancel: Cancel }>();
  #started = false;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#workers = options.workers ?? 1;
  }

  /** Keys that wait to be worked on. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Begins to work. What was added before waits until then. */
  start(): void {
    this.#started = true;
    this.#wake();
  }

  /** Takes no more work; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#waiting.clear();
    if (this.#busy.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Wants the key to be worked on soon. */
  add(key: string): void {
    if (this.#stopped) return;
    if (this.#busy.has(key)) this.#again.add(key);
    else if (!this.#waiting.has(key)) {
      this.#waiting.add(key);
      this.#options.recorder?.added(key);
    }
    this.#wake();
  }

  /** Wants the key to be worked on in `ms`; of several wishes the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#stopped) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const dueMs = this.#options.clock.now() + ms;
    const present = this.#timers.get(key);
    if (present && present.dueMs <= dueMs) return;
    present?.cancel();
    const cancel = this.#options.clock.after(ms, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { dueMs, cancel });
  }

  #wake(): void {
    if (!this.#started || this.#stopped || this.#waiting.size === 0) return;
    queueMicrotask(() => this.#dispatch());
  }

  #dispatch(): void {
    for (const key of this.#waiting) {
      if (this.#stopped || this.#busy.size >= this.#workers) return;
      this.#waiting.delete(key);
      this.#busy.add(key);
      void this.#work(key);
    }
  }

  async #work(key: string): Promise<void> {
    this.#options.recorder?.started(key);
    try {
      const againMs = await this.#options.handle(key);
      this.#failures.delete(key);
      if (againMs !== undefined) this.addAfter(key, againMs);
    } catch (error) {
      const failures = this.#failures.get(key) ?? 0;
      const retryMs = Math.min(BASE_MS * 2 ** failures, MAX_MS);
      this.#failures.set(key, failures + 1);
      this.#options.recorder?.retried(key);
      if (!this.#stopped) this.#options.onError?.(key, error, retryMs);
      this.addAfter(key, retryMs);
    }
    this.#options.recorder?.done(key);
    this.#busy.delete(key);
    if (this.#again.delete(key)) this.add(key);
    if (this.#busy.size === 0) for (const fn of this.#idle.splice(0)) fn();
    this.#wake();
  }
}
