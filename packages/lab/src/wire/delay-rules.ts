/**
 * Delay in user space, the kernel's part. Frames that are about to leave by a bridge port are sent to one end of a pair of interfaces
 * instead; the relay takes them from the other end, holds them, and sends them by the port itself. It marks what it sends, so that the
 * rules let it pass; a fault that was made later has a higher mark and holds such a frame once more.
 *
 *     bridge ── l-node-1 ═ lan0        egress of l-node-1: fwd to sd1a ═ sd1b ── relay ── l-node-1
 *
 * The rules come and go in one transaction and the ports stay on the bridge, so no frame is lost by either.
 */
import { type Flow, type Network, portOf } from './flow.ts';
import { replaceTable } from './loss.ts';
import type { RelayLine } from './relay/options.ts';

/** Frames that leave by a port; of one source (hardware address) or, with `not`, of all but one; undefined: all. */
export interface HeldFrames {
  readonly port: string;
  readonly source?: string;
  readonly not?: boolean;
}

/** Whose hardware addresses must be known to hold a flow. */
export function sourcesOf(flows: readonly Flow[]): readonly string[] {
  return flows.flatMap((f) => f.from ?? []);
}

/**
 * Which frames of which ports a delay holds. A host's own frames are held where they leave the bridge, on the ports of all others.
 * @param hosts that are up and on the network
 * @param addressOf hardware address of a host on the network; undefined while it is off, when nothing comes from it
 * @param supervisor the supervisor's hardware address on the network, whose frames pass; undefined where it has none
 */
export function heldFrames(
  flows: readonly Flow[],
  network: Network,
  hosts: readonly string[],
  addressOf: (host: string) => string | undefined,
  supervisor: string | undefined,
): readonly HeldFrames[] {
  return flows.flatMap(({ from, to }) => {
    const source = from === undefined ? undefined : addressOf(from);
    if (from !== undefined && source === undefined) return [];
    const ports = hosts.filter((h) => (to === undefined ? h !== from : h === to));
    return ports.map((host): HeldFrames => {
      const port = portOf(host, network);
      if (source !== undefined) return { port, source };
      return supervisor === undefined ? { port } : { port, source: supervisor, not: true };
    });
  });
}

/** The two ends of a pair: frames are sent to the first and taken from the second. */
export function tapNames(id: number): readonly [string, string] {
  return [`sd${id}a`, `sd${id}b`];
}

/**
 * Lines for `ip -batch -` that make the pairs.
 * @param whole whether large segments pass whole; those of VXLAN cannot, the relay's sockets have no words for them
 */
export function tapLines(ids: readonly number[], whole: boolean): readonly string[] {
  return ids.flatMap((id) => {
    const [a, b] = tapNames(id);
    return [
      `link add ${a} ${whole ? '' : 'gso_max_segs 1 '}type veth peer name ${b}`,
      ...[a, b].map((end) => `link set ${end} addrgenmode none up`),
    ];
  });
}

/** Lines that take the pairs away. */
export function untapLines(ids: readonly number[]): readonly string[] {
  return ids.map((id) => `link del ${tapNames(id)[0]}`);
}

/** What the relay copies: tap to port. */
export function relayLines(held: readonly HeldFrames[], ids: readonly number[]): readonly RelayLine[] {
  return held.map(({ port }, i) => ({ tap: tapNames(ids[i] ?? 0)[1], port }));
}

/**
 * A script for `nft -f -` that turns the frames aside.
 * @param mark of the relay's frames; those of other faults with a smaller one are held too
 */
export function holdRules(table: string, held: readonly HeldFrames[], ids: readonly number[], mark: number): string {
  const chains = held.map(({ not, port, source }, i) => {
    const [into, out] = tapNames(ids[i] ?? 0);
    const match = source === undefined ? '' : `ether saddr ${not ? '!= ' : ''}${source} `;
    return `  chain hold${i} {
    type filter hook egress device "${port}" priority ${mark}; policy accept;
    meta mark < ${mark} ${match}fwd to "${into}"
  }
  chain tap${i} {
    type filter hook ingress device "${out}" priority 0; policy drop;
  }`;
  });
  return replaceTable(`netdev ${table}`, chains.join('\n'));
}
