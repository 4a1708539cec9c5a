import { badInput, environmentError } from '../state/errors.ts';
import { sweepContainer } from '../wire/lose.ts';
import { numberArg } from './args.ts';
import type { CommandResult, FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import { formatTarget, hostsOf, type ResolvedTarget } from './target.ts';

/** The announcement that is never heard. */
export const gratuitousArpLoss: FaultDefinition = {
  verb: 'gratuitous-arp-loss',
  summary: 'drop gratuitous ARP that a node sends, or that a client would hear; requests and their answers pass',
  notes: `An announcer that takes an address over says so by broadcast ARP frames whose sender and target address are both that address (RFC 5227, section 3; MetalLB sends a round of two each 1.1 s, five times). Switches and access points lose such frames, some networks filter them, some clients ignore them; a client then sends to the old node until its own entry is verified and found dead.

Dropped are broadcast ARP frames whose sender is no host's own address, and those that announce a host's own. An ordinary request carries the asker's own address, an answer goes to one host, and a probe for duplicates has no sender: all of them pass. In network namespaces the rule is at the bridge, so it stays when the node is restarted; in Docker it is in the container, at its interface.`,
  examples: [
    'gratuitous-arp-loss owner/default/web --duration 10s',
    'gratuitous-arp-loss client --percent 50',
    'gratuitous-arp-loss all/nodes --duration 1m',
  ],
  targets: ['node', 'announcer', 'client'],
  args: [
    { name: 'percent', kind: 'percent', default: '100', summary: 'how many of the frames are lost, each by itself' },
  ],
  async apply(target, args, context) {
    const { host } = placeOf(target);
    const script = await rules(target, args, context);
    const where = context.driver === 'docker' ? inHost(host, context) : inRoot(context);
    const put = async (): Promise<void> => expectOk(await where(script), `Gratuitous ARP of ${host} cannot be dropped`);
    await put();
    return {
      atNs: context.clock.nowNs(),
      heal: async () => {
        const there = context.driver !== 'docker' || context.lab.isUp(host);
        if (there)
          expectOk(
            await where(`table ${table(context, host)}\ndelete table ${table(context, host)}\n`),
            'Fault cannot be healed',
          );
        return context.clock.nowNs();
      },
      again: async (back) => {
        if (context.driver === 'docker' && back === host) await put();
      },
    };
  },
  sweep: sweepContainer,
  plan: (target, args, context) => {
    const { host } = placeOf(target);
    const [where, dev] = context.driver === 'docker' ? [`on ${host}: `, 'LAN-INTERFACE'] : ['', undefined];
    return [`${where}nft -f - <<'EOF'\n${ruleset(target, args, context, dev)}EOF`];
  },
};

/** Whose frames, and which way: what a node says, what a client hears. */
function placeOf(target: ResolvedTarget): { readonly host: string; readonly way: 'from' | 'to' } {
  const [host] = hostsOf(target);
  if (host === undefined || target.kind === 'link' || target.kind === 'groups')
    throw badInput(`Fault gratuitous-arp-loss does not act on ${formatTarget(target)}`);
  return { host, way: host.startsWith('client-') ? 'to' : 'from' };
}

const table = (context: FaultContext, host: string): string =>
  `${context.driver === 'docker' ? 'netdev' : 'bridge'} svclab-${context.id}-${host}`;

async function rules(target: ResolvedTarget, args: FaultArgs, context: FaultContext): Promise<string> {
  if (context.driver !== 'docker') return ruleset(target, args, context, undefined);
  const { host } = placeOf(target);
  const device = await context.lab.interfaceOn(host, 'lan');
  if (device === undefined) throw badInput(`Host ${host} is not on the LAN now`);
  return ruleset(target, args, context, device);
}

/** @param device in Docker, the host's own interface; undefined: the bridge is asked */
function ruleset(target: ResolvedTarget, args: FaultArgs, context: FaultContext, device: string | undefined): string {
  const { host, way } = placeOf(target);
  const own = context.config.hosts.flatMap((h) => h.lanIP ?? []);
  const percent = numberArg(args, 'percent') ?? 100;
  const chance = percent < 100 ? `numgen random mod 10000 < ${Math.round(percent * 100)} ` : '';
  const port = `"${context.lab.portOf(host, 'lan') ?? device}"`;
  const [hook, match] = device
    ? [`type filter hook ${way === 'from' ? 'egress' : 'ingress'} device "${device}" priority 0`, '']
    : way === 'from'
      ? ['type filter hook prerouting priority -250', `iifname ${port} `]
      : ['type filter hook forward priority -250', `oifname ${port} `];
  return `table ${table(context, host)} {
  chain gratuitous {
    ${hook}; policy accept;
    ${match}ether type arp ether daddr ff:ff:ff:ff:ff:ff arp saddr ip . arp daddr ip { ${own.map((a) => `${a} . ${a}`).join(', ')} } ${chance}drop
    ${match}ether type arp ether daddr ff:ff:ff:ff:ff:ff arp saddr ip != { 0.0.0.0, ${own.join(', ')} } ${chance}drop
  }
}
`;
}

const inRoot =
  (context: FaultContext) =>
  (script: string): Promise<CommandResult> =>
    context.root(['nft', '-f', '-'], { stdin: script });

const inHost =
  (host: string, context: FaultContext) =>
  (script: string): Promise<CommandResult> =>
    context.run(host, ['nft', '-f', '-'], { stdin: script });

/** Fails with a LabError holding what the program said. */
function expectOk(done: CommandResult, failed: string): void {
  if (done.code !== 0) throw environmentError(`${failed}: ${done.stderr.trim()}`);
}
