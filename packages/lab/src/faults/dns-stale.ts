import type { FaultDefinition } from './definition.ts';
import { breakDns } from './dns-control.ts';
import { formatTarget } from './target.ts';

/** Answers from the past. */
export const dnsStale: FaultDefinition = {
  verb: 'dns-stale',
  summary: 'a DNS server goes on answering what it knew when the fault began',
  notes:
    'What changes meanwhile in Services and EndpointSlices is taken in when it is healed. It models a CoreDNS whose watch of the API has gone silent. ClusterIPs seldom change, so it shows with headless Services and with Services that come and go. A server that is killed meanwhile comes back with fresh records.',
  examples: ['dns-stale dns/1', 'dns-stale all/dns --duration 20s'],
  targets: ['dns'],
  args: [],
  plan: (target) => [`${formatTarget(target)}: keeps its records as they are`],
  apply: (target, args, context) => breakDns(target, args, context, { kind: 'stale' }),
};
