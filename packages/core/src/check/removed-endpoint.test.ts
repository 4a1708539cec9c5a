import { describe, expect, it } from 'vitest';
import {
  announced,
  changed,
  elected,
  fault,
  history,
  pod,
  programmed,
  released,
  requests,
} from '../../test/history.ts';
import { type History, runCheckers } from './index.ts';

const check = (h: History) => runCheckers(h).find((r) => r.check === 'no-removed-endpoint');
const everywhere = (ms: number, revision: number) =>
  ['node-1', 'node-2', 'node-3'].map((n) => programmed(ms, n, revision));

/** web-2 leaves at 1000 and is in nobody's rules from 1020 on. */
const REMOVAL = [changed(1000, 70, { removed: 'web-2' }), ...everywhere(1020, 70)];
const until = (ms: number, then = 'web-1') => requests(300, (at) => (at <= ms ? 'web-2' : then));

describe('no removed endpoint', () => {
  const holds: [string, Parameters<typeof history>[0], Record<string, number>][] = [
    ['nothing is removed', { new: until(5000) }, { removed: 0, last_new_ms: 0 }],
    [
      'the last request is sent before the rules change',
      { events: REMOVAL, new: until(1020) },
      { removed: 1, last_new_ms: 20 },
    ],
    [
      'kept connections live on until the pod stops',
      { events: [...REMOVAL, pod(2500, 'pod.stopped', 'web-2')], reused: until(2490) },
      { last_reused_ms: 1491 },
    ],
    [
      'the endpoint comes back',
      {
        events: [...REMOVAL, ...everywhere(1990, 80), changed(2000, 80, { added: 'web-2' })],
        new: requests(300, (ms) => (ms > 1020 && ms < 1990 ? 'web-1' : 'web-2')),
      },
      {},
    ],
    [
      'a pod of the same name takes its place',
      {
        events: [
          ...REMOVAL,
          pod(1500, 'pod.stopped', 'web-2'),
          pod(1800, 'pod.started', 'web-2'),
          ...everywhere(1990, 80),
          changed(2000, 80, { added: 'web-2' }),
        ],
        new: requests(300, (ms) => (ms > 1020 && ms < 1990 ? 'web-1' : 'web-2')),
      },
      {},
    ],
    [
      'none is ready, so those that terminate are used',
      {
        events: [changed(1000, 70, { removed: 'web-1,web-2,web-3' }), ...everywhere(1020, 70)],
        new: until(2000, 'web-2'),
      },
      {},
    ],
    [
      'the node by which requests come in is late, but a fault keeps it from hearing',
      {
        events: [changed(1000, 70, { removed: 'web-2' }), programmed(2400, 'node-1', 70)],
        faults: [fault('kill', 'agent/node-1', 900, 2300)],
        new: until(2390),
      },
      {},
    ],
    [
      'the client still sends to a node that has given the address up',
      {
        events: [
          changed(1000, 70, { removed: 'web-2' }),
          programmed(1020, 'node-1', 70),
          programmed(1020, 'node-3', 70),
          programmed(1300, 'node-2', 70),
          elected(700, 'node-2'),
          announced(700, 'node-2'),
          released(800, 'node-2'),
        ],
        new: until(1300),
      },
      { last_new_ms: 300 },
    ],
    [
      'only a node without requests is late',
      { events: [changed(1000, 70, { removed: 'web-2' }), programmed(1020, 'node-1', 70)], new: until(1010) },
      {},
    ],
  ];
  it.each(holds)('holds when %s', (_, parts, figures) => {
    expect(check(history(parts))).toMatchObject({ held: true, evidence: [], figures });
  });

  const violations: [string, Parameters<typeof history>[0], string, [number, string][]][] = [
    [
      'an answer after the rules changed',
      { events: REMOVAL, new: until(1500) },
      'web-2 answered a new connection 10 ms after the rules of node-1 were without it',
      [
        [1000, 'web-2 leaves the slices (revision 70)'],
        [1020, 'the rules of node-1 contain revision 70'],
        [1030, 'request 103 on a new connection is sent, and web-2 answers it'],
      ],
    ],
    [
      'rules that never change',
      { events: REMOVAL.filter((e) => e.node !== 'node-1'), new: until(2500) },
      'web-2 answered a new connection 1030 ms after its removal; the rules of node-1 should have been without it by 1020 ms',
      [
        [1000, 'web-2 leaves the slices (revision 70)'],
        [2020, 'by now the rules of node-1 should contain revision 70'],
        [2030, 'request 203 on a new connection is sent, and web-2 answers it'],
      ],
    ],
    [
      'rules that never change, on the node whose port is asked',
      { facts: { entryNode: 'node-3' }, events: REMOVAL.filter((e) => e.node !== 'node-3'), new: until(2500) },
      'web-2 answered a new connection 1030 ms after its removal; the rules of node-3 should have been without it by 1020 ms',
      [
        [1000, 'web-2 leaves the slices (revision 70)'],
        [2020, 'by now the rules of node-3 should contain revision 70'],
        [2030, 'request 203 on a new connection is sent, and web-2 answers it'],
      ],
    ],
    [
      'an answer on a kept connection by a pod that has stopped',
      { events: [...REMOVAL, pod(1500, 'pod.stopped', 'web-2')], reused: until(2000) },
      'web-2 answered a request that was sent 10 ms after it had stopped',
      [
        [1500, 'web-2 has stopped'],
        [1510, 'request 151 on a kept connection is sent, and web-2 answers it'],
      ],
    ],
    [
      'a pod of another Service',
      { facts: { pods: { 'db-1': { ip: '10.244.1.9', node: 'node-1' } } }, new: requests(3, () => 'db-1') },
      'db-1 answered, which never was a ready endpoint of shop/web',
      [[0, 'request 0 on a new connection is sent, and db-1 answers it']],
    ],
    [
      'with policy Local, a terminating pod beside a ready one of its node',
      {
        facts: {
          externalTrafficPolicy: 'Local',
          pods: { 'web-1': { ip: '10.244.1.2', node: 'node-1' }, 'web-2': { ip: '10.244.1.3', node: 'node-1' } },
        },
        events: REMOVAL,
        new: until(1200),
      },
      'web-2 answered a new connection 10 ms after the rules of node-1 were without it',
      [
        [1000, 'web-2 leaves the slices (revision 70)'],
        [1020, 'the rules of node-1 contain revision 70'],
        [1030, 'request 103 on a new connection is sent, and web-2 answers it'],
      ],
    ],
  ];
  it.each(violations)('finds %s', (_, parts, finding, evidence) => {
    const result = check(history(parts));
    expect(result).toMatchObject({ held: false, finding });
    expect(result?.evidence.map((e) => [e.at_ms, e.what])).toEqual(evidence);
  });

  it('holds with policy Local when the terminating pod is the last of its node', () => {
    const h = history({
      facts: { externalTrafficPolicy: 'Local', owner: 'node-2' },
      events: REMOVAL,
      new: until(1200),
    });
    expect(check(h)?.held).toBe(true);
  });

  it('looks at the rules of the node that owns the address at the time', () => {
    const events = [changed(1000, 70, { removed: 'web-2' }), programmed(1020, 'node-2', 70), elected(900, 'node-2')];
    const faults = [fault('kill', 'node/node-1', 800)];
    expect(check(history({ events, faults, new: until(1100) }))).toMatchObject({
      held: false,
      finding: 'web-2 answered a new connection 10 ms after the rules of node-2 were without it',
    });
  });

  it('says what was violated as the scenario expects', () => {
    const h = history({ events: REMOVAL, new: until(1500), facts: { expects: ['no-removed-endpoint'] } });
    expect(check(h)?.held).toBe(true);
    expect(check(h)?.finding).toMatch(/^As the scenario expects: web-2 answered/);
  });
});
