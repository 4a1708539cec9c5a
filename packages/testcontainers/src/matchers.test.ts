import { expect as jestExpect } from 'expect';
import { describe, expect, it } from 'vitest';
import { milliseconds } from './duration.ts';
import './vitest.ts';
import type { MeasurementReport } from './report.ts';

const REPORT: MeasurementReport = {
  url: 'http://172.30.0.200/',
  sentence: 'The VIP was dark for 160 ms.',
  dark_ms: { new: 160, reused: 170 },
  lost: { new: 15, reused: 16, total: 31 },
  baseline: { lost: 0, sent: 200 },
  recovered: true,
  phases_ms: { detection: 150, election: 1, announcement: 1, first_success: 8 },
  owner_before: 'node-3',
  owner_after: 'node-1',
  endpoints_removed_ms: { 'node-1': 1700 },
  latency_ms: { before: { p50: 1, p99: 2 }, during: { p50: 1, p99: 2 }, after: { p50: 1, p99: 2 } },
  failback: null,
  prober: { interval_ms: 10, lateness_p99_ms: 1, sent: 500 },
  notes: [],
  steps: [],
};
const report = (changes: Partial<MeasurementReport> = {}): MeasurementReport => ({ ...REPORT, ...changes });

describe('with vitest', () => {
  it('toRecoverWithin takes the worse of both flows', () => {
    expect(report()).toRecoverWithin('170ms');
    expect(report()).toRecoverWithin(170);
    expect(report()).not.toRecoverWithin('0.16s');
    expect(report({ recovered: false })).not.toRecoverWithin('1m');
    expect(() => expect(report()).toRecoverWithin('100ms')).toThrow(
      /within 100 ms, but it was dark for 160 ms on new connections and 170 ms on reused ones\nThe VIP was dark/,
    );
    expect(() => expect(report({ recovered: false })).toRecoverWithin('1s')).toThrow(/still lost when/);
    expect(() => expect(report()).not.toRecoverWithin('1s')).toThrow(/not to recover within 1000 ms/);
  });

  it('toLoseAtMost counts both flows', () => {
    expect(report()).toLoseAtMost(31);
    expect(() => expect(report()).toLoseAtMost(30)).toThrow(/at most 30 .* but 31 were: 15 on new .*, 16 on reused/);
    expect(() => expect(report()).not.toLoseAtMost(31)).toThrow(/more than 31 requests to be lost, but 31 were/);
  });

  it('toHaveSteadyBaseline wants no loss before and a prober on time', () => {
    expect(report()).toHaveSteadyBaseline();
    expect(report({ baseline: { lost: 0, sent: 0 } })).not.toHaveSteadyBaseline();
    expect(() => expect(report({ baseline: { lost: 1, sent: 9 } })).toHaveSteadyBaseline()).toThrow(/1 of 9/);
    const late = report({ prober: { interval_ms: 10, lateness_p99_ms: 11, sent: 9 } });
    expect(() => expect(late).toHaveSteadyBaseline()).toThrow(/late by 11 ms/);
    expect(() => expect(report()).not.toHaveSteadyBaseline()).toThrow(/Expected losses before/);
  });

  it('toMoveTo names the node', () => {
    expect(report()).toMoveTo();
    expect(report()).toMoveTo('node-1');
    expect(report()).not.toMoveTo('node-2');
    expect(report({ owner_after: '' })).not.toMoveTo();
    expect(() => expect(report()).toMoveTo('node-2')).toThrow(/from node-3 to node-2, but it went to node-1/);
    expect(() => expect(report({ owner_after: '' })).toMoveTo()).toThrow(/no other node announced it/);
  });

  it('wants a report', () => {
    expect(() => expect({}).toLoseAtMost(1)).toThrow(/no measurement report/);
    expect(() => expect(null).toLoseAtMost(1)).toThrow(/no measurement report/);
  });
});

describe('with jest', () => {
  it('adds the matchers to the global expect', async () => {
    const before = (globalThis as { expect?: unknown }).expect;
    (globalThis as { expect?: unknown }).expect = jestExpect;
    try {
      await import('./jest.ts');
    } finally {
      (globalThis as { expect?: unknown }).expect = before;
    }
    jestExpect(report()).toRecoverWithin('1s');
    jestExpect(report()).not.toLoseAtMost(1);
    expect(() => jestExpect(report()).toLoseAtMost(1)).toThrow(/at most 1 requests/);
  });
});

describe('milliseconds', () => {
  it.each([
    ['500ms', 500],
    ['1.5s', 1500],
    [' 2 m ', 120_000],
    [7, 7],
  ])('%s', (duration, ms) => {
    expect(milliseconds(duration)).toBe(ms);
  });
  it.each(['', '5', '1h', 'soon', '-1s'])('refuses "%s"', (duration) => {
    expect(() => milliseconds(duration)).toThrow(/is not understood/);
  });
});
