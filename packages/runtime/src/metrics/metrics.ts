/** What a process says about itself in numbers. The library behind it is loaded only where metrics are wanted. */

/** Values of a metric's labels. */
export type Labels<L extends string> = Readonly<Record<L, string>>;

/** What a metric is called and means. */
export interface MetricSpec<L extends string> {
  /** As Prometheus names them: a unit in base units last (`_seconds`, `_bytes`), `_total` after it for a counter. */
  readonly name: string;
  readonly help: string;
  /** Names of the labels; none when left out. */
  readonly labels?: readonly L[];
}

/** One value among those of a metric. */
export interface Sample<L extends string> {
  readonly labels: Labels<L>;
  readonly value: number;
}

/** A metric whose values are kept elsewhere and read at each scrape. */
export interface ReadSpec<L extends string> extends MetricSpec<L> {
  readonly read: () => Iterable<Sample<L>> | Promise<Iterable<Sample<L>>>;
}

/** A distribution. */
export interface HistogramSpec<L extends string> extends MetricSpec<L> {
  /** Upper bounds, ascending; the one without a bound is added. */
  readonly buckets: readonly number[];
}

/** Adds to a counter, by 1 unless told otherwise. */
export type Count<L extends string> = (labels: Labels<L>, by?: number) => void;
/** Adds one observation to a distribution. */
export type Observe<L extends string> = (labels: Labels<L>, value: number) => void;

/** Where a process declares its metrics, once, when it starts. */
export interface Metrics {
  /** Whether anybody can read them: what costs something to keep is kept only then. */
  readonly enabled: boolean;
  counter<L extends string = never>(spec: MetricSpec<L>): Count<L>;
  histogram<L extends string = never>(spec: HistogramSpec<L>): Observe<L>;
  /** A count kept elsewhere, which only grows. */
  countOf<L extends string = never>(spec: ReadSpec<L>): void;
  gauge<L extends string = never>(spec: ReadSpec<L>): void;
}

const nothing = (): void => undefined;

/** For a lab without metrics: remembers nothing. */
export const NO_METRICS: Metrics = {
  enabled: false,
  counter: () => nothing,
  histogram: () => nothing,
  countOf: nothing,
  gauge: nothing,
};

/** The one value of a metric without labels. */
export function single(value: number): Sample<never>[] {
  return [{ labels: {} as Labels<never>, value }];
}

/** `count` bounds from `start`, each `factor` times the one before. Source: client_golang `prometheus.ExponentialBuckets`. */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((start * factor ** i).toPrecision(12)));
}

/** `count` bounds from `start`, each `width` more than the one before. Source: client_golang `prometheus.LinearBuckets`. */
export function linearBuckets(start: number, width: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((start + width * i).toPrecision(12)));
}
