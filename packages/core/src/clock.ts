/** Time and chance as arguments: the only doors through which the control plane sees either. */

/** Ends a timer; calling it twice is harmless. */
export type Cancel = () => void;

/** The clock. Durations are milliseconds; `nowNs` is monotonic nanoseconds comparable between all processes of one machine. */
export interface Clock {
  /** Monotonic time, milliseconds (fractions allowed). */
  now(): number;
  /** Monotonic time, nanoseconds (CLOCK_MONOTONIC). */
  nowNs(): bigint;
  /** Wall clock, milliseconds since the epoch: for timestamps people read, never for timers. */
  wall(): number;
  /** Calls `fn` once after `ms`. */
  after(ms: number, fn: () => void): Cancel;
  /** Calls `fn` each `ms`. */
  every(ms: number, fn: () => void): Cancel;
}

/** A source of chance. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}
