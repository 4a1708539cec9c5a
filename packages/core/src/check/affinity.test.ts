import { describe, expect, it } from 'vitest';
import { announced, changed, elected, fault, history, released, requests } from '../../test/history.ts';
import { type History, runCheckers } from './index.ts';

const check = (h: History) => runCheckers(h).find((r) => r.check === 'affinity');
const facts = { affinityTimeoutMs: 10_000 };
const from = (ms: number, then: string) => requests(300, (at) => (at < ms ? 'web-1' : then));

describe('affinity', () => {
  it('has nothing to say without session affinity', () => {
    expect(check(history({ new: from(1000, 'web-2') }))).toBeUndefined();
  });

  const holds: [string, Parameters<typeof history>[0], string][] = [
    ['nothing changes', { facts, new: from(9999, ''), reused: from(9999, '') }, 'One backend all along: web-1'],
    [
      'the backend leaves',
      { facts, events: [changed(995, 70, { removed: 'web-1' })], new: from(1000, 'web-2') },
      '1 change of backend: 1 because the backend was no ready endpoint any more',
    ],
    [
      'the address moves to another node',
      {
        facts,
        faults: [fault('kill', 'node/node-1', 800)],
        events: [elected(990, 'node-2')],
        new: requests(300, (at) => (at < 800 ? 'web-1' : at < 1000 ? { outcome: 'timeout' } : 'web-3')),
      },
      '1 change of backend: 1 when the address moved to a node that did not know the client',
    ],
    [
      'the client hears of another node late',
      {
        facts,
        events: [
          elected(300, 'node-2'),
          announced(300, 'node-2'),
          announced(1400, 'node-2'),
          elected(420, 'node-1'),
          released(430, 'node-2'),
        ],
        new: from(1450, 'web-2'),
      },
      '1 change of backend: 1 when the address moved to a node that did not know the client',
    ],
    [
      'the client was away for longer than the time-out',
      {
        facts: { affinityTimeoutMs: 500 },
        new: requests(300, (at) => (at < 800 ? 'web-1' : at < 1400 ? { outcome: 'timeout' } : 'web-3')),
      },
      '1 change of backend: 1 after the time-out',
    ],
  ];
  it.each(holds)('holds when %s', (_, parts, finding) => {
    expect(check(history(parts))).toMatchObject({ held: true, finding, evidence: [] });
  });

  it('finds a change for no reason', () => {
    const result = check(history({ facts, new: from(1000, 'web-2') }));
    expect(result).toMatchObject({
      held: false,
      finding:
        'The client was sent from web-1 to web-2 after 10 ms, while web-1 was ready and the time-out is 10000 ms',
      figures: { changes: 1 },
    });
    expect(result?.evidence).toEqual([
      { at_ms: 990, what: 'request 99 (new connection) is answered by web-1' },
      { at_ms: 1000, what: 'request 100 (new connection) is answered by web-2' },
    ]);
  });

  it('finds the same client at two backends by its two flows', () => {
    expect(check(history({ facts, new: requests(10, () => 'web-1'), reused: requests(10, () => 'web-2') }))?.held).toBe(
      false,
    );
  });
});
