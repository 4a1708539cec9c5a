import { lose, planLoss, sweepContainer } from '../wire/lose.ts';
import { numberArg } from './args.ts';
import type { FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import { LINK_ARGS, LINK_TARGETS, placeOf } from './links.ts';
import type { ResolvedTarget } from './target.ts';

/** Frames lost by chance. */
export const loss: FaultDefinition = {
  verb: 'loss',
  summary: 'lose a share of the frames of a host or a link, by chance',
  notes: `Each frame is lost with the given probability, apart from all others and apart for each direction: with \`--percent 30\` both ways, 49 % of requests of one packet get their answer. ARP is lost like everything else. A frame to all hosts is lost or not for each of them.

In namespaces the rules are on the bridge of the network, by port, so a host that is restarted stays impaired, and what the supervisor itself sends is spared. In Docker they are on the interfaces inside nodes and clients (kernel 5.16 for what goes out); a link of which neither end is one is refused.`,
  examples: [
    'loss node/node-1 --percent 30',
    'loss link/node-1-client-1 --percent 5 --direction from --duration 10s',
    'loss nats/1 --percent 10 --network control',
  ],
  targets: LINK_TARGETS,
  args: [
    {
      name: 'percent',
      kind: 'percent',
      required: true,
      min: 0.01,
      max: 100,
      summary: 'probability of each frame, each way; 100 loses all',
    },
    ...LINK_ARGS,
  ],
  plan: (target, args, context) => planLoss(wish(target, args, context), context),
  apply: (target, args, context) => lose(wish(target, args, context), context),
  sweep: sweepContainer,
};

function wish(target: ResolvedTarget, args: FaultArgs, context: FaultContext) {
  return { ...placeOf(target, args, context), percent: numberArg(args, 'percent') ?? 0 };
}
