import { describe, expect, it } from 'vitest';
import { changed, fault, history, programmed, stamp } from '../../test/history.ts';
import { type History, runCheckers } from './index.ts';

const check = (h: History) => runCheckers(h).find((r) => r.check === 'rules-converge');

/** node-2 dies at 1000 and is back at 4000; the others follow its endpoint out and in. */
const REBOOT = {
  faults: [fault('kill', 'node/node-2', 1000, 4000)],
  events: [
    changed(2500, 70, { removed: 'web-2' }),
    programmed(2520, 'node-1', 70),
    programmed(2540, 'node-3', 70),
    programmed(4600, 'node-2', 72),
    stamp(4610, 'node-2', 'process.ready', { process: 'node-agent@node-2' }, 'node-agent'),
    changed(5000, 80, { added: 'web-2' }),
    programmed(5010, 'node-1', 80),
    programmed(5015, 'node-2', 80),
    programmed(5025, 'node-3', 80),
  ],
};
const without = (node: string, revision: string) => ({
  ...REBOOT,
  events: REBOOT.events.filter((e) => e.node !== node || e.attrs.revision !== revision),
});

describe('rules converge', () => {
  const holds: [string, Parameters<typeof history>[0], string][] = [
    ['nothing changes', {}, 'The endpoint slices did not change'],
    ['a node comes back', REBOOT, '3 of 3 nodes hold revision 80, the slowest after 25 ms'],
    [
      'a node stays without power',
      {
        faults: [fault('kill', 'node/node-2', 1000)],
        events: REBOOT.events.slice(0, 3),
      },
      '2 of 2 nodes hold revision 70, the slowest after 40 ms',
    ],
    [
      'the run ends before the time is over',
      { ...without('node-3', '80'), end: 5200 },
      '2 of 3 nodes hold revision 70, the slowest after 40 ms; the run ended before 1 more had to',
    ],
    [
      'an agent that was killed catches up when it is back',
      {
        faults: [fault('kill', 'agent/node-3', 900)],
        events: [
          changed(1000, 70, { removed: 'web-2' }),
          programmed(1010, 'node-1', 70),
          programmed(1010, 'node-2', 70),
          stamp(2400, 'node-3', 'process.ready', { process: 'node-agent@node-3' }, 'node-agent'),
          programmed(2500, 'node-3', 70),
        ],
      },
      '3 of 3 nodes hold revision 70, the slowest after 1500 ms',
    ],
    [
      'a cut of the control network is over by its id',
      {
        faults: [fault('partition', 'node-3 | nats-1', 900)],
        events: [
          stamp(900, 'lab', 'fault.effective', {
            fault: 'partition',
            target: 'node-3 | nats-1',
            id: 'f2',
            args: 'network=control',
          }),
          changed(1000, 70, { removed: 'web-2' }),
          programmed(1010, 'node-1', 70),
          programmed(1010, 'node-2', 70),
          stamp(2400, 'lab', 'fault.healed', { fault: 'heal', target: 'all', id: 'f1,f2' }),
          programmed(4000, 'node-3', 70),
        ],
      },
      '3 of 3 nodes hold revision 70, the slowest after 3000 ms',
    ],
    [
      'what keeps the nodes from the store is not over',
      { faults: [fault('stop', 'nats/1', 900)], events: [changed(1000, 70, { removed: 'web-2' })] },
      'The run ended before any node had to hold what changed',
    ],
  ];
  it.each(holds)('holds when %s', (_, parts, finding) => {
    expect(check(history(parts))).toMatchObject({ held: true, finding, evidence: [] });
  });

  it('finds a node that never programs the last revision', () => {
    const result = check(history(without('node-3', '80')));
    expect(result).toMatchObject({
      held: false,
      finding: 'node-3 never programmed revision 80, which shop/web has had since 5000 ms',
    });
    expect(result?.evidence).toEqual([
      { at_ms: 2540, what: 'node-3 holds revision 70' },
      { at_ms: 5000, what: 'the slices of shop/web change (revision 80)' },
      { at_ms: 10_000, what: 'the run ends without node-3 holding revision 80' },
    ]);
  });

  it('finds one that does so late', () => {
    const events = [...without('node-3', '80').events, programmed(7000, 'node-3', 80)];
    expect(check(history({ ...REBOOT, events }))).toMatchObject({
      held: false,
      finding: 'node-3 programmed revision 80 2000 ms after it was written; 1020 ms would be in time',
      figures: { slowest_ms: 2000 },
    });
  });

  it('does not count what a node held before it lost its power', () => {
    const h = history({
      faults: [fault('kill', 'node/node-2', 2000, 3000)],
      events: ['node-1', 'node-2', 'node-3']
        .map((n) => programmed(1020, n, 70))
        .concat(changed(1000, 70, { removed: 'web-1' })),
      end: 60_000,
    });
    expect(check(h)).toMatchObject({
      held: false,
      finding: expect.stringMatching(/^node-2 never programmed revision 70/),
    });
  });
});
