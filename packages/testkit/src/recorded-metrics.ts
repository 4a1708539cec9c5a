import type { Labels, Metrics, Sample } from '@svclab/runtime';

/** Metrics whose values a test can look at. */
export interface RecordedMetrics {
  readonly metrics: Metrics;
  /**
   * The value of a counter or gauge, or of a distribution's `_count` and `_sum`, for exactly these labels; undefined when there is none.
   */
  value(name: string, labels?: Readonly<Record<string, string>>): Promise<number | undefined>;
}

const keyOf = (name: string, labels: Readonly<Record<string, string>>): string =>
  `${name}${JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))}`;

/** Keeps what is counted in memory. A metric declared twice is refused, as Prometheus' client does. */
export function recordedMetrics(): RecordedMetrics {
  const values = new Map<string, number>();
  const readers = new Map<string, () => Iterable<Sample<string>> | Promise<Iterable<Sample<string>>>>();
  const names = new Set<string>();
  const declare = (name: string): void => {
    if (names.has(name)) throw new Error(`Metric ${name} is declared twice`);
    names.add(name);
  };
  const add = (name: string, labels: Labels<string>, by: number): void => {
    const key = keyOf(name, labels);
    values.set(key, (values.get(key) ?? 0) + by);
  };
  const metrics: Metrics = {
    enabled: true,
    counter({ name }) {
      declare(name);
      return (labels, by = 1) => add(name, labels, by);
    },
    histogram({ name }) {
      declare(name);
      return (labels, value) => {
        add(`${name}_count`, labels, 1);
        add(`${name}_sum`, labels, value);
      };
    },
    countOf({ name, read }) {
      declare(name);
      readers.set(name, read);
    },
    gauge({ name, read }) {
      declare(name);
      readers.set(name, read);
    },
  };
  return {
    metrics,
    async value(name, labels = {}) {
      const wanted = keyOf(name, labels);
      const read = readers.get(name);
      if (!read) return values.get(wanted);
      return [...(await read())].find((sample) => keyOf(name, sample.labels) === wanted)?.value;
    },
  };
}
