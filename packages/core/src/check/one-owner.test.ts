import { describe, expect, it } from 'vitest';
import { answered, elected, fault, history, released, stamp } from '../../test/history.ts';
import { type History, runCheckers } from './index.ts';

const check = (h: History) => runCheckers(h).find((r) => r.check === 'one-owner');

/** node-1 loses its power at 3000; node-2 takes over, and gives the address back when node-1 returns. */
const FAILOVER = {
  faults: [fault('kill', 'node/node-1', 3000, 6000)],
  events: [
    elected(3143, 'node-2'),
    answered(3150, 'node-2'),
    elected(3144, 'node-3', 'node-2'),
    stamp(6100, 'node-1', 'process.started', { process: 'l2-announcer@node-1' }),
    elected(6800, 'node-1'),
    elected(6812, 'node-2', 'node-1'),
    released(6812, 'node-2'),
  ],
};

describe('one owner', () => {
  it('holds over a failover and back, and tells the times with none and with two', () => {
    expect(check(history(FAILOVER))).toMatchObject({
      held: true,
      finding: 'One owner but for handovers: 12 ms with two or more, 143 ms with none',
      figures: { none_ms: 143, several_ms: 12, longest_several_ms: 12, claims: 2 },
      evidence: [],
    });
  });

  it('has nothing to say without a VIP', () => {
    expect(check(history({ facts: { vip: '' } }))).toBeUndefined();
  });

  it('holds when nothing happens', () => {
    expect(check(history({}))?.finding).toBe('One owner all along: 0 ms with two or more, 0 ms with none');
  });

  it('counts a held announcer for none while it is held', () => {
    const h = history({
      faults: [fault('pause', 'announcer/node-1', 3000, 5000)],
      events: [elected(3200, 'node-2'), released(5010, 'node-2')],
    });
    expect(check(h)).toMatchObject({ held: true, figures: { none_ms: 200, several_ms: 10 } });
  });

  const violations: [string, Parameters<typeof history>[0], { finding: RegExp; evidence: [number, string][] }][] = [
    [
      'an old owner that never lets go',
      { ...FAILOVER, events: FAILOVER.events.filter((e) => e.type !== 'vip.released') },
      {
        finding: /^node-1 and node-2 answered for 172\.30\.0\.200 at once for 3200 ms, more than the 290 ms allowed/,
        evidence: [
          [3143, 'node-2 elects itself'],
          [6800, 'node-1 elects itself'],
          [10000, 'the run ends, and neither node-2 nor node-1 has given up'],
        ],
      },
    ],
    [
      'a partition that makes two owners',
      {
        faults: [fault('partition', 'node-1 | node-2,node-3', 2000, 5000)],
        events: [elected(2200, 'node-2'), released(5400, 'node-2')],
      },
      {
        finding: /at once for 3200 ms/,
        evidence: [
          [0, 'node-1 has answered since before the run'],
          [2200, 'node-2 elects itself'],
          [5400, 'node-2 stops answering'],
        ],
      },
    ],
    [
      'an announcer that goes on where it was held and never hears of the other',
      { faults: [fault('pause', 'announcer/node-1', 3000, 5000)], events: [elected(3200, 'node-2')] },
      {
        finding: /at once for 5000 ms/,
        evidence: [
          [3200, 'node-2 elects itself'],
          [5000, 'node-1 goes on where it was held'],
          [10000, 'the run ends, and neither node-2 nor node-1 has given up'],
        ],
      },
    ],
    [
      'an ARP answer of a node that owns nothing',
      { ...FAILOVER, events: [...FAILOVER.events, answered(4000, 'node-3')] },
      {
        finding: /^node-3 answered an ARP request for 172\.30\.0\.200 without owning it/,
        evidence: [
          [3143, 'node-2 elects itself'],
          [4000, 'node-3 answers 172.30.0.101 that 172.30.0.200 is here'],
        ],
      },
    ],
  ];
  it.each(violations)('finds %s', (_, parts, { finding, evidence }) => {
    const result = check(history(parts));
    expect(result?.held).toBe(false);
    expect(result?.finding).toMatch(finding);
    expect(result?.evidence.map((e) => [e.at_ms, e.what])).toEqual(evidence);
  });

  describe('where a split is expected', () => {
    const split = (releasedAt: number) =>
      history({
        facts: { expects: ['one-owner'] },
        faults: [fault('partition', 'node-1 | node-2,node-3', 2000, 5000)],
        events: [elected(2200, 'node-2'), released(releasedAt, 'node-2')],
      });
    it('holds while the members find each other again', () => {
      const result = check(split(5400));
      expect(result).toMatchObject({ held: true, figures: { several_ms: 3200 } });
      expect(result?.finding).toMatch(/^As the scenario expects: node-1 and node-2 answered/);
      expect(result?.evidence).toHaveLength(3);
    });
    it('is violated when the split outlasts that', () => {
      expect(check(split(7000))).toMatchObject({ held: false });
    });
  });

  it('takes the end of a fault from the timeline where the steps do not tell', () => {
    const h = history({
      facts: { expects: ['one-owner'] },
      faults: [fault('partition', 'node-1 | node-2,node-3', 2000)],
      events: [
        elected(2200, 'node-2'),
        stamp(5000, 'lab', 'fault.healed', { fault: 'heal', target: 'node-1 | node-2,node-3' }),
        released(9000, 'node-2'),
      ],
    });
    expect(check(h)?.held).toBe(false);
  });

  it('concludes the first owner from the events', () => {
    const h = history({ facts: { owner: undefined }, events: [released(3000, 'node-3'), elected(3050, 'node-1')] });
    expect(check(h)).toMatchObject({ held: true, figures: { none_ms: 50 } });
  });
});
