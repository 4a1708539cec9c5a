import { badInput, environmentError } from '../state/errors.ts';
import { flagArg } from './args.ts';
import type { FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import type { Groups } from './groups.ts';
import { formatTarget, type ResolvedTarget } from './target.ts';

/** Groups of hosts that lose each other. */
export const partition: FaultDefinition = {
  verb: 'partition',
  summary: 'cut a network between groups of hosts; hosts in no group reach all',
  notes:
    'No frame passes from a host of one group to a host of another, ARP included. The rules name bridge ports, so a host that is restarted stays where it was. A partition takes the place of an earlier one of the same network.',
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
  plan: (target, args, context) => [`nft -f - <<'EOF'\n${rules(groupsOf(target), args, context)}EOF`],
  async apply(target, args, context) {
    const script = rules(groupsOf(target), args, context);
    await nft(context, script, 'Network cannot be partitioned');
    return {
      atNs: context.clock.nowNs(),
      heal: async () => {
        await nft(context, `table ${table(context)}\ndelete table ${table(context)}\n`, 'Network cannot be made whole');
        return context.clock.nowNs();
      },
    };
  },
};

function groupsOf(target: ResolvedTarget): Groups {
  if (target.kind !== 'groups') throw badInput(`Fault partition does not act on ${formatTarget(target)}`);
  return target.groups;
}

const table = (context: FaultContext): string => `bridge svclab-${context.id}`;

/** One chain in a table of its own: several faults do not touch each other. */
function rules(groups: Groups, args: FaultArgs, context: FaultContext): string {
  if (context.driver === 'docker')
    throw badInput(
      'Fault partition is not made with the docker driver: take a container off its network with "docker network disconnect", or use the netns driver',
    );
  const network = args.network === 'control' ? 'control' : 'lan';
  const ports = (hosts: readonly string[]): string =>
    `{ ${hosts.map((h) => `"${context.lab.portOf(h, network) ?? h}"`).join(', ')} }`;
  const cuts = groups.flatMap((from, i) =>
    groups.flatMap((to, j) =>
      i === j || (flagArg(args, 'one-way') && i !== 0) ? [] : [`    iifname ${ports(from)} oifname ${ports(to)} drop`],
    ),
  );
  return `table ${table(context)} {
  chain forward {
    type filter hook forward priority 0; policy accept;
${cuts.join('\n')}
  }
}
`;
}

/** Runs one nftables transaction in the lab's root namespace. Fails with a LabError holding what `nft` said. */
async function nft(context: FaultContext, script: string, failed: string): Promise<void> {
  const done = await context.root(['nft', '-f', '-'], { stdin: script });
  if (done.code !== 0) throw environmentError(`${failed}: ${done.stderr.trim()}`);
}
