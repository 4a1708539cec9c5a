/** What the faults of links have in common: targets, `--network`, `--direction`. */
import { badInput } from '../state/errors.ts';
import type { Direction, Network, Place } from '../wire/flow.ts';
import type { FaultArg, FaultArgs, FaultContext } from './definition.ts';
import { formatTarget, hostsOf, type ResolvedTarget, type TargetKind } from './target.ts';

/** Hosts, by their own names or those of their only process, and links between two of them. */
export const LINK_TARGETS: readonly TargetKind[] = ['node', 'client', 'dns', 'controller', 'nats', 'link'];

/** Arguments of all faults of links. */
export const LINK_ARGS: readonly FaultArg[] = [
  {
    name: 'direction',
    kind: 'choice',
    choices: ['to', 'from', 'both'],
    default: 'both',
    summary: 'what comes to the target, what goes from it, or both; of a link, to the host named second or from it',
  },
  {
    name: 'network',
    kind: 'choice',
    choices: ['lan', 'control'],
    default: 'lan',
    summary: 'the node LAN, or the control network (NATS, gRPC)',
  },
];

/** Where a fault of a link is. Fails with a LabError when a host is not on the network. */
export function placeOf(
  target: ResolvedTarget,
  args: FaultArgs,
  context: Pick<FaultContext, 'config'>,
): { readonly place: Place; readonly network: Network; readonly direction: Direction } {
  const network = args.network === 'control' ? 'control' : 'lan';
  const hosts = hostsOf(target);
  for (const name of hosts) {
    const spec = context.config.hosts.find((h) => h.name === name);
    if ((network === 'lan' ? spec?.lanIP : spec?.controlIP) === undefined)
      throw badInput(
        `Host ${name} is not on the ${network === 'lan' ? 'LAN: give --network control' : 'control network: leave out --network control'}`,
      );
  }
  const direction = args.direction === 'to' || args.direction === 'from' ? args.direction : 'both';
  if (target.kind === 'link') return { network, direction, place: { a: target.a, b: target.b } };
  const [host] = hosts;
  if (host === undefined || hosts.length > 1) throw badInput(`${formatTarget(target)} has no link of its own`);
  return { network, direction, place: { host } };
}
