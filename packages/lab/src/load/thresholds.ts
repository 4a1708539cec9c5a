/** Thresholds: `p(95)<200`, `rate<0.01`, `count>=500`. */
import { ScriptError } from './errors.ts';
import type { Metrics, MetricType } from './metrics.ts';
import type { LoadOptions } from './options.ts';

/** A threshold expression, taken apart. */
export interface ThresholdExpression {
  /** avg, min, med, max, p(N), count, rate, value. */
  readonly aggregation: string;
  readonly operator: '<' | '<=' | '>' | '>=' | '==' | '!=';
  readonly bound: number;
}

const AGGREGATIONS: Readonly<Record<MetricType, RegExp>> = {
  counter: /^(count|rate)$/,
  gauge: /^value$/,
  rate: /^rate$/,
  trend: /^(avg|min|med|max|p\(\d+(\.\d+)?\))$/,
};

/** The same for people. */
const HAS: Readonly<Record<MetricType, string>> = {
  counter: 'count and rate',
  gauge: 'value',
  rate: 'rate',
  trend: 'avg, min, med, max and p(N)',
};

/** Parses one expression. Fails with {@link ScriptError}. */
export function parseThreshold(text: string): ThresholdExpression {
  const match = /^\s*([a-z]+|p\(\s*\d+(?:\.\d+)?\s*\))\s*(<=|>=|<|>|===?|!==?)\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text);
  if (!match)
    throw new ScriptError(`Threshold "${text}" cannot be read: write it like p(95)<200, rate<0.01 or count>=500`, text);
  const percentile = /^p\((.*)\)$/.exec(match[1] ?? '');
  if (percentile && Number(percentile[1]) > 100)
    throw new ScriptError(`Threshold "${text}" asks for a percentile over 100: give p(0) to p(100)`, text);
  const operator = (match[2] ?? '').replace(/^(==|!=)=$/, '$1') as ThresholdExpression['operator'];
  return { aggregation: (match[1] ?? '').replace(/\s/g, ''), operator, bound: Number(match[3]) };
}

/** Whether `value` satisfies the expression. */
export function holds(expression: ThresholdExpression, value: number): boolean {
  switch (expression.operator) {
    case '<':
      return value < expression.bound;
    case '<=':
      return value <= expression.bound;
    case '>':
      return value > expression.bound;
    case '>=':
      return value >= expression.bound;
    case '==':
      return value === expression.bound;
    case '!=':
      return value !== expression.bound;
  }
}

/** How one threshold fared. */
export interface ThresholdResult {
  readonly metric: string;
  readonly expression: string;
  readonly value: number;
  readonly ok: boolean;
}

/** All thresholds of a run. */
export class Thresholds {
  readonly #list: {
    metric: string;
    text: string;
    expression: ThresholdExpression;
    abortOnFail: boolean;
    delayAbortEvalMs: number;
    empty: () => boolean;
    value: (elapsedMs: number) => number;
  }[] = [];

  /** Fails with {@link ScriptError} when one cannot be read, names no metric, or asks for what its metric does not have. */
  constructor(options: LoadOptions, metrics: Metrics) {
    for (const [selector, list] of Object.entries(options.thresholds)) {
      const { metric, sink } = metrics.sink(selector);
      for (const { expression: text, abortOnFail, delayAbortEvalMs } of list) {
        const expression = parseThreshold(text);
        if (!AGGREGATIONS[metric.type].test(expression.aggregation))
          throw new ScriptError(
            `Threshold "${text}" on ${selector}: a ${metric.type} has no "${expression.aggregation}", it has ${HAS[metric.type]}`,
            text,
          );
        this.#list.push({
          metric: selector,
          text,
          expression,
          abortOnFail,
          delayAbortEvalMs,
          empty: () => sink.empty,
          value: (elapsedMs) => sink.aggregate(expression.aggregation, elapsedMs) ?? 0,
        });
      }
    }
  }

  /** Evaluates all. */
  results(elapsedMs: number): ThresholdResult[] {
    return this.#list.map((t) => {
      const value = t.value(elapsedMs);
      return { metric: t.metric, expression: t.text, value, ok: holds(t.expression, value) };
    });
  }

  /** The first failed threshold that wants to end the run by now; undefined when none does. One without a sample does not, as in k6. */
  aborting(elapsedMs: number): string | undefined {
    const failed = this.#list.find(
      (t) => t.abortOnFail && elapsedMs >= t.delayAbortEvalMs && !t.empty() && !holds(t.expression, t.value(elapsedMs)),
    );
    return failed && `${failed.metric}: ${failed.text}`;
  }
}
