import type { TimelineEvent, TimelineType } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import { countFalse, idleFigures, type Snapshot, sentOn, ticksOf } from './idle.ts';

function stamp(s: number, node: string, type: TimelineType, attrs: Record<string, string> = {}): TimelineEvent {
  return { atNs: BigInt(s * 1e9), wallMs: 0, node, component: 'l2-announcer', type, cause: '', attrs };
}
const elected = (s: number, node: string, owner: string, previous = '', vip = '172.30.0.200') =>
  stamp(s, node, 'vip.elected', { vip, service: 'shop/web', owner, previous });

describe('countFalse', () => {
  const count = (events: TimelineEvent[]) => countFalse(events, 10_000_000_000n, 20_000_000_000n);
  it.each<[string, TimelineEvent[], number]>([
    ['nothing happened', [], 0],
    ['the first owner takes a new address', [elected(12, 'node-1', 'node-1')], 0],
    ['another node takes it', [elected(5, 'node-1', 'node-1'), elected(12, 'node-2', 'node-2', 'node-1')], 1],
    [
      'it goes there and back',
      [elected(5, 'node-1', 'node-1'), elected(12, 'node-2', 'node-2'), elected(13, 'node-1', 'node-1', 'node-2')],
      2,
    ],
    [
      'others say who won',
      [elected(5, 'node-1', 'node-1'), elected(12, 'node-3', 'node-1'), elected(13, 'node-2', 'node-1')],
      0,
    ],
    ['it moved before', [elected(5, 'node-1', 'node-1'), elected(6, 'node-2', 'node-2', 'node-1')], 0],
    ['it moves afterwards', [elected(5, 'node-1', 'node-1'), elected(25, 'node-2', 'node-2', 'node-1')], 0],
    ['the owner elects itself anew', [elected(5, 'node-1', 'node-1'), elected(12, 'node-1', 'node-1', 'node-1')], 0],
    ['only the previous owner is told', [elected(12, 'node-2', 'node-2', 'node-1')], 1],
    [
      'two addresses move',
      [elected(12, 'node-2', 'node-2', 'node-1'), elected(12, 'node-2', 'node-2', 'node-1', '172.30.0.201')],
      2,
    ],
  ])('counts failovers: %s', (_, events, n) => {
    expect(count(events).false_failovers).toBe(n);
  });
  it('counts suspicions and verdicts of the stretch alone', () => {
    const events = [5, 12, 13].flatMap((s) => [
      stamp(s, 'node-1', 'member.suspected', { peer: 'node-2' }),
      stamp(s + 0.5, 'node-1', 'member.dead', { peer: 'node-2' }),
    ]);
    expect(count(events)).toEqual({ false_failovers: 0, false_deaths: 2, false_suspicions: 2 });
  });
});

describe('idleFigures', () => {
  const snapshot = (s: number, ticks: number | undefined, bytes: number, pid = 9): Snapshot => ({
    atNs: BigInt(s * 1e9),
    nodes: {
      'node-1': { announcerTicks: ticks, announcerPid: pid, sentBytes: bytes, sentPackets: bytes / 100 },
      'node-2': { announcerTicks: ticks, announcerPid: 7, sentBytes: bytes, sentPackets: bytes / 100 },
    },
  });
  it('divides by the time that went by', () => {
    expect(
      idleFigures(snapshot(100, 50, 10_000), snapshot(110, 100, 60_000), [elected(105, 'node-2', 'node-2', 'node-1')]),
    ).toEqual({
      seconds: 10,
      false_failovers: 1,
      false_failovers_per_hour: 360,
      false_deaths: 0,
      false_suspicions: 0,
      announcer_cpu: 0.1,
      lan_bytes_per_s: 10_000,
      lan_packets_per_s: 100,
    });
  });
  it('counts all the time of an announcer that began meanwhile', () => {
    const [before, after] = [snapshot(0, 500, 0), snapshot(10, 520, 0, 10)];
    expect(idleFigures(before, after, []).announcer_cpu).toBe((520 + 20) / 100 / 10);
  });
  it('counts nothing of one that is gone', () => {
    expect(idleFigures(snapshot(0, 500, 0), snapshot(10, undefined, 0), []).announcer_cpu).toBe(0);
  });
});

describe('reading counters', () => {
  it('takes utime and stime, whatever the program is called', () => {
    expect(ticksOf('12 (a (b) c) S 1 12 12 0 -1 4194560 100 0 0 0 70 30 0 0 20 0 11 0 500 1000 200')).toBe(100);
    expect(ticksOf('')).toBeUndefined();
  });
  it('finds the interface by its address', () => {
    const json = JSON.stringify([
      { ifname: 'ctl0', addr_info: [{ local: '172.30.1.11' }], stats64: { tx: { bytes: 1, packets: 1 } } },
      { ifname: 'lan0', addr_info: [{ local: '172.30.0.11' }], stats64: { tx: { bytes: 700, packets: 5 } } },
    ]);
    expect(sentOn(json, '172.30.0.11')).toEqual({ bytes: 700, packets: 5 });
    expect(sentOn(json, '172.30.0.12')).toBeUndefined();
  });
});
