/** `k6/metrics` for load scripts. */
import { ScriptError } from '../errors.ts';
import type { MetricType } from '../metrics.ts';
import { vuOf } from '../vu.ts';

const vu = vuOf(import.meta.url);

abstract class ScriptMetric {
  readonly name: string;
  constructor(type: MetricType, name: string, isTime: boolean) {
    if (!vu.initializing)
      throw new ScriptError(`Metric "${name}" must be made in the init context, outside of functions`);
    vu.run.metrics.define(name, type, isTime);
    this.name = name;
  }
  /** Adds a value; true counts 1, false 0. */
  add(value: number | boolean, tags: Readonly<Record<string, string>> = {}): void {
    vu.sample(this.name, Number(value), Object.fromEntries(Object.entries(tags).map(([k, v]) => [k, String(v)])));
  }
}

/** A sum. */
export class Counter extends ScriptMetric {
  constructor(name: string, isTime = false) {
    super('counter', name, isTime);
  }
}

/** A last value, with least and most. */
export class Gauge extends ScriptMetric {
  constructor(name: string, isTime = false) {
    super('gauge', name, isTime);
  }
}

/** A share of non-zero values. */
export class Rate extends ScriptMetric {
  constructor(name: string, isTime = false) {
    super('rate', name, isTime);
  }
}

/** A distribution. */
export class Trend extends ScriptMetric {
  constructor(name: string, isTime = false) {
    super('trend', name, isTime);
  }
}

export default { Counter, Gauge, Rate, Trend };
