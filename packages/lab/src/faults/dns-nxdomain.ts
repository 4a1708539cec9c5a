import type { FaultDefinition } from './definition.ts';
import { breakDns, DNS_SCOPE, dnsScopeProblem, planDns } from './dns-control.ts';

/** Names that are said not to exist. */
export const dnsNxdomain: FaultDefinition = {
  verb: 'dns-nxdomain',
  summary: 'a DNS server says that names do not exist',
  notes:
    "NXDOMAIN with the zone's start of authority: a resolver that caches may keep it for the negative TTL (RFC 2308), here that of knob dns.ttl. Names outside the cluster domain stay refused.",
  examples: ['dns-nxdomain dns/1 --service default/web', 'dns-nxdomain all/dns --percent 30 --duration 10s'],
  targets: ['dns'],
  args: DNS_SCOPE,
  check: dnsScopeProblem,
  plan: (target, args, context) => planDns(target, args, context, 'answers NXDOMAIN'),
  apply: (target, args, context) => breakDns(target, args, context, { kind: 'nxdomain' }),
};
