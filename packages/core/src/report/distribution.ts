/** Repeated measurements: their order statistics, and how sure the median is. */
import type { Random } from '../clock.ts';
import { seededRandom } from '../random.ts';
import { percentileOfSorted, round } from './percentile.ts';

/** A distribution over runs. */
export interface Distribution {
  readonly n: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly mean: number;
  /** 95 % bootstrap interval of the median (percentile method, seeded by the report's seed): [low, high]. */
  readonly ci95: readonly [number, number];
  /** Error of each single value, ms for times and 0 for counts. */
  readonly error: number;
}

/** How often the bootstrap draws: the ends of a 95 % interval then move by less than a value's own error. */
export const RESAMPLES = 2000;

/** Where the chance of the bootstrap comes from and how often it draws. */
export interface BootstrapOptions {
  /** The same seed gives the same interval. */
  readonly seed: number;
  /** {@link RESAMPLES} when left out. */
  readonly resamples?: number;
}

/**
 * Summary of `values` in any order. Percentiles are nearest-rank, so always values that were measured. All zero when there are none; with one
 * value the interval is that value: nothing is known about its spread.
 */
export function distribution(
  values: readonly number[],
  options: BootstrapOptions & { readonly error: number },
): Distribution {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (p: number): number => round(percentileOfSorted(sorted, p), 3);
  const medians = resampledMedians(sorted, seededRandom(options.seed), options.resamples ?? RESAMPLES);
  return {
    n: sorted.length,
    min: at(0),
    p50: at(0.5),
    p95: at(0.95),
    max: at(1),
    mean: sorted.length === 0 ? 0 : round(sorted.reduce((sum, v) => sum + v, 0) / sorted.length, 3),
    ci95: middle95(medians),
    error: options.error,
  };
}

/** How two sets of measurements differ. */
export interface MedianDifference {
  readonly before: number;
  readonly after: number;
  /** Median of `after` minus median of `before`. */
  readonly difference: number;
  /** 95 % bootstrap interval of the difference: [low, high]. */
  readonly ci95: readonly [number, number];
  /**
   * `differs`: the interval leaves out 0 and the difference exceeds the error of the measurement. `same`: it does not. `unknown`: fewer than
   * {@link ENOUGH} values on a side, from which no interval follows.
   */
  readonly verdict: 'differs' | 'same' | 'unknown';
}

/** Fewest values a side from which the median's spread can be told. */
export const ENOUGH = 5;

/** Compares the medians of two independent sets of measurements; each side is resampled on its own. `error`: that of a single value. */
export function differenceOfMedians(
  before: readonly number[],
  after: readonly number[],
  options: BootstrapOptions & { readonly error: number },
): MedianDifference {
  const random = seededRandom(options.seed);
  const [a, b] = [[...before].sort((x, y) => x - y), [...after].sort((x, y) => x - y)];
  const resamples = options.resamples ?? RESAMPLES;
  const [fromA, fromB] = [resampledMedians(a, random, resamples), resampledMedians(b, random, resamples)];
  const ci95 = middle95(fromA.length === 0 || fromB.length === 0 ? [] : fromA.map((m, i) => (fromB[i] ?? 0) - m));
  const [p, q] = [percentileOfSorted(a, 0.5), percentileOfSorted(b, 0.5)];
  const outside = ci95[0] > 0 || ci95[1] < 0;
  return {
    before: round(p, 3),
    after: round(q, 3),
    difference: round(q - p, 3),
    ci95,
    verdict:
      Math.min(a.length, b.length) < ENOUGH
        ? 'unknown'
        : outside && Math.abs(q - p) > options.error
          ? 'differs'
          : 'same',
  };
}

/** Medians of `resamples` draws with replacement, in the order they were drawn; none of no values. */
function resampledMedians(values: readonly number[], random: Random, resamples: number): number[] {
  const n = values.length;
  if (n === 0) return [];
  const draw = new Float64Array(n);
  return Array.from({ length: resamples }, () => {
    for (let i = 0; i < n; i++) draw[i] = values[Math.floor(random.next() * n)] ?? 0;
    return percentileOfSorted(draw.sort(), 0.5);
  });
}

/** From the 2.5th to the 97.5th percentile. */
function middle95(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  return [round(percentileOfSorted(sorted, 0.025), 3), round(percentileOfSorted(sorted, 0.975), 3)];
}
