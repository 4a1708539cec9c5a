/** MetalLB's metrics, with its names and labels, and the membership's. Source: metallb/metallb `speaker/main.go`, `internal/layer2/stats.go`. */
import type { MemberState, Membership, MembershipEvent } from '@svclab/core';
import { type Metrics, single } from '@svclab/runtime';
import type { Announcer } from './announcer.ts';
import type { ArpCounters, Responder } from './responder.ts';

const STATES: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left'];

/** What this node announces, and the frames it took and sent for it. */
export function announcerMetrics(
  metrics: Metrics,
  { node, announcer, responder }: { node: string; announcer: Announcer; responder: Pick<Responder, 'counters'> },
): void {
  metrics.gauge({
    name: 'metallb_speaker_announced',
    help: '1 for each address of a Service that this node announces',
    labels: ['service', 'protocol', 'node', 'ip'],
    read: () =>
      announcer.announced().map(({ namespace, service, vip }) => ({
        labels: { service: `${namespace}/${service}`, protocol: 'layer2', node, ip: vip },
        value: 1,
      })),
  });
  const frames = (name: string, help: string, kind: keyof ArpCounters): void =>
    metrics.countOf({
      name: `metallb_layer2_${name}`,
      help,
      labels: ['ip'],
      read: () => [...responder.counters].map(([ip, counted]) => ({ labels: { ip }, value: counted[kind] })),
    });
  frames('requests_received', 'ARP requests received for an address this node announces', 'requests');
  frames('responses_sent', 'ARP replies sent for it', 'replies');
  frames('gratuitous_sent', 'Gratuitous ARP frames sent for it', 'gratuitous');
  metrics.gauge({
    name: 'svclab_election_owner',
    help: 'Constant 1 for the node that owns an address by the election of this announcer',
    labels: ['service', 'ip', 'owner'],
    read: () =>
      announcer.states().map(({ namespace, service, vip, owner }) => ({
        labels: { service: `${namespace}/${service}`, ip: vip, owner: owner === '' ? 'none' : owner },
        value: 1,
      })),
  });
}

/** The members as this one sees them. Returns the function that counts a change. */
export function memberMetrics(
  metrics: Metrics,
  membership: () => Pick<Membership, 'members' | 'health'> | undefined,
): (event: MembershipEvent) => void {
  metrics.gauge({
    name: 'svclab_memberlist_members',
    help: 'Members this one knows, itself among them, by state',
    labels: ['state'],
    read() {
      const states = (membership()?.members() ?? []).map((m) => m.state);
      return STATES.map((state) => ({ labels: { state }, value: states.filter((s) => s === state).length }));
    },
  });
  metrics.gauge({
    name: 'svclab_memberlist_health_score',
    help: 'Local health of Lifeguard: 0 is healthy, each point stretches the own time-outs by one',
    read: () => single(membership()?.health ?? 0),
  });
  const count = metrics.counter({
    name: 'svclab_memberlist_events_total',
    help: 'Changes of membership this member has seen: joined, suspected, alive again, dead, left',
    labels: ['event'],
  });
  return ({ type }) => count({ event: type });
}
