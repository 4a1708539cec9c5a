import { describe, expect, it } from 'vitest';
import type { TimelineEvent, TimelineType } from '../lab/timeline.ts';
import { measureFailover, outageOfFault, type Phases, splitOutage } from './failover.ts';
import type { Outage, ProbeSample } from './probe.ts';

const START = 5_000_000_000n;
const at = (ms: number): bigint => START + BigInt(Math.round(ms * 1e6));

function event(ms: number, node: string, type: TimelineType, attrs: Record<string, string> = {}): TimelineEvent {
  return { atNs: at(ms), wallMs: 0, node, component: 'test', type, cause: '', attrs };
}

/** 100 samples, 10 ms apart; those with a number in `lost` fail. */
function samples(lost: (seq: number) => boolean, count = 100): ProbeSample[] {
  return Array.from({ length: count }, (_, seq) => ({
    seq,
    scheduledMs: seq * 10,
    sentMs: seq * 10,
    doneMs: seq * 10 + (lost(seq) ? 500 : seq < 20 ? 1 : 2),
    outcome: lost(seq) ? ('timeout' as const) : ('ok' as const),
    backend: '',
  }));
}

const VIP = '172.30.0.200';
const EVENTS = [
  event(203, 'lab', 'fault.effective', { fault: 'kill', target: 'node/node-2' }),
  event(290, 'node-3', 'member.dead', { peer: 'node-2' }),
  event(300, 'node-1', 'member.dead', { peer: 'node-2' }),
  event(300.5, 'node-1', 'vip.elected', { vip: VIP, owner: 'node-1' }),
  event(291, 'node-3', 'vip.elected', { vip: VIP, owner: 'node-1' }),
  event(302, 'node-1', 'vip.announced', { vip: VIP, round: '0' }),
  event(1402, 'node-1', 'vip.announced', { vip: VIP, round: '1' }),
  event(500, 'controller-1', 'node.not-ready', { target: 'node-2' }),
  event(510, 'controller-1', 'endpoints.changed', { revision: '70', removed: 'web-2' }),
  event(512, 'controller-1', 'endpoints.changed', { revision: '71', removed: 'api-2' }),
  event(514, 'node-1', 'rules.programmed', { revision: '70' }),
  event(518, 'node-1', 'rules.programmed', { revision: '71' }),
  event(523, 'node-3', 'rules.programmed', { revision: '75' }),
  event(600, 'node-3', 'rules.programmed', { revision: '76' }),
];
const QUERY = { vip: VIP, ownerBefore: 'node-2', faultNs: at(203), untilNs: at(900) };
const RUN = {
  startNs: START,
  intervalMs: 10,
  new: samples((s) => (s >= 21 && s <= 30) || s === 40),
  reused: samples((s) => s >= 20 && s <= 44),
};

describe('measureFailover', () => {
  const measured = measureFailover(EVENTS, RUN, QUERY);
  it('finds who took over and how long each flow was dark', () => {
    expect(measured).toMatchObject({
      ownerAfter: 'node-1',
      darkMs: { new: 110, reused: 260 },
      lost: { new: 11, reused: 25 },
      notes: [],
    });
  });
  it('splits the dark time by the stamps of the new owner alone', () => {
    expect(measured.phases).toEqual({ detection: 100, election: 0.5, announcement: 1.5, first_success: 8 });
    expect(measured.faultToDeadMs).toBe(97);
  });
  it('dates the removal of the endpoints by the highest revision, per node', () => {
    expect(measured.endpointsRemovedMs).toEqual({ 'node-1': 315, 'node-3': 320 });
  });
  it('tells latency before from latency after', () => {
    expect(measured.latency).toEqual({
      before: { p50: 1, p99: 2 },
      during: { p50: 2, p99: 2 },
      after: { p50: 2, p99: 2 },
    });
  });
  it('says what the timeline lacks', () => {
    const blind = measureFailover([], RUN, QUERY);
    expect(blind.notes).toEqual(['No node but node-2 announced 172.30.0.200 after the fault']);
    expect(blind.ownerAfter).toBe('');
    expect(blind.endpointsRemovedMs).toEqual({});
    expect(sum(blind.phases)).toBe(110);
  });
});

const sum = (p: Phases): number => p.detection + p.election + p.announcement + p.first_success;

describe('splitOutage', () => {
  const outage: Outage = { fromMs: 100, toMs: 200, gapMs: 100, lost: 9, recovered: true, firstSeq: 11, lastSeq: 19 };
  const cases: [string, (number | undefined)[], number[]][] = [
    ['in order', [150, 160, 180], [50, 10, 20, 20]],
    ['an announcement stamped after the first success', [150, 160, 205], [50, 10, 40, 0]],
    ['no election seen: it counts as nothing', [150, undefined, 180], [50, 30, 0, 20]],
    ['nothing seen: all is detection', [undefined, undefined, undefined], [100, 0, 0, 0]],
    ['a verdict before the last success', [90, 160, 180], [0, 60, 20, 20]],
    ['stamps out of order', [150, 140, 180], [50, 0, 30, 20]],
  ];
  it.each(cases)('%s', (_name, boundaries, parts) => {
    const phases = splitOutage(outage, boundaries);
    expect(Object.values(phases)).toEqual(parts);
    expect(sum(phases)).toBe(100);
  });
  it('is all zero without an outage', () => {
    expect(sum(splitOutage(undefined, [1, 2, 3]))).toBe(0);
  });
});

describe('outageOfFault', () => {
  const span = { faultMs: 400, byMs: 480, untilMs: 900 };
  it('passes over an outage that was over before the fault', () => {
    expect(
      outageOfFault(
        samples((s) => s < 10 || s === 50),
        10,
        span,
      ),
    ).toMatchObject({ firstSeq: 50 });
  });
  it('takes the one up to the announcement, even when a later one is longer', () => {
    expect(
      outageOfFault(
        samples((s) => (s > 40 && s < 48) || (s > 60 && s < 80)),
        10,
        span,
      ),
    ).toMatchObject({ firstSeq: 41 });
  });
  it('takes the longest when nobody announced', () => {
    expect(
      outageOfFault(
        samples((s) => (s > 40 && s < 48) || (s > 60 && s < 80)),
        10,
        { ...span, byMs: undefined },
      ),
    ).toMatchObject({ firstSeq: 61 });
  });
  it('is undefined when nothing was lost', () => {
    expect(
      outageOfFault(
        samples(() => false),
        10,
        span,
      ),
    ).toBeUndefined();
  });
});
