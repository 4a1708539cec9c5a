/** The end-of-test summary: the object `handleSummary` gets (k6's shape), and the text printed without one. */
import { createHash } from 'node:crypto';
import type { Contains, Metrics, MetricType, Values } from './metrics.ts';
import type { LoadOptions } from './options.ts';
import type { ThresholdResult } from './thresholds.ts';

/** A check's counts, as in `root_group`. */
export interface CheckSummary {
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly passes: number;
  readonly fails: number;
}

/** k6's `data` of `handleSummary(data)`. */
export interface SummaryData {
  readonly root_group: {
    readonly name: string;
    readonly path: string;
    readonly id: string;
    readonly groups: readonly [];
    readonly checks: readonly CheckSummary[];
  };
  readonly options: {
    readonly summaryTrendStats: readonly string[];
    readonly summaryTimeUnit: string;
    readonly noColor: boolean;
  };
  readonly state: { readonly isStdOutTTY: boolean; readonly isStdErrTTY: boolean; readonly testRunDurationMs: number };
  readonly metrics: Readonly<
    Record<
      string,
      {
        readonly type: MetricType;
        readonly contains: Contains;
        readonly values: Values;
        readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
      }
    >
  >;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** Makes the summary object. */
export function summaryData(input: {
  readonly metrics: Metrics;
  readonly options: LoadOptions;
  readonly checks: ReadonlyMap<string, { readonly passes: number; readonly fails: number }>;
  readonly thresholds: readonly ThresholdResult[];
  readonly elapsedMs: number;
  readonly isStdOutTTY: boolean;
  readonly isStdErrTTY: boolean;
}): SummaryData {
  const { options, elapsedMs } = input;
  const metrics: Record<string, SummaryData['metrics'][string]> = {};
  for (const { name, type, contains, sink } of input.metrics.entries()) {
    const own = input.thresholds.filter((t) => t.metric === name);
    metrics[name] = {
      type,
      contains,
      values: sink.values(options.summaryTrendStats, elapsedMs),
      ...(own.length > 0 ? { thresholds: Object.fromEntries(own.map((t) => [t.expression, { ok: t.ok }])) } : {}),
    };
  }
  return {
    root_group: {
      name: '',
      path: '',
      id: md5(''),
      groups: [],
      checks: [...input.checks].map(([name, counts]) => ({ name, path: `::${name}`, id: md5(`::${name}`), ...counts })),
    },
    options: { summaryTrendStats: options.summaryTrendStats, summaryTimeUnit: options.summaryTimeUnit, noColor: true },
    state: { isStdOutTTY: input.isStdOutTTY, isStdErrTTY: input.isStdErrTTY, testRunDurationMs: elapsedMs },
    metrics,
  };
}

/** Factor from milliseconds, and name, of `summaryTimeUnit`. */
const TIME_UNITS: Readonly<Record<string, readonly [number, string]>> = {
  '': [1, ' ms'],
  ms: [1, ' ms'],
  s: [1e-3, ' s'],
  us: [1e3, ' µs'],
};

/** The summary as text. */
export function summaryText(data: SummaryData, thresholds: readonly ThresholdResult[]): string {
  const lines: string[] = [];
  const n = (v: number): string => (Number.isInteger(v) ? String(v) : v.toFixed(2));
  for (const t of thresholds) lines.push(`${t.ok ? 'ok    ' : 'FAILED'} ${t.metric}: ${t.expression} (${n(t.value)})`);
  for (const c of data.root_group.checks)
    lines.push(`${c.fails === 0 ? 'ok    ' : 'FAILED'} check "${c.name}": ${c.passes} of ${c.passes + c.fails}`);
  const names = Object.keys(data.metrics).sort();
  const width = Math.max(...names.map((name) => name.length), 0);
  for (const name of names) {
    const metric = data.metrics[name];
    if (!metric) continue;
    const [factor, unit] =
      (metric.contains === 'time' ? TIME_UNITS[data.options.summaryTimeUnit] : undefined) ??
      ([1, metric.contains === 'data' ? ' B' : ''] as const);
    const values = Object.entries(metric.values).map(([k, v]) =>
      /^(rate|passes|fails|count)$/.test(k) && unit !== ' B'
        ? `${k}=${n(v)}`
        : `${k}=${n(v * factor)}${k === 'rate' ? '' : unit}`,
    );
    lines.push(`${name.padEnd(width)}  ${values.join(' ')}`);
  }
  return lines.join('\n');
}
