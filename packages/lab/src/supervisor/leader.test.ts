import type { TimelineEvent, TimelineType } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import { LeaderView } from './leader.ts';

const event = (type: TimelineType, node: string, attrs: Readonly<Record<string, string>>): TimelineEvent => ({
  atNs: 0n,
  wallMs: 0,
  node,
  component: 'controller',
  type,
  cause: '',
  attrs,
});
const elected = (i: number, term: number) => event('leader.elected', `controller-${i}`, { term: String(term) });
const lost = (i: number, term: number) => event('leader.lost', `controller-${i}`, { term: String(term) });
const exited = (process: string) => event('process.exited', 'lab', { process });

describe('LeaderView', () => {
  it.each([
    ['nobody at first', [], ''],
    ['who was elected', [elected(2, 3)], 'controller-2'],
    ['the later term', [elected(2, 3), elected(1, 4)], 'controller-1'],
    ['nobody once it gave up', [elected(2, 3), lost(2, 3)], ''],
    ['nobody once it died', [elected(2, 3), exited('controller@controller-2')], ''],
    ['still the leader when another process died', [elected(2, 3), exited('dns@controller-2')], 'controller-2'],
    [
      'the successor, though the predecessor says late that it lost',
      [elected(1, 0), elected(2, 1), lost(1, 0)],
      'controller-2',
    ],
    ['the successor, though the word of an earlier term comes late', [elected(2, 1), elected(1, 0)], 'controller-2'],
  ])('%s', (_, events, host) => {
    const view = new LeaderView({ subscribe: () => () => undefined });
    for (const e of events) view.take(e);
    expect(view.host).toBe(host);
  });
});
