import { describe, expect, it } from 'vitest';
import { changed, fault, history, pod, programmed, requests } from '../../test/history.ts';
import { type History, runCheckers } from './index.ts';

const check = (h: History) => runCheckers(h).find((r) => r.check === 'no-refusal-while-ready');
const everywhere = (ms: number, revision: number) =>
  ['node-1', 'node-2', 'node-3'].map((n) => programmed(ms, n, revision));
const refusedBetween = (fromMs: number, toMs: number) =>
  requests(300, (ms) => (ms >= fromMs && ms < toMs ? { outcome: 'refused' } : 'web-1'));

describe('no refusal while ready', () => {
  const holds: [string, Parameters<typeof history>[0], Record<string, number>][] = [
    ['nothing is refused', { new: refusedBetween(0, 0) }, { refused: 0 }],
    [
      'a pod is killed and leaves the rules in time',
      {
        faults: [fault('kill', 'pod/shop/web-2', 1000)],
        events: [pod(1100, 'pod.not-ready', 'web-2'), changed(1110, 70, { removed: 'web-2' }), ...everywhere(1130, 70)],
        new: refusedBetween(1100, 1130),
      },
      { refused: 3, excused: 3 },
    ],
    [
      'no endpoint is ready',
      {
        events: [changed(1000, 70, { removed: 'web-1,web-2,web-3' }), ...everywhere(1010, 70)],
        new: refusedBetween(1010, 2000),
      },
      { refused: 99, without_endpoint: 99 },
    ],
    [
      'the only endpoint is not yet in the rules of every node',
      {
        events: [
          changed(500, 60, { removed: 'web-1,web-2,web-3' }),
          ...everywhere(510, 60),
          changed(1000, 70, { added: 'web-4', places: 'web-4=10.244.1.7@node-1' }),
          programmed(1010, 'node-1', 70),
          programmed(1010, 'node-2', 70),
          programmed(1200, 'node-3', 70),
        ],
        new: refusedBetween(600, 1190),
      },
      { without_endpoint: 59 },
    ],
    [
      'a node that came back has no rules yet',
      {
        faults: [fault('kill', 'node/node-3', 500, 1000)],
        events: [programmed(1500, 'node-3', 65)],
        new: refusedBetween(1000, 1400),
      },
      { without_endpoint: 40 },
    ],
  ];
  it.each(holds)('holds when %s', (_, parts, figures) => {
    expect(check(history(parts))).toMatchObject({ held: true, evidence: [], figures });
  });

  it('finds a refusal that nothing explains', () => {
    const result = check(history({ new: refusedBetween(1000, 1010) }));
    expect(result).toMatchObject({
      held: false,
      finding: 'Request 100 (new connection) was refused while web-1 was ready and in the rules of every node',
      figures: { refused: 1, excused: 0 },
      evidence: [{ at_ms: 1000, what: 'request 100 is sent, and refused 1 ms later' }],
    });
  });

  it('finds one that comes after the endpoint that was down has left the rules', () => {
    const events = [
      pod(1100, 'pod.not-ready', 'web-2'),
      changed(1110, 70, { removed: 'web-2' }),
      ...everywhere(1130, 70),
    ];
    expect(check(history({ events, new: refusedBetween(1125, 1145) }))).toMatchObject({
      held: false,
      figures: { excused: 1 },
    });
  });

  it('finds one while an endpoint that is new is in all rules', () => {
    const events = [
      changed(500, 60, { removed: 'web-1,web-2,web-3' }),
      changed(1000, 70, { added: 'web-4' }),
      ...everywhere(1010, 70),
    ];
    expect(check(history({ events, new: refusedBetween(1050, 1060) }))?.evidence).toEqual([
      { at_ms: 1000, what: 'web-4 becomes a ready endpoint (revision 70)' },
      { at_ms: 1010, what: 'the last node has it in its rules' },
      { at_ms: 1050, what: 'request 105 is sent, and refused 1 ms later' },
    ]);
  });
});
