/** What the relay is told when it starts, as JSON in its first argument. */
export interface RelayOptions {
  readonly lines: readonly RelayLine[];
  /** Mark of the frames it sends (`meta mark`), so that they are not held again. */
  readonly mark: number;
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly reorder: boolean;
  /** Of the jitter. */
  readonly seed: number;
}

/** Frames of one way. */
export interface RelayLine {
  /** Interface they come in on. */
  readonly tap: string;
  /** Bridge port they leave by. */
  readonly port: string;
}

/** What it says last, as JSON. */
export interface RelayCounts {
  /** Frames it passed on (a large segment is one). */
  readonly passed: number;
  /** Frames lost: it was full or too slow, or the way out was down. */
  readonly lost: number;
  /** How late frames left, ms: median, 95th percentile, maximum of the last ones. */
  readonly late: readonly [p50: number, p95: number, max: number];
}

/** What it says when it holds frames, and when it has been told to hold none and has let go of all. */
export const RELAY_READY = 'ready';
export const RELAY_OPEN = 'open';
