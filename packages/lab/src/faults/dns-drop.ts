import type { FaultDefinition } from './definition.ts';
import { breakDns, DNS_SCOPE, dnsScopeProblem, planDns } from './dns-control.ts';

/** Questions without an answer. */
export const dnsDrop: FaultDefinition = {
  verb: 'dns-drop',
  summary: 'a DNS server does not answer',
  notes:
    'The question arrives and nothing comes back, over UDP and TCP: the resolver waits for its timeout. The server counts as ready all the while, as one that is overloaded does; compare pause, after which it leaves the endpoints of kube-dns.',
  examples: ['dns-drop dns/1 --percent 50 --duration 10s'],
  targets: ['dns'],
  args: DNS_SCOPE,
  check: dnsScopeProblem,
  plan: (target, args, context) => planDns(target, args, context, 'gives no answer'),
  apply: (target, args, context) => breakDns(target, args, context, { kind: 'drop' }),
};
