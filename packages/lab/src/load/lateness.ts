/** How late an arrival-rate executor started its iterations: the load host's measure of itself. */
import { TrendSink } from './metrics.ts';

/** Lateness, milliseconds. All 0 when nothing was due at a certain time (the other executors). */
export interface Lateness {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * The p99 above which a run says nothing about the server: a twentieth of the 1 s time-out the scripts use, and well above what a timer of
 * Node.js and a busy but not starved machine add (a few milliseconds).
 */
export const LATENESS_BOUND_MS = 50;

/** Collects them, over the run and since the last look. */
export class LatenessRecorder {
  readonly #all = new TrendSink();
  #recent: number[] = [];

  add(ms: number): void {
    this.#all.add(ms);
    this.#recent.push(ms);
  }

  /** Over the whole run. */
  all(): Lateness {
    const of = (name: string): number => Math.round(this.#all.aggregate(name) * 100) / 100;
    return { p50: of('med'), p99: of('p(99)'), max: of('max') };
  }

  /** p99 since this was asked last. */
  recentP99(): number {
    const sorted = this.#recent.sort((a, b) => a - b);
    this.#recent = [];
    return Math.round((sorted[Math.floor(0.99 * (sorted.length - 1))] ?? 0) * 100) / 100;
  }
}
