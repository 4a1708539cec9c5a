import { describe, expect, it } from 'vitest';
import { ScriptError } from './errors.ts';
import { durationMs } from './option-values.ts';
import { readOptions } from './options.ts';

describe('durationMs', () => {
  it.each([
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5s', 1500],
    ['2h', 7_200_000],
    [250, 250],
    ['250', 250],
  ])('%s', (value, ms) => {
    expect(durationMs(value, 'x')).toBe(ms);
  });
  it.each([['soon'], [-1], [undefined], ['5 s']])('refuses %s', (value) => {
    expect(() => durationMs(value, 'scenarios.a.duration')).toThrow('options.scenarios.a.duration is');
  });
});

describe('readOptions', () => {
  it.each([
    [undefined, { executor: 'shared-iterations', vus: 1, iterations: 1 }],
    [
      { vus: 5, duration: '3s' },
      { executor: 'constant-vus', vus: 5, durationMs: 3000 },
    ],
    [
      { vus: 2, iterations: 10 },
      { executor: 'shared-iterations', vus: 2, iterations: 10, maxDurationMs: 600_000 },
    ],
    [
      {
        scenarios: {
          a: {
            executor: 'constant-arrival-rate',
            rate: 50,
            duration: '10s',
            preAllocatedVUs: 4,
            exec: 'go',
            startTime: '2s',
          },
        },
      },
      { name: 'a', exec: 'go', startTimeMs: 2000, gracefulStopMs: 30_000, rate: 50, timeUnitMs: 1000, maxVUs: 4 },
    ],
    [
      {
        scenarios: {
          a: {
            executor: 'ramping-arrival-rate',
            stages: [{ duration: '1s', target: 9 }],
            preAllocatedVUs: 1,
            maxVUs: 9,
          },
        },
      },
      { startRate: 0, stages: [{ durationMs: 1000, target: 9 }], maxVUs: 9 },
    ],
  ])('%j', (exported, scenario) => {
    expect(readOptions(exported).scenarios[0]).toMatchObject(scenario);
  });

  it.each([
    [{ rps: 5 }, 'Option "rps" needs k6'],
    [{ stages: [] }, 'options.scenarios.default.stages is []: give a list'],
    [
      { stages: [{ duration: '1s', target: 1 }], iterations: 3 },
      'Options "stages" and "iterations" both say what to run',
    ],
    [
      { scenarios: { a: { executor: 'constant-vus', duration: '1s' } }, duration: '3s' },
      'Options "scenarios" and "duration"',
    ],
    [
      { scenarios: { a: { executor: 'externally-controlled' } } },
      'Executor "externally-controlled" of scenario "a" is not known',
    ],
    [{ scenarios: { a: {} } }, 'Executor undefined of scenario "a" is not known'],
    [{ scenarios: {} }, 'options.scenarios is empty'],
    [
      { scenarios: { a: { executor: 'ramping-vus', stages: [{ duration: '1s', target: 1.5 }] } } },
      'stages[0].target is 1.5',
    ],
    [{ summaryTrendStats: ['p95'] }, 'options.summaryTrendStats has "p95"'],
    [{ systemTags: ['vu'] }, 'System tag "vu" needs k6'],
    [{ dns: { select: 'last' } }, 'options.dns.select is "last": give one of first, random, roundRobin'],
    [
      { scenarios: { a: { executor: 'constant-vus', duration: '1s', rate: 5 } } },
      'options.scenarios.a.rate is no setting of constant-vus',
    ],
    [{ scenarios: { a: { executor: 'constant-vus' } } }, 'options.scenarios.a.duration is undefined'],
    [
      { scenarios: { a: { executor: 'constant-arrival-rate', rate: 5, duration: '1s' } } },
      'options.scenarios.a.preAllocatedVUs is undefined',
    ],
    [
      {
        scenarios: { a: { executor: 'constant-arrival-rate', rate: 5, duration: '1s', preAllocatedVUs: 9, maxVUs: 3 } },
      },
      'maxVUs is 3',
    ],
    [{ thresholds: { checks: 'rate>0.9' } }, 'options.thresholds["checks"]'],
    [{ vus: 1.5, duration: '1s' }, 'vus is 1.5'],
  ])('refuses %j', (exported, message) => {
    expect(() => readOptions(exported)).toThrow(ScriptError);
    expect(() => readOptions(exported)).toThrow(message);
  });

  it('reads thresholds in both forms', () => {
    expect(
      readOptions({
        thresholds: { checks: ['rate>0.9', { threshold: 'rate>0.5', abortOnFail: true, delayAbortEval: '2s' }] },
      }).thresholds,
    ).toEqual({
      checks: [
        { expression: 'rate>0.9', abortOnFail: false, delayAbortEvalMs: 0 },
        { expression: 'rate>0.5', abortOnFail: true, delayAbortEvalMs: 2000 },
      ],
    });
  });
});
