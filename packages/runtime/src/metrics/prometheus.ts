import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Count, HistogramSpec, MetricSpec, Metrics, Observe, ReadSpec } from './metrics.ts';

/** Metrics that Prometheus can read. */
export class PrometheusMetrics implements Metrics {
  readonly enabled = true;
  readonly #registry = new Registry();

  /** Media type of {@link render}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All of it in the text format (version 0.0.4), read now. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  counter<L extends string = never>(spec: MetricSpec<L>): Count<L> {
    const counter = new Counter<L>(this.#common(spec));
    return (labels, by = 1) => counter.inc(labels, by);
  }

  histogram<L extends string = never>(spec: HistogramSpec<L>): Observe<L> {
    const histogram = new Histogram<L>({ ...this.#common(spec), buckets: [...spec.buckets] });
    return (labels, value) => histogram.observe(labels, value);
  }

  countOf<L extends string = never>(spec: ReadSpec<L>): void {
    new Counter<L>({
      ...this.#common(spec),
      async collect() {
        const samples = await spec.read();
        this.reset();
        for (const { labels, value } of samples) this.inc(labels, value);
      },
    });
  }

  gauge<L extends string = never>(spec: ReadSpec<L>): void {
    new Gauge<L>({
      ...this.#common(spec),
      async collect() {
        const samples = await spec.read();
        this.reset();
        for (const { labels, value } of samples) this.set(labels, value);
      },
    });
  }

  #common<L extends string>({
    name,
    help,
    labels = [],
  }: MetricSpec<L>): {
    name: string;
    help: string;
    labelNames: readonly L[];
    registers: Registry[];
  } {
    return { name, help, labelNames: labels, registers: [this.#registry] };
  }
}
