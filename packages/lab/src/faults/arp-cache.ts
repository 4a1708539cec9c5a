import { isIP } from 'node:net';
import { badInput, environmentError } from '../state/errors.ts';
import { textArg } from './args.ts';
import type { FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import { formatTarget, hostsOf, type ResolvedTarget } from './target.ts';

/** A neighbour of a host: an address and the hardware address it was last heard at. */
interface Entry {
  readonly address: string;
  readonly lladdr: string;
}

/** A cache that holds on to what it knows. */
export const arpCache: FaultDefinition = {
  verb: 'arp-cache',
  summary:
    'a client or node holds on to its ARP entries, whatever it hears, until the fault ends; then it forgets them and asks anew',
  notes: `A Linux neighbour on the LAN takes a gratuitous announcement at once and verifies an entry it uses within seconds. Routers, appliances and access gateways do neither: their entries stay until they age, minutes or hours, and the dark time of a failover follows their cache (metallb/metallb#2009, #2910). The duration of the fault is the age the entries have left.

Made with permanent neighbour entries (ip-neighbour(8)), which the kernel changes for nobody: neither for what it hears (\`arp_process\` in net/ipv4/arp.c) nor for probes that are not answered. When the fault ends the entries are deleted, as those of such a device are when they age. Addresses it learns later are treated as ever. Without \`--address\` all neighbours on the LAN that it knows now are held.`,
  examples: ['arp-cache client --duration 20s', 'arp-cache client --address 172.30.0.200 --duration 1m'],
  targets: ['client', 'node'],
  args: [
    { name: 'address', kind: 'text', summary: 'hold on to these only, joined by commas: addresses of VIPs, nodes' },
  ],
  check(args) {
    const wrong = wanted(args)?.find((a) => isIP(a) !== 4);
    return wrong === undefined
      ? undefined
      : `Argument address of fault arp-cache is "${wrong}": give IPv4 addresses joined by commas, such as 172.30.0.200`;
  },
  plan(target, args) {
    const host = hostOf(target);
    const which = wanted(args)?.join(', ') ?? 'all it knows';
    return [`on ${host}: ip neigh replace ADDRESS lladdr MAC dev LAN-INTERFACE nud permanent (${which})`];
  },
  async apply(target, args, context) {
    const host = hostOf(target);
    const device = await context.lab.interfaceOn(host, 'lan');
    if (device === undefined) throw badInput(`Host ${host} is not on the LAN now`);
    const entries = chosen(await neighbours(host, device, context), wanted(args), host);
    await batch(
      host,
      context,
      entries.map((e) => `neigh replace ${e.address} lladdr ${e.lladdr} dev ${device} nud permanent`),
    );
    return {
      atNs: context.clock.nowNs(),
      heal: async () => {
        // A host that was restarted has an empty cache.
        const held = context.lab.isUp(host) ? await neighbours(host, device, context, 'permanent') : [];
        const ours = entries.filter((e) => held.some((h) => h.address === e.address));
        if (ours.length > 0)
          await batch(
            host,
            context,
            ours.map((e) => `neigh del ${e.address} dev ${device}`),
          );
        return context.clock.nowNs();
      },
    };
  },
};

function hostOf(target: ResolvedTarget): string {
  const [host] = hostsOf(target);
  if (target.kind !== 'host' || host === undefined)
    throw badInput(`Fault arp-cache does not act on ${formatTarget(target)}`);
  return host;
}

function wanted(args: FaultArgs): readonly string[] | undefined {
  return textArg(args, 'address')
    ?.split(',')
    .map((a) => a.trim())
    .filter((a) => a !== '');
}

/** IPv4 neighbours whose hardware address is known. */
async function neighbours(
  host: string,
  device: string,
  context: FaultContext,
  state?: 'permanent',
): Promise<readonly Entry[]> {
  const done = await context.run(host, ['ip', '-4', 'neigh', 'show', 'dev', device, ...(state ? ['nud', state] : [])]);
  if (done.code !== 0) throw environmentError(`Neighbours of ${host} cannot be read: ${done.stderr.trim()}`);
  return done.stdout.split('\n').flatMap((line) => {
    const [, address, lladdr] = /^(\S+) .*?lladdr (\S+)/.exec(line) ?? [];
    return address !== undefined && lladdr !== undefined && (state || !line.includes('PERMANENT'))
      ? [{ address, lladdr }]
      : [];
  });
}

/** Fails with a LabError when there is nothing to hold on to: a fault that does nothing would pass for one that did no harm. */
function chosen(known: readonly Entry[], addresses: readonly string[] | undefined, host: string): readonly Entry[] {
  const entries = known.filter((e) => addresses === undefined || addresses.includes(e.address));
  const missing = addresses?.filter((a) => !known.some((e) => e.address === a)) ?? [];
  if (missing.length > 0)
    throw badInput(
      `Host ${host} has no ARP entry for ${missing.join(', ')} to hold on to: ${known.length === 0 ? 'it has none' : `it has ${known.map((e) => e.address).join(', ')}`}; let it send something there first`,
    );
  if (entries.length === 0) throw badInput(`Host ${host} has no ARP entry to hold on to: let it send something first`);
  return entries;
}

async function batch(host: string, context: FaultContext, lines: readonly string[]): Promise<void> {
  const done = await context.run(host, ['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
  if (done.code !== 0) throw environmentError(`Neighbours of ${host} cannot be changed: ${done.stderr.trim()}`);
}
