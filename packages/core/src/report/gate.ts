/**
 * Whether a measurement is worse than what the same scenario cost before, as OpenShift's monitor tests judge disruption: against percentiles of
 * the past with leeway, not against a fixed number.
 */
import { percentileOfSorted, round } from './percentile.ts';

/** One figure of a report. */
export interface GateFigure {
  readonly p50: number;
  readonly p95: number;
}

/** A figure that is judged. */
export interface GateFinding {
  /** Name of the figure and of the statistic, `dark_ms.new.p95`. */
  readonly figure: string;
  readonly found: number;
  /** What the past says: the median of past medians, or the 95th percentile of past 95th percentiles. */
  readonly past: number;
  /** Highest value that passes. */
  readonly limit: number;
  readonly held: boolean;
}

/** What the judgement takes into account. */
export interface GateOptions {
  /** How much worse is still right, 0.3 for 30 %. */
  readonly leeway: number;
  /** Error of a single value of a figure: a difference within it is none. */
  readonly error: (figure: string) => number;
}

/**
 * Judges each figure of `current` that the past has too. `past` holds one record per earlier report; a figure that is missing there is not
 * judged.
 */
export function gate(
  current: Readonly<Record<string, GateFigure>>,
  past: readonly Readonly<Record<string, GateFigure>>[],
  options: GateOptions,
): GateFinding[] {
  return Object.entries(current).flatMap(([name, figure]) =>
    (['p50', 'p95'] as const).flatMap((statistic) => {
      const values = past
        .flatMap((record) => (record[name] === undefined ? [] : [record[name][statistic]]))
        .sort((a, b) => a - b);
      if (values.length === 0) return [];
      const reference = percentileOfSorted(values, statistic === 'p50' ? 0.5 : 0.95);
      const limit = round(reference * (1 + options.leeway) + options.error(name), 3);
      const found = figure[statistic];
      return [{ figure: `${name}.${statistic}`, found, past: reference, limit, held: found <= limit }];
    }),
  );
}
