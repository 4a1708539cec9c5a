import type { ProbeSample, TimelineEvent, TimelineType } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import type { ProbeReport } from '../prober/report.ts';
import { type MeasurementInput, measurementReport } from './measurement-report.ts';

const START = 7_000_000_000n;
const at = (ms: number): bigint => START + BigInt(Math.round(ms * 1e6));
const VIP = { vip: '172.30.0.200', url: 'http://172.30.0.200/', owner: 'node-2' };

/** 300 samples, 10 ms apart. */
function samples(lost: (seq: number) => boolean): ProbeSample[] {
  return Array.from({ length: 300 }, (_, seq) => ({
    seq,
    scheduledMs: seq * 10,
    sentMs: seq * 10,
    doneMs: seq * 10 + (lost(seq) ? 500 : 1),
    outcome: lost(seq) ? ('timeout' as const) : ('ok' as const),
    backend: '',
  }));
}

function event(ms: number, node: string, type: TimelineType, attrs: Record<string, string>): TimelineEvent {
  return { atNs: at(ms), wallMs: 0, node, component: 'test', type, cause: '', attrs };
}

function input(changes: Partial<MeasurementInput> & { lost?: (seq: number) => boolean } = {}): MeasurementInput {
  const { lost = () => false, ...others } = changes;
  const report = { url: VIP.url, interval_ms: 10, lateness_p99_ms: 1, sent: 300 } as ProbeReport;
  return {
    run: { startNs: START, intervalMs: 10, new: samples(lost), reused: samples(lost) },
    report,
    vip: VIP,
    events: [],
    markNs: at(1000),
    endNs: at(3000),
    ...others,
  };
}

const KILL = event(1203, 'lab', 'fault.effective', { fault: 'kill', target: 'node/node-2' });
const MOVE = [
  KILL,
  event(1300, 'node-1', 'member.dead', { peer: 'node-2' }),
  event(1301, 'node-1', 'vip.elected', { vip: VIP.vip, owner: 'node-1' }),
  event(1302, 'node-1', 'vip.announced', { vip: VIP.vip, round: '0' }),
];
const during = (seq: number): boolean => seq >= 121 && seq <= 130;

describe('measurementReport', () => {
  it('tells a failover: who took over, how long, of what', () => {
    const report = measurementReport(input({ lost: during, events: MOVE }));
    expect(report).toMatchObject({
      owner_before: 'node-2',
      owner_after: 'node-1',
      dark_ms: { new: 110, reused: 110 },
      lost: { new: 10, reused: 10, total: 20 },
      baseline: { lost: 0 },
      recovered: true,
      failback: null,
      notes: [],
      steps: [{ verb: 'kill', target: 'node/node-2', at_ns: String(at(1203)) }],
    });
    expect(report.phases_ms).toEqual({ detection: 100, election: 1, announcement: 1, first_success: 8 });
    expect(report.sentence).toMatch(/^The VIP was dark for 110 ms; 10 requests lost on new connections/);
  });

  it('tells the return as a second hit', () => {
    const healed = event(2000, 'lab', 'fault.healed', { fault: 'restart', target: 'node/node-2' });
    const lost = (seq: number): boolean => during(seq) || seq === 205;
    const report = measurementReport(input({ lost, events: [...MOVE, healed] }));
    expect(report.failback).toMatchObject({ dark_ms: { new: 20, reused: 20 }, lost: { new: 1, reused: 1 } });
    expect(report.lost.total).toBe(22);
    expect(report.steps.map((s) => s.verb)).toEqual(['kill', 'restart']);
  });

  it('has no phases when the address stays where it is', () => {
    const report = measurementReport(input({ lost: during, events: [KILL] }));
    expect(report).toMatchObject({ phases_ms: null, owner_after: '', notes: [], dark_ms: { new: 110, reused: 110 } });
    expect(report.sentence).toBe(
      'The Service was dark for up to 110 ms; 10 requests lost on new connections, 10 on reused ones.',
    );
  });

  it('counts from the action when no fault was stamped, and tells what was lost before', () => {
    const lost = (seq: number): boolean => seq === 20 || seq === 150;
    expect(measurementReport(input({ lost, vip: undefined }))).toMatchObject({
      owner_before: '',
      dark_ms: { new: 20, reused: 20 },
      lost: { new: 1, reused: 1, total: 2 },
      baseline: { lost: 2 },
    });
  });

  it('leaves faults before the action out', () => {
    const early = event(500, 'lab', 'fault.effective', { fault: 'kill', target: 'node/node-3' });
    expect(measurementReport(input({ events: [early] }))).toMatchObject({
      steps: [],
      sentence: 'No request was lost.',
    });
  });

  it('says when requests are lost to the end', () => {
    expect(measurementReport(input({ lost: (seq) => seq > 290 }))).toMatchObject({ recovered: false });
  });
});
