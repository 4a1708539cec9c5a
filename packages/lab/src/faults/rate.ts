import { limitRate, planRate } from '../wire/limit-rate.ts';
import { numberArg } from './args.ts';
import type { FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import { LINK_ARGS, LINK_TARGETS, placeOf } from './links.ts';
import type { ResolvedTarget } from './target.ts';

/** A thin link. */
export const rate: FaultDefinition = {
  verb: 'rate',
  summary: 'give a host or a link so many bits per second, each way',
  notes: `A token bucket (tc-tbf) under a class (tc-htb) on the interface that sends: the receiver's bridge port, or the host's own interface for all it sends. Up to 5 ms of the rate go out at once (two full frames at least), 100 ms of it wait (ten full frames at least), and what finds the queue full is lost, as on a router's port. Frames are counted with their Ethernet header, so a transfer sees some 4 % less. Large segments are cut up into frames.

Several rates of the same frames: the smallest holds. When a rate is healed or changed, what waits is let go first. In Docker what comes to a host cannot wait: what exceeds the rate is lost at once (a policer with a burst of 100 ms, 64 KiB at least), which TCP likes less.`,
  examples: ['rate node/node-1 --rate 10mbit', 'rate link/node-1-client-1 --rate 1mbit --direction to --duration 10s'],
  targets: LINK_TARGETS,
  args: [
    { name: 'rate', kind: 'rate', required: true, min: 8000, max: 10e9, summary: 'bits per second, such as 1mbit' },
    ...LINK_ARGS,
  ],
  plan: (target, args, context) => planRate(wish(target, args, context), context),
  apply: (target, args, context) => limitRate(wish(target, args, context), context),
};

function wish(target: ResolvedTarget, args: FaultArgs, context: FaultContext) {
  return { ...placeOf(target, args, context), rate: numberArg(args, 'rate') ?? 0 };
}
