import { describe, expect, it } from 'vitest';
import {
  announced,
  answered,
  changed,
  dns,
  elected,
  fault,
  history,
  programmed,
  queries,
  released,
  requests,
  stamp,
  VIP,
} from '../../test/history.ts';
import { type CheckName, type History, runCheckers } from './index.ts';

const IPS: Readonly<Record<string, string>> = { 'web-1': '10.244.1.2', 'web-2': '10.244.2.2', 'web-3': '10.244.3.2' };
const ALL = Object.keys(IPS);
const node = (n: number) => `node-${n}`;

/** Whether web-1, which is on node-1, is in the rules, and whether it lives. */
const inRules = (ms: number): boolean => ms < 4620 || ms > 6720;
const lives = (ms: number): boolean => ms < 3000 || ms > 6500;

/** What the prober sees: dark until 3150, then lost to web-1 until the rules are without it, then web-1 again. */
const traffic = requests(1000, (ms) => {
  const backends = inRules(ms) ? ALL : ALL.slice(1);
  const backend = backends[(ms / 10) % backends.length] ?? '';
  if (ms >= 3000 && ms < 3150) return { outcome: 'timeout' };
  return backend === 'web-1' && !lives(ms) ? { outcome: 'timeout' } : backend;
});

/** The owner loses its power, its endpoint leaves, it comes back, and takes both again. */
function failover(): History {
  return history({
    faults: [fault('kill', 'node/node-1', 3000, 6000)],
    new: traffic,
    reused: requests(1000, (ms) => (ms >= 3000 && ms < 3150 ? { outcome: 'reset' } : 'web-2')),
    dns: [
      dns(
        queries(1000, (ms) => (ms > 4605 && ms < 6700 ? ALL.slice(1) : ALL).map((name) => IPS[name] ?? ''), 1),
        { addresses: Object.values(IPS) },
      ),
    ],
    events: [
      stamp(3000, 'lab', 'fault.effective', { fault: 'kill', target: 'node/node-1', id: 'f1' }),
      elected(3143, node(2)),
      announced(3143, node(2)),
      answered(3180, node(2)),
      changed(4600, 70, { removed: 'web-1' }),
      programmed(4615, node(2), 70),
      programmed(4620, node(3), 70),
      stamp(6000, 'lab', 'fault.healed', { fault: 'restart', target: 'node/node-1', id: 'f1' }),
      stamp(6100, node(1), 'process.started', { process: 'l2-announcer@node-1' }),
      programmed(6450, node(1), 72),
      stamp(6460, node(1), 'process.ready', { process: 'node-agent@node-1' }, 'node-agent'),
      changed(6700, 80, { added: 'web-1', places: 'web-1=10.244.1.2@node-1' }),
      ...[1, 2, 3].map((n) => programmed(6720, node(n), 80)),
      elected(6800, node(1)),
      announced(6800, node(1)),
      released(6812, node(2)),
    ],
  });
}

type Event = History['events'][number];
const without = (h: History, drop: (e: Event) => boolean): History => ({
  ...h,
  events: h.events.filter((e) => !drop(e)),
});
const isRevision = (e: Event, type: string, revision: string): boolean =>
  e.type === type && e.attrs.revision === revision;
const answer = (h: History, seq: number, change: Partial<History['run']['new'][number]>): History => ({
  ...h,
  run: { ...h.run, new: h.run.new.map((s) => (s.seq === seq ? { ...s, ...change } : s)) },
});

describe('a whole failover', () => {
  it('holds', () => {
    expect(runCheckers(failover()).filter((r) => !r.held)).toEqual([]);
    expect(runCheckers(failover()).map((r) => r.check)).toEqual([
      'one-owner',
      'no-removed-endpoint',
      'dns-freshness',
      'no-refusal-while-ready',
      'rules-converge',
    ]);
  });

  const mutations: [string, (h: History) => History, CheckName[]][] = [
    ['the old owner does not give up', (h) => without(h, (e) => e.type === 'vip.released'), ['one-owner']],
    [
      'the first owner lives on beside the second',
      (h) => ({ ...without(h, (e) => e.type.startsWith('fault.')), faults: [] }),
      ['one-owner'],
    ],
    [
      'a third node answers',
      (h) => ({
        ...h,
        events: [...h.events, stamp(5000, node(3), 'vip.answered', { vip: VIP, asker: '172.30.0.101' })],
      }),
      ['one-owner'],
    ],
    [
      'a node never hears of the last change',
      (h) => without(h, (e) => e.node === node(3) && isRevision(e, 'rules.programmed', '80')),
      ['rules-converge'],
    ],
    [
      'the node that came back never programs its rules',
      (h) => without(h, (e) => e.node === node(1) && e.type === 'rules.programmed'),
      ['rules-converge'],
    ],
    [
      'nobody is told that the endpoint is back',
      (h) => without(h, (e) => isRevision(e, 'endpoints.changed', '80')),
      ['no-removed-endpoint', 'dns-freshness'],
    ],
    [
      'the removed endpoint answers',
      (h) => answer(h, 500, { outcome: 'ok', backend: 'web-1' }),
      ['no-removed-endpoint'],
    ],
    [
      'a request is refused before the fault',
      (h) => answer(h, 200, { outcome: 'refused', backend: '' }),
      ['no-refusal-while-ready'],
    ],
    [
      'a request is refused after all is well again',
      (h) => answer(h, 900, { outcome: 'refused', backend: '' }),
      ['no-refusal-while-ready'],
    ],
    [
      'DNS goes on naming the removed endpoint',
      (h) => ({
        ...h,
        dns: [
          dns(
            queries(1000, () => Object.values(IPS), 1),
            { addresses: Object.values(IPS) },
          ),
        ],
      }),
      ['dns-freshness'],
    ],
    [
      'DNS never names the endpoint that is back',
      (h) => ({
        ...h,
        dns: [
          dns(
            queries(1000, (ms) => (ms > 4605 ? ALL.slice(1) : ALL).map((name) => IPS[name] ?? ''), 1),
            { addresses: Object.values(IPS) },
          ),
        ],
      }),
      ['dns-freshness'],
    ],
    [
      'the Service has session affinity, and the client is sent everywhere',
      (h) => ({ ...h, facts: { ...h.facts, affinityTimeoutMs: 10_800_000 } }),
      ['affinity'],
    ],
  ];
  it.each(mutations)('is found out when %s', (_, mutate, violated) => {
    const results = runCheckers(mutate(failover()));
    const bad = results.filter((r) => !r.held);
    expect(bad.map((r) => r.check)).toEqual(violated);
    for (const { evidence } of bad) {
      expect(evidence.length).toBeGreaterThan(0);
      expect(evidence.map((e) => e.at_ms)).toEqual(evidence.map((e) => e.at_ms).sort((a, b) => a - b));
    }
  });
});
