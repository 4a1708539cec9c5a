/** What the HTML report's script draws: embedded in the page as JSON. Times are milliseconds since the run's first planned request. */

/** Requests of one flow and one outcome. */
export interface PagePoints {
  readonly flow: 'new' | 'reused';
  readonly outcome: string;
  /** Planned send times. */
  readonly t: readonly number[];
  /** From the planned send time to the verdict. */
  readonly ms: readonly number[];
  /** How many there were before successes were thinned out; losses never are. */
  readonly of: number;
}

/** A stretch of a lane or of the whole chart. */
export interface PageSpan {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly kind: 'fault' | 'down' | 'owner' | 'suspect' | 'not-ready' | 'dark';
}

/** Something that happened at an instant. */
export interface PageEvent {
  readonly at: number;
  readonly label: string;
  readonly kind: 'fault' | 'heal' | 'process' | 'member' | 'vip' | 'node' | 'endpoints' | 'rules' | 'pod' | 'probe';
}

/** One component's line in the chart of lanes. */
export interface PageLane {
  readonly name: string;
  readonly spans: readonly PageSpan[];
  readonly events: readonly PageEvent[];
}

/** Answers and losses a second. */
export interface PageRate {
  /** Middle of each bin. */
  readonly t: readonly number[];
  readonly answeredNew: readonly number[];
  readonly answeredReused: readonly number[];
  readonly lost: readonly number[];
}

/** One run's charts. */
export interface PageRun {
  readonly label: string;
  readonly durationMs: number;
  readonly points: readonly PagePoints[];
  readonly rate: PageRate;
  /** While a fault was there. */
  readonly faults: readonly PageSpan[];
  readonly lanes: readonly PageLane[];
}

/** A line of a chart over all runs. */
export interface PageLine {
  readonly name: string;
  readonly dashed: boolean;
  /** One value per entry of the chart's x; null where there is none. */
  readonly y: readonly (number | null)[];
}

/** Everything the page draws. */
export interface PageData {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly runs: readonly PageRun[];
  /** Index of the run that is shown first. */
  readonly shown: number;
  /** Share of runs, %, whose dark time was at most x ms; null with too few runs. */
  readonly ecdf: {
    readonly x: readonly number[];
    readonly lines: readonly PageLine[];
    readonly p50: number;
    readonly p95: number;
  } | null;
  /** Latency, ms, at x = 1 / (1 - percentile): 1 is the minimum, 10 is the 90th, 100 the 99th. */
  readonly percentiles: { readonly x: readonly number[]; readonly lines: readonly PageLine[] };
}
