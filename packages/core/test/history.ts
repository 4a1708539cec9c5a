/** Histories for tests of the checkers, made by hand. Times are milliseconds since the first planned request. */
import type {
  DnsHistory,
  DnsSample,
  History,
  HistoryFacts,
  HistoryFault,
  Outcome,
  ProbeSample,
  TimelineEvent,
  TimelineType,
} from '../src/index.ts';
import { resolveKnobs } from '../src/lab/knobs.ts';

export const VIP = '172.30.0.200';
export const SERVICE = 'shop/web';
const START = 5_000_000_000n;

export const ns = (ms: number): bigint => START + BigInt(Math.round(ms * 1e6));

export function stamp(
  ms: number,
  node: string,
  type: TimelineType,
  attrs: Record<string, string> = {},
  component = 'test',
): TimelineEvent {
  return { atNs: ns(ms), wallMs: 0, node, component, type, cause: '', attrs };
}

export const elected = (ms: number, node: string, owner = node) =>
  stamp(ms, node, 'vip.elected', { vip: VIP, service: SERVICE, owner });
export const released = (ms: number, node: string) => stamp(ms, node, 'vip.released', { vip: VIP, service: SERVICE });
export const announced = (ms: number, node: string) =>
  stamp(ms, node, 'vip.announced', { vip: VIP, round: '0', interface: 'lan0' });
export const answered = (ms: number, node: string) =>
  stamp(ms, node, 'vip.answered', { vip: VIP, asker: '172.30.0.101', interface: 'lan0' });
export const changed = (ms: number, revision: number, change: { added?: string; removed?: string; places?: string }) =>
  stamp(ms, 'controller-1', 'endpoints.changed', {
    service: SERVICE,
    revision: String(revision),
    added: change.added ?? '',
    removed: change.removed ?? '',
    ...(change.places === undefined ? {} : { places: change.places }),
  });
export const programmed = (ms: number, node: string, revision: number) =>
  stamp(ms, node, 'rules.programmed', { revision: String(revision) });
export const pod = (ms: number, type: 'pod.ready' | 'pod.not-ready' | 'pod.stopped' | 'pod.started', name: string) =>
  stamp(ms, 'node-1', type, { pod: `shop/${name}` });

export const fault = (verb: string, target: string, from: number, until?: number): HistoryFault => ({
  verb,
  target,
  fromNs: ns(from),
  untilNs: until === undefined ? undefined : ns(until),
});

/** A request each 10 ms from 0 on. `who` names the backend, or how the request ended. */
export function requests(count: number, who: (ms: number) => string | { readonly outcome: Outcome }): ProbeSample[] {
  return Array.from({ length: count }, (_, seq) => {
    const ms = seq * 10;
    const end = who(ms);
    const outcome = typeof end === 'string' ? ('ok' as const) : end.outcome;
    return { seq, scheduledMs: ms, sentMs: ms, doneMs: ms + 1, outcome, backend: typeof end === 'string' ? end : '' };
  });
}

/** A query each 10 ms from 0 on; an answer is a list of addresses. */
export function queries(
  count: number,
  answer: (ms: number) => readonly string[] | { readonly outcome: DnsSample['outcome'] },
  ttl = 5,
): DnsSample[] {
  return Array.from({ length: count }, (_, seq) => {
    const ms = seq * 10;
    const end = answer(ms);
    const came =
      'outcome' in end ? { outcome: end.outcome, addresses: [] } : { outcome: 'ok' as const, addresses: end };
    return {
      seq,
      scheduledMs: ms,
      sentMs: ms,
      doneMs: ms + 1,
      server: '172.30.0.53',
      ttl: 'outcome' in end ? undefined : ttl,
      ...came,
    };
  });
}

export const dns = (samples: readonly DnsSample[], more: Partial<Omit<DnsHistory, 'run'>> = {}): DnsHistory => ({
  service: SERVICE,
  kind: 'endpoints',
  addresses: ['10.244.1.2', '10.244.2.2'],
  ...more,
  run: { name: 'web.shop.svc.cluster.local', type: 'A', startNs: START, intervalMs: 10, samples },
});

/** Three nodes, three endpoints, node-1 the owner, all of it true from before the first event. */
export function history(parts: {
  readonly events?: readonly TimelineEvent[];
  readonly faults?: readonly HistoryFault[];
  readonly new?: readonly ProbeSample[];
  readonly reused?: readonly ProbeSample[];
  readonly dns?: readonly DnsHistory[];
  readonly facts?: Partial<HistoryFacts>;
  /** Milliseconds. */
  readonly end?: number;
}): History {
  return {
    events: parts.events ?? [],
    run: { startNs: START, intervalMs: 10, new: parts.new ?? [], reused: parts.reused ?? [] },
    endNs: ns(parts.end ?? 10_000),
    facts: {
      vip: VIP,
      service: SERVICE,
      nodes: ['node-1', 'node-2', 'node-3'],
      pods: {
        'web-1': { ip: '10.244.1.2', node: 'node-1' },
        'web-2': { ip: '10.244.2.2', node: 'node-2' },
        'web-3': { ip: '10.244.3.2', node: 'node-3' },
      },
      endpoints: ['web-1', 'web-2', 'web-3'],
      owner: 'node-1',
      knobs: resolveKnobs('fast'),
      externalTrafficPolicy: 'Cluster',
      ...parts.facts,
    },
    faults: parts.faults ?? [],
    dns: parts.dns,
  };
}
