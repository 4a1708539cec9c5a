import { badInput, environmentError } from '../state/errors.ts';
import { containerEnds, flowsInContainers, planFlowsInContainers, sweepContainer } from '../wire/lose.ts';
import { containerLoss } from '../wire/loss.ts';
import { flagArg } from './args.ts';
import type { AppliedFault, FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import type { Groups, Network } from './groups.ts';
import { formatTarget, type ResolvedTarget } from './target.ts';

/** Groups of hosts that lose each other. */
export const partition: FaultDefinition = {
  verb: 'partition',
  summary: 'cut a network between groups of hosts; hosts in no group reach all',
  notes: `No frame passes from a host of one group to a host of another, ARP included. A partition takes the place of an earlier one of the same network.

In network namespaces the rules name bridge ports, so a host that is restarted stays where it was. In Docker they are in the containers of nodes and clients, by hardware address, and are made again in one that is restarted; where neither of two hosts is a node or a client, \`docker network disconnect\` is what there is. What such a host broadcasts is cut where it arrives, and a question to all (ARP) that goes to one passes, though its answer does not.`,
  examples: [
    'partition node-1,client-1 node-2,node-3',
    'partition minority/nodes majority/nodes --duration 10s',
    'partition node-1 node-2,node-3 --one-way',
    'partition node-1 nats-1,controller-1 --network control',
  ],
  targets: ['groups'],
  args: [
    {
      name: 'network',
      kind: 'choice',
      choices: ['lan', 'control'],
      default: 'lan',
      summary: 'the node LAN, or the control network (NATS, gRPC)',
    },
    { name: 'one-way', kind: 'flag', summary: 'drop only what the first group sends to the others' },
  ],
  slot: (args) => `partition ${args.network ?? 'lan'}`,
  plan: (target, args, context) => {
    const cut = cutOf(target, args);
    if (context.driver === 'netns') return [`nft -f - <<'EOF'\n${rules(cut, context)}EOF`];
    return flowsOfCut(cut).flatMap((flow) =>
      planFlowsInContainers(containerEnds([flow], context), pairName(flow), context, (name, f) =>
        containerLoss(name, f, 100),
      ),
    );
  },
  apply: (target, args, context) =>
    context.driver === 'netns'
      ? cutOnBridge(cutOf(target, args), context)
      : cutInContainers(cutOf(target, args), context),
  sweep: sweepContainer,
};

interface Cut {
  readonly groups: Groups;
  readonly network: Network;
  readonly oneWay: boolean;
}

function cutOf(target: ResolvedTarget, args: FaultArgs): Cut {
  if (target.kind !== 'groups') throw badInput(`Fault partition does not act on ${formatTarget(target)}`);
  const network = args.network === 'control' ? 'control' : 'lan';
  return { groups: target.groups, network, oneWay: flagArg(args, 'one-way') };
}

/** Pairs of groups of which the first is no longer heard by the second. */
function pairsOf({ groups, oneWay }: Cut): readonly (readonly [readonly string[], readonly string[]])[] {
  return groups.flatMap((from, i) =>
    groups.flatMap((to, j) => (i === j || (oneWay && i !== 0) ? [] : [[from, to] as const])),
  );
}

const flowsOfCut = (cut: Cut): readonly { readonly from: string; readonly to: string }[] =>
  pairsOf(cut).flatMap(([from, to]) => from.flatMap((a) => to.map((b) => ({ from: a, to: b }))));

const pairName = ({ from, to }: { readonly from: string; readonly to: string }): string => `${from}-${to}`;

const table = (context: FaultContext): string => `bridge svclab-${context.id}`;

/** One chain in a table of its own: several faults do not touch each other. */
function rules(cut: Cut, context: FaultContext): string {
  const ports = (hosts: readonly string[]): string =>
    `{ ${hosts.map((h) => `"${context.lab.portOf(h, cut.network) ?? h}"`).join(', ')} }`;
  const drops = pairsOf(cut).map(([from, to]) => `    iifname ${ports(from)} oifname ${ports(to)} drop`);
  return `table ${table(context)} {
  chain forward {
    type filter hook forward priority 0; policy accept;
${drops.join('\n')}
  }
}
`;
}

async function cutOnBridge(cut: Cut, context: FaultContext): Promise<AppliedFault> {
  await nft(context, rules(cut, context), 'Network cannot be partitioned');
  return {
    atNs: context.clock.nowNs(),
    heal: async () => {
      await nft(context, `table ${table(context)}\ndelete table ${table(context)}\n`, 'Network cannot be made whole');
      return context.clock.nowNs();
    },
  };
}

/** In Docker the rules are in the containers, a table for each pair. When one cannot be made, those before it are taken back. */
async function cutInContainers(cut: Cut, context: FaultContext): Promise<AppliedFault> {
  const flows = flowsOfCut(cut).map((flow) => ({ flow, ends: containerEnds([flow], context) }));
  const made: AppliedFault[] = [];
  const heal = async (): Promise<bigint> => {
    for (const one of made.toReversed()) await one.heal?.();
    return context.clock.nowNs();
  };
  try {
    for (const { flow, ends } of flows)
      made.push(
        await flowsInContainers(ends, pairName(flow), cut.network, context, (name, f) => containerLoss(name, f, 100)),
      );
  } catch (error) {
    await heal();
    throw error;
  }
  return {
    atNs: context.clock.nowNs(),
    heal,
    again: async (host) => {
      for (const one of made) await one.again?.(host);
    },
  };
}

/** Runs one nftables transaction in the lab's root namespace. Fails with a LabError holding what `nft` said. */
async function nft(context: FaultContext, script: string, failed: string): Promise<void> {
  const done = await context.root(['nft', '-f', '-'], { stdin: script });
  if (done.code !== 0) throw environmentError(`${failed}: ${done.stderr.trim()}`);
}
