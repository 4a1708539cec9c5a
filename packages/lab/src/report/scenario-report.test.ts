import { describe, expect, it } from 'vitest';
import { judge, parseExpectation } from '../scenario/expectation.ts';
import type { ExperimentResult } from '../scenario/experiment.ts';
import { type FailoverReport, failoverReport, failoverText } from './failover-report.ts';
import { scenarioMarkdown, scenarioReport, scenarioText } from './scenario-report.ts';

const START = 10_000_000_000n;
const at = (ms: number): bigint => START + BigInt(ms) * 1_000_000n;

/** 100 samples 10 ms apart; the fault at 300 ms costs `dark` of them, the return at 700 ms costs two. */
function experiment(dark: number): ExperimentResult {
  const samples = Array.from({ length: 100 }, (_, seq) => ({
    seq,
    scheduledMs: seq * 10,
    sentMs: seq * 10,
    doneMs: seq * 10 + 1,
    outcome: (seq > 30 && seq <= 30 + dark) || seq === 71 || seq === 72 ? ('timeout' as const) : ('ok' as const),
    backend: '',
  }));
  const event = (
    ms: number,
    node: string,
    type: ExperimentResult['events'][number]['type'],
    attrs: Record<string, string>,
  ) => ({
    atNs: at(ms),
    wallMs: 0,
    node,
    component: 'x',
    type,
    cause: '',
    attrs,
  });
  const vip = '172.30.0.200';
  return {
    vip: { vip, url: `http://${vip}/`, owner: 'node-2' },
    run: { startNs: START, intervalMs: 10, new: samples, reused: samples },
    report: { interval_ms: 10, lateness_p99_ms: 1.5, sent: 100 } as ExperimentResult['report'],
    events: [
      event(350, 'node-1', 'member.dead', { peer: 'node-2' }),
      event(351, 'node-1', 'vip.elected', { vip, owner: 'node-1' }),
      event(352, 'node-1', 'vip.announced', { vip, round: '0' }),
      event(450, 'controller-1', 'node.not-ready', { target: 'node-2' }),
      event(455, 'controller-1', 'endpoints.changed', { revision: '9', removed: 'web-2' }),
      event(460, 'node-1', 'rules.programmed', { revision: '9' }),
      event(720, 'node-2', 'vip.announced', { vip, round: '0' }),
    ],
    steps: [
      { atMs: 300, verb: 'kill', target: 'owner/default/web', resolved: 'node/node-2', effectiveNs: at(300) },
      { atMs: 700, verb: 'restart', target: 'previous', resolved: 'node/node-2', effectiveNs: at(700) },
    ],
    load: {
      engine: 'builtin',
      script: 's.js',
      iterations: 600,
      failed: 7,
      requests: 600,
      dropped_iterations: 0,
      exit_code: 0,
    },
    endNs: at(1000),
  };
}

describe('failoverReport', () => {
  const report = failoverReport(experiment(6));
  it('holds the contract of report.json', () => {
    expect(report).toMatchObject({
      vip: '172.30.0.200',
      owner_before: 'node-2',
      owner_after: 'node-1',
      dark_ms: { new: 70, reused: 70 },
      phases_ms: { detection: 50, election: 1, announcement: 1, first_success: 18 },
      lost: { new: 6, reused: 6, load: 7 },
      endpoints_removed_ms: { 'node-1': 160 },
      load: { engine: 'builtin', script: 's.js', iterations: 600, failed: 7 },
      prober: { interval_ms: 10, lateness_p99_ms: 1.5, sent: 100 },
      baseline: { lost: 0, sent: 60 },
      failback: { owner: 'node-2', dark_ms: { new: 30, reused: 30 }, lost: { new: 2, reused: 2 } },
      notes: [],
    });
    expect(Object.keys(report.latency_ms)).toEqual(['before', 'during', 'after']);
  });
  it('ends its text with the sentence', () => {
    const lines = failoverText(report).split('\n');
    expect(lines[lines.length - 1]).toBe(report.sentence);
    expect(report.sentence).toMatch(
      /^The VIP was dark for 70 ms; 6 requests lost on new connections, 6 on reused ones; 50 ms of it was failure detection/,
    );
  });
  it('says when the generators cannot be trusted', () => {
    const base = experiment(6);
    const doubtful = failoverReport({
      ...base,
      report: { ...base.report, lateness_p99_ms: 25 },
      load: base.load && { ...base.load, dropped_iterations: 3 },
    });
    expect(doubtful.notes).toEqual([
      'The prober was late by 25 ms (p99), more than its interval of 10 ms',
      'The load dropped 3 iterations',
    ]);
  });
});

describe('scenarioReport', () => {
  const runs: FailoverReport[] = [4, 6, 20].map((n) => failoverReport(experiment(n)));
  const expectations = [parseExpectation('dark_ms.new <= 100', 'e'), parseExpectation('baseline.lost == 0', 'e')];
  const report = scenarioReport('VIP failover', runs, (r) => expectations.map((e) => judge(e, r)));
  it('gives the distribution and the worst verdicts', () => {
    expect(report).toMatchObject({
      repeats: 3,
      dark_ms: { new: { p50: 70, p95: 210, max: 210 } },
      baseline: { lost: 0, sent: 180 },
    });
    expect(report.verdicts).toEqual([
      { expectation: 'dark_ms.new <= 100', value: 210, ok: false },
      { expectation: 'baseline.lost == 0', value: 0, ok: true },
    ]);
  });
  it('speaks of the median run', () => {
    expect(report.sentence).toMatch(
      /^The VIP was dark for 70 ms \(median of 3 runs; p95 210 ms, max 210 ms\); 6 requests lost/,
    );
    expect(scenarioText(report).split('\n').pop()).toBe(report.sentence);
    expect(scenarioMarkdown(report)).toContain('| dark, new connections, ms | 70 | 210 | 210 |');
  });
});
