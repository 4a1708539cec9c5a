import { flap as flapPlace, planFlap } from '../wire/flap.ts';
import { numberArg } from './args.ts';
import type { FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import { LINK_ARGS, LINK_TARGETS, placeOf } from './links.ts';
import type { ResolvedTarget } from './target.ts';

/** A loose cable. */
export const flap: FaultDefinition = {
  verb: 'flap',
  summary: 'take the link of a host, or between two hosts, down and up again, over and over',
  notes: `It begins with down and ends up. A host's link loses its carrier: the host's own interface is without one too, its kernel forgets its neighbours, and its processes see it. On a link between two hosts, one way, or in Docker, where taking the interface down would take its routes along, frames are lost instead.`,
  examples: ['flap node/node-1 --down 500ms --up 2s', 'flap link/node-1-client-1 --down 1s --up 1s --duration 20s'],
  targets: LINK_TARGETS,
  args: [
    { name: 'down', kind: 'duration', required: true, min: 1, max: 3_600_000, summary: 'how long it is down' },
    { name: 'up', kind: 'duration', required: true, min: 1, max: 3_600_000, summary: 'how long it is up in between' },
    ...LINK_ARGS,
  ],
  plan: (target, args, context) => planFlap(wish(target, args, context), context),
  apply: (target, args, context) => flapPlace(wish(target, args, context), context),
};

function wish(target: ResolvedTarget, args: FaultArgs, context: FaultContext) {
  return {
    ...placeOf(target, args, context),
    downMs: numberArg(args, 'down') ?? 0,
    upMs: numberArg(args, 'up') ?? 0,
  };
}
