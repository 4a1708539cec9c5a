import { numberArg } from './args.ts';
import type { FaultDefinition } from './definition.ts';
import { breakDns, DNS_SCOPE, dnsScopeProblem, planDns, sweepDns } from './dns-control.ts';

/** Answers that come late. */
export const dnsSlow: FaultDefinition = {
  verb: 'dns-slow',
  summary: 'a DNS server answers later',
  notes:
    "The server decides its answer at once and sends it after the delay. What a resolver makes of that is its own affair: glibc asks the next server after 5 s, and so do the lab's emulated containers. Two such faults on one server add up. Answers that wait when it is healed still go out at their time.",
  examples: [
    'dns-slow dns/1 --delay 2s --duration 10s',
    'dns-slow all/dns --delay 300ms --jitter 100ms --service default/web',
  ],
  targets: ['dns'],
  args: [
    { name: 'delay', kind: 'duration', required: true, min: 1, max: 600_000, summary: 'how much later' },
    { name: 'jitter', kind: 'duration', default: '0ms', summary: 'how much the delay varies, up and down, evenly' },
    ...DNS_SCOPE,
  ],
  check: (args) =>
    dnsScopeProblem(args) ??
    ((numberArg(args, 'jitter') ?? 0) > (numberArg(args, 'delay') ?? 0)
      ? `Argument jitter of fault dns-slow is ${numberArg(args, 'jitter')} ms: give no more than the delay, ${numberArg(args, 'delay')} ms`
      : undefined),
  plan: (target, args, context) =>
    planDns(target, args, context, `answers ${numberArg(args, 'delay')} ms (± ${numberArg(args, 'jitter')} ms) later`),
  apply: (target, args, context) =>
    breakDns(target, args, context, {
      kind: 'slow',
      delayMs: numberArg(args, 'delay') ?? 0,
      jitterMs: numberArg(args, 'jitter') ?? 0,
    }),
  sweep: sweepDns,
};
