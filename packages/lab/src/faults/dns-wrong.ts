import { textArg } from './args.ts';
import type { FaultDefinition } from './definition.ts';
import { breakDns, DNS_SCOPE, dnsScopeProblem, isAddress, planDns } from './dns-control.ts';

/** Answers with an address that is not the right one. */
export const dnsWrong: FaultDefinition = {
  verb: 'dns-wrong',
  summary: 'a DNS server answers another address',
  notes:
    'Where the right answer has addresses of its family (A or AAAA), the answer has this one instead, with the usual TTL: who caches it goes on using it after the fault. Names that do not exist go on not existing. The address that is answered unless you say otherwise is of TEST-NET-1 (RFC 5737): nobody has it.',
  examples: [
    'dns-wrong dns/1 --service default/web --duration 10s',
    'dns-wrong all/dns --dns-name "*.shop.svc.cluster.local" --address 10.96.0.1',
  ],
  targets: ['dns'],
  args: [
    { name: 'address', kind: 'text', default: '192.0.2.1', summary: 'what is answered instead, IPv4 or IPv6' },
    ...DNS_SCOPE,
  ],
  check: (args) =>
    dnsScopeProblem(args) ??
    (isAddress(textArg(args, 'address') ?? '')
      ? undefined
      : `Argument address of fault dns-wrong is "${textArg(args, 'address')}": give an IPv4 or IPv6 address`),
  plan: (target, args, context) => planDns(target, args, context, `answers ${textArg(args, 'address')}`),
  apply: (target, args, context) =>
    breakDns(target, args, context, { kind: 'wrong', address: textArg(args, 'address') ?? '' }),
};
