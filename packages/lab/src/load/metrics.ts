/** Metrics as k6 has them: four types, built-in names, samples with tags, sub-metrics by tag. */
import { ScriptError } from './errors.ts';

/** Kinds of metric. */
export type MetricType = 'counter' | 'gauge' | 'rate' | 'trend';

/** Tags of a sample. */
export type Tags = Readonly<Record<string, string>>;

/** What a metric's numbers are, in a summary: a time is milliseconds. */
export type Contains = 'default' | 'time' | 'data';

/** Values of a metric, by aggregation (`count`, `rate`, `p(95)` ...). */
export type Values = Readonly<Record<string, number>>;

/** Collects the samples of one metric or sub-metric. */
interface Sink {
  add(value: number): void;
  /** No sample yet. */
  readonly empty: boolean;
  /** One aggregation; undefined when the type does not have it. */
  aggregate(name: string, elapsedMs: number): number | undefined;
  values(trendStats: readonly string[], elapsedMs: number): Values;
}

class CounterSink implements Sink {
  #count = 0;
  empty = true;
  add(value: number): void {
    this.#count += value;
    this.empty = false;
  }
  aggregate(name: string, elapsedMs: number): number | undefined {
    if (name === 'count') return this.#count;
    return name === 'rate' ? this.#count / Math.max(1e-3, elapsedMs / 1000) : undefined;
  }
  values(_stats: readonly string[], elapsedMs: number): Values {
    return { count: this.#count, rate: this.aggregate('rate', elapsedMs) ?? 0 };
  }
}

class GaugeSink implements Sink {
  #value = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  get empty(): boolean {
    return !Number.isFinite(this.#min);
  }
  add(value: number): void {
    this.#value = value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }
  aggregate(name: string): number | undefined {
    return name === 'value' ? this.#value : undefined;
  }
  values(): Values {
    return Number.isFinite(this.#min)
      ? { value: this.#value, min: this.#min, max: this.#max }
      : { value: 0, min: 0, max: 0 };
  }
}

class RateSink implements Sink {
  #passes = 0;
  #fails = 0;
  get empty(): boolean {
    return this.#passes + this.#fails === 0;
  }
  add(value: number): void {
    if (value !== 0) this.#passes++;
    else this.#fails++;
  }
  aggregate(name: string): number | undefined {
    const total = this.#passes + this.#fails;
    return name === 'rate' ? (total === 0 ? 0 : this.#passes / total) : undefined;
  }
  values(): Values {
    return { rate: this.aggregate('rate') ?? 0, passes: this.#passes, fails: this.#fails };
  }
}

/** A distribution that keeps every value. */
export class TrendSink implements Sink {
  #values = new Float64Array(1024);
  #count = 0;
  #sum = 0;
  #sorted = true;
  get empty(): boolean {
    return this.#count === 0;
  }
  add(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
    this.#sum += value;
    this.#sorted = false;
  }
  aggregate(name: string): number {
    if (name === 'count') return this.#count;
    const p = /^p\((\d+(?:\.\d+)?)\)$/.exec(name);
    const quantile = p ? Number(p[1]) / 100 : { min: 0, med: 0.5, max: 1 }[name];
    if (quantile !== undefined) return this.#quantile(quantile);
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }
  values(stats: readonly string[]): Values {
    return Object.fromEntries(stats.map((name) => [name, this.aggregate(name) ?? 0]));
  }
  /** k6 interpolates between the two neighbours. */
  #quantile(q: number): number {
    if (this.#count === 0) return 0;
    if (!this.#sorted) {
      this.#values.subarray(0, this.#count).sort();
      this.#sorted = true;
    }
    const at = q * (this.#count - 1);
    const low = this.#values[Math.floor(at)] ?? 0;
    return low + ((this.#values[Math.ceil(at)] ?? low) - low) * (at - Math.floor(at));
  }
}

const SINKS = { counter: CounterSink, gauge: GaugeSink, rate: RateSink, trend: TrendSink } as const;

/** One metric and its sub-metrics. */
export interface Metric {
  readonly name: string;
  readonly type: MetricType;
  readonly contains: Contains;
  readonly sink: Sink;
  readonly subMetrics: Map<string, { readonly tags: Tags; readonly sink: Sink }>;
}

/** What the host itself measures. */
const BUILT_IN: readonly (readonly [string, MetricType, Contains])[] = [
  ['http_reqs', 'counter', 'default'],
  ['http_req_failed', 'rate', 'default'],
  ['http_req_duration', 'trend', 'time'],
  ['http_req_blocked', 'trend', 'time'],
  ['http_req_connecting', 'trend', 'time'],
  ['http_req_tls_handshaking', 'trend', 'time'],
  ['http_req_sending', 'trend', 'time'],
  ['http_req_waiting', 'trend', 'time'],
  ['http_req_receiving', 'trend', 'time'],
  ['iterations', 'counter', 'default'],
  ['iteration_duration', 'trend', 'time'],
  ['dropped_iterations', 'counter', 'default'],
  ['checks', 'rate', 'default'],
  ['vus', 'gauge', 'default'],
  ['vus_max', 'gauge', 'default'],
  ['data_sent', 'counter', 'data'],
  ['data_received', 'counter', 'data'],
];

/** Hears every sample. */
export type SampleListener = (name: string, type: MetricType, contains: Contains, value: number, tags: Tags) => void;

/** All metrics of a run. */
export class Metrics {
  readonly #metrics = new Map<string, Metric>();
  readonly #used = new Set<string>();
  /** Told of each sample as it comes. */
  onSample: SampleListener | undefined;

  constructor() {
    for (const [name, type, contains] of BUILT_IN) this.#create(name, type, contains);
    // k6's summary always has it: how long requests took that went as they should.
    this.sink('http_req_duration{expected_response:true}');
  }

  /** Defines a script's own metric; a second definition must agree. Fails with {@link ScriptError}. */
  define(name: string, type: MetricType, isTime: boolean): Metric {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name))
      throw new ScriptError(`Metric name "${name}" is not valid: letters, digits and _ only, at most 128`);
    const known = this.#metrics.get(name);
    const contains = isTime ? 'time' : 'default';
    if (!known) return this.#create(name, type, contains);
    if (known.type !== type || known.contains !== contains)
      throw new ScriptError(`Metric "${name}" exists already as a ${known.type}`);
    return known;
  }

  /** Adds a sample. */
  add(name: string, value: number, tags: Tags = {}): void {
    const metric = this.#metrics.get(name);
    if (!metric) return;
    this.#used.add(name);
    metric.sink.add(value);
    this.onSample?.(name, metric.type, metric.contains, value, tags);
    for (const sub of metric.subMetrics.values())
      if (Object.entries(sub.tags).every(([k, v]) => tags[k] === v)) sub.sink.add(value);
  }

  /** The sink behind `name` or `name{tag:value,...}`, made on first use. Fails with {@link ScriptError} for an unknown metric. */
  sink(selector: string): { readonly metric: Metric; readonly sink: Sink } {
    const match = /^([^{]+)(?:\{(.*)\})?$/.exec(selector.trim());
    const metric = this.#metrics.get(match?.[1]?.trim() ?? '');
    if (!match || !metric)
      throw new ScriptError(
        `Threshold on "${selector}": there is no such metric, there are ${[...this.#metrics.keys()].join(', ')}`,
        selector,
      );
    if (match[2] === undefined) return { metric, sink: metric.sink };
    const known = metric.subMetrics.get(selector);
    if (known) return { metric, sink: known.sink };
    const tags = Object.fromEntries(
      match[2].split(',').map((pair) => [pair.split(':')[0]?.trim() ?? '', pair.slice(pair.indexOf(':') + 1).trim()]),
    );
    const sub = { tags, sink: new SINKS[metric.type]() };
    metric.subMetrics.set(selector, sub);
    return { metric, sink: sub.sink };
  }

  /** Metrics with samples, and all sub-metrics, for the summary. */
  *entries(): Generator<{ name: string; type: MetricType; contains: Contains; sink: Sink }> {
    for (const metric of this.#metrics.values()) {
      const { type, contains } = metric;
      if (this.#used.has(metric.name)) yield { name: metric.name, type, contains, sink: metric.sink };
      for (const [name, sub] of metric.subMetrics) yield { name, type, contains, sink: sub.sink };
    }
  }

  #create(name: string, type: MetricType, contains: Contains): Metric {
    const metric: Metric = { name, type, contains, sink: new SINKS[type](), subMetrics: new Map() };
    this.#metrics.set(name, metric);
    return metric;
  }
}
