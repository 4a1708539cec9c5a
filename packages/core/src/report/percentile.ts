/** Order statistics of measured values. */

/**
 * The value below or at which the share `p` (0 to 1) of `values` lies, by the nearest-rank method: always a value that was measured.
 * `values` must be sorted ascending. 0 when there are none.
 */
export function percentileOfSorted(values: ArrayLike<number>, p: number): number {
  if (values.length === 0) return 0;
  const rank = Math.ceil(p * values.length);
  return values[Math.min(values.length - 1, Math.max(0, rank - 1))] ?? 0;
}

/** Median, 95th percentile and extremes of repeated measurements. */
export interface Spread {
  readonly n: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Summary of `values` in any order, rounded to 1/1000. All zero when there are none. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (p: number): number => round(percentileOfSorted(sorted, p), 3);
  return { n: sorted.length, min: at(0), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** `value` rounded to `digits` decimals. */
export function round(value: number, digits = 1): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
