import type { FaultDefinition } from './definition.ts';
import { breakDns, DNS_SCOPE, dnsScopeProblem, planDns } from './dns-control.ts';

/** Answers that say the server has failed. */
export const dnsServfail: FaultDefinition = {
  verb: 'dns-servfail',
  summary: 'a DNS server answers SERVFAIL',
  notes:
    'What CoreDNS answers while it has no connection to the API, or when a plugin fails. A resolver asks the next server at once.',
  examples: ['dns-servfail dns/1 --duration 10s'],
  targets: ['dns'],
  args: DNS_SCOPE,
  check: dnsScopeProblem,
  plan: (target, args, context) => planDns(target, args, context, 'answers SERVFAIL'),
  apply: (target, args, context) => breakDns(target, args, context, { kind: 'servfail' }),
};
