import { describe, expect, it } from 'vitest';
import { ScriptError } from './errors.ts';
import { Metrics } from './metrics.ts';
import { readOptions } from './options.ts';
import { holds, parseThreshold, Thresholds } from './thresholds.ts';

describe('parseThreshold', () => {
  it.each([
    ['p(95)<200', { aggregation: 'p(95)', operator: '<', bound: 200 }],
    [' p( 99.9 ) <= 1.5 ', { aggregation: 'p(99.9)', operator: '<=', bound: 1.5 }],
    ['rate>0.99', { aggregation: 'rate', operator: '>', bound: 0.99 }],
    ['count===0', { aggregation: 'count', operator: '==', bound: 0 }],
    ['value!=-3', { aggregation: 'value', operator: '!=', bound: -3 }],
  ])('%s', (text, expected) => {
    expect(parseThreshold(text)).toEqual(expected);
  });
  it.each(['', 'p(101)<1', 'p95<200', 'rate>', 'rate>x', 'rate > 1 and count < 2'])('refuses "%s"', (text) => {
    expect(() => parseThreshold(text)).toThrow(ScriptError);
  });
});

describe('holds', () => {
  it.each([
    ['rate<1', 1, false],
    ['rate<=1', 1, true],
    ['rate>1', 1, false],
    ['rate>=1', 1, true],
    ['rate==1', 1, true],
    ['rate!=1', 1, false],
  ])('%s for %d: %s', (text, value, ok) => {
    expect(holds(parseThreshold(text), value)).toBe(ok);
  });
});

describe('Thresholds', () => {
  const make = (thresholds: Record<string, unknown>, metrics = new Metrics()) => ({
    metrics,
    thresholds: new Thresholds(readOptions({ thresholds }), metrics),
  });

  it('judges metrics and their sub-metrics by tag', () => {
    const { metrics, thresholds } = make({
      http_req_duration: ['p(50)<=15', 'max<20'],
      'http_req_duration{phase:after}': ['avg<11'],
      http_reqs: ['rate>=2'],
    });
    for (const [value, phase] of [
      [10, 'after'],
      [20, 'before'],
      [12, 'after'],
    ] as const) {
      metrics.add('http_req_duration', value, { phase });
      metrics.add('http_reqs', 1, { phase });
    }
    expect(thresholds.results(1000).map((r) => [r.metric, r.expression, r.value, r.ok])).toEqual([
      ['http_req_duration', 'p(50)<=15', 12, true],
      ['http_req_duration', 'max<20', 20, false],
      ['http_req_duration{phase:after}', 'avg<11', 11, false],
      ['http_reqs', 'rate>=2', 3, true],
    ]);
  });
  it('wants to end the run only after its delay', () => {
    const { metrics, thresholds } = make({
      http_req_failed: [{ threshold: 'rate<0.5', abortOnFail: true, delayAbortEval: '2s' }],
    });
    metrics.add('http_req_failed', 1);
    expect(thresholds.aborting(1999)).toBeUndefined();
    expect(thresholds.aborting(2000)).toBe('http_req_failed: rate<0.5');
  });
  it('does not end the run for a metric that has no sample yet, and judges it at the end', () => {
    const { thresholds } = make({ checks: [{ threshold: 'rate>0.9', abortOnFail: true }] });
    expect(thresholds.aborting(5000)).toBeUndefined();
    expect(thresholds.results(5000)).toEqual([{ metric: 'checks', expression: 'rate>0.9', value: 0, ok: false }]);
  });
  it.each([
    [{ nothing: ['count>0'] }, 'there is no such metric'],
    [{ http_reqs: ['p(95)<1'] }, 'a counter has no "p(95)"'],
    [{ checks: ['count>1'] }, 'a rate has no "count"'],
    [{ http_req_duration: ['count>1'] }, 'a trend has no "count", it has avg, min, med, max and p(N)'],
  ])('refuses %j', (thresholds, message) => {
    expect(() => make(thresholds)).toThrow(message);
  });
});

describe('Metrics', () => {
  it('has the values k6 has', () => {
    const metrics = new Metrics();
    metrics.define('own', 'trend', true);
    for (const v of [1, 2, 3, 4]) metrics.add('own', v);
    metrics.add('checks', 1);
    metrics.add('checks', 0);
    metrics.add('vus', 3);
    metrics.add('vus', 1);
    metrics.add('iterations', 5);
    const values = Object.fromEntries(
      [...metrics.entries()].map((m) => [m.name, m.sink.values(['avg', 'min', 'med', 'max', 'p(90)'], 2000)]),
    );
    expect(values).toEqual({
      'http_req_duration{expected_response:true}': { avg: 0, min: 0, med: 0, max: 0, 'p(90)': 0 },
      own: { avg: 2.5, min: 1, med: 2.5, max: 4, 'p(90)': 3.7 },
      checks: { rate: 0.5, passes: 1, fails: 1 },
      vus: { value: 1, min: 1, max: 3 },
      iterations: { count: 5, rate: 2.5 },
    });
  });
  it('does not take one name for two kinds', () => {
    const metrics = new Metrics();
    metrics.define('own', 'trend', false);
    expect(() => metrics.define('own', 'counter', false)).toThrow('exists already as a trend');
    expect(() => metrics.define('own name', 'counter', false)).toThrow('is not valid');
  });
});
