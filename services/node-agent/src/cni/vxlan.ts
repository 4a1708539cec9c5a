/**
 * Pod traffic between nodes inside UDP (RFC 7348), laid out as flannel's vxlan backend does it: one device, and for each other node a
 * route, a permanent neighbour and a forwarding entry. Nothing is learned and nothing is flooded. As data.
 */
import { type Node, PORTS } from '@svclab/core';
import type { Interface } from './interfaces.ts';
import { addressOf, type PodRoute } from './routes.ts';

/** Name of the device. */
export const VXLAN_DEVICE = 'svclab-vxlan';
/** VXLAN network identifier (flannel's). */
const VXLAN_ID = 1;
/** Outer Ethernet, IPv4, UDP and VXLAN headers. */
export const VXLAN_OVERHEAD = 50;
/** Largest MTU a pod gets. */
const POD_MTU = 1500;

/** MTU of the pods' interfaces on a LAN. */
export function podMtu(podNetwork: 'direct' | 'vxlan', lanMtu: number): number {
  return podNetwork === 'direct' ? lanMtu : Math.min(POD_MTU, lanMtu - VXLAN_OVERHEAD);
}

/** Address of a node's device: the first of its pod CIDR, which no pod gets. */
export function deviceAddress(podCIDR: string): string {
  return podCIDR.split('/')[0] ?? '';
}

/** MAC of a node's device, locally administered, computed from its LAN address: every node knows every other's without asking. */
export function deviceMac(lanIP: string): string {
  const bytes = lanIP.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return `02:00:${bytes.join(':')}`;
}

/** Another node as this one's device needs to know it. */
export interface VxlanPeer {
  readonly podCIDR: string;
  /** Address of its device, `via` of the route. */
  readonly address: string;
  readonly mac: string;
  /** Its address on the LAN: where the packets go. */
  readonly lanIP: string;
}

/** The other nodes that have a pod CIDR and an InternalIP. */
export function vxlanPeers(nodes: readonly Node[], self: string): VxlanPeer[] {
  return nodes.flatMap((node) => {
    const lanIP = addressOf(node);
    const { podCIDR } = node.spec;
    if (node.metadata.name === self || !lanIP || !podCIDR) return [];
    return [{ podCIDR, address: deviceAddress(podCIDR), mac: deviceMac(lanIP), lanIP }];
  });
}

/** Route to a peer's pods: its device counts as a neighbour although no address of this node is in its network. */
export function vxlanRoute(peer: VxlanPeer): PodRoute {
  return { to: peer.podCIDR, via: peer.address, dev: VXLAN_DEVICE, onlink: true };
}

/** Lines for `ip -batch` that make the device as it should be; none when it is. One that differs in what cannot be changed is made anew. */
export function deviceChanges(
  present: Interface | undefined,
  lan: Interface,
  self: { readonly lanIP: string; readonly podCIDR: string },
): string[] {
  const wanted = { id: VXLAN_ID, local: self.lanIP, link: lan.name, port: PORTS.vxlan, learning: false };
  const mac = deviceMac(self.lanIP);
  const mtu = lan.mtu - VXLAN_OVERHEAD;
  const address = deviceAddress(self.podCIDR);
  const kept = present?.vxlan && JSON.stringify(present.vxlan) === JSON.stringify(wanted) ? present : undefined;
  const strangers = kept?.addresses.filter((a) => a.address !== address || a.prefix !== 32) ?? [];
  return [
    ...(present && !kept ? [`link del ${VXLAN_DEVICE}`] : []),
    ...(kept
      ? []
      : [
          `link add ${VXLAN_DEVICE} address ${mac} mtu ${mtu} type vxlan id ${VXLAN_ID} local ${self.lanIP} dev ${lan.name} dstport ${PORTS.vxlan} nolearning`,
        ]),
    ...(kept && kept.mac !== mac ? [`link set ${VXLAN_DEVICE} address ${mac}`] : []),
    ...(kept && kept.mtu !== mtu ? [`link set ${VXLAN_DEVICE} mtu ${mtu}`] : []),
    ...strangers.map((a) => `addr del ${a.address}/${a.prefix} dev ${VXLAN_DEVICE}`),
    ...(kept?.addresses.some((a) => a.address === address && a.prefix === 32)
      ? []
      : [`addr add ${address}/32 dev ${VXLAN_DEVICE}`]),
    ...(kept?.up ? [] : [`link set ${VXLAN_DEVICE} up`]),
  ];
}

/** One entry of a table of the device: a peer's device address and its MAC, or a MAC and the node behind it. */
export interface TableEntry {
  readonly key: string;
  readonly value: string;
}

/** Reads `ip -j neigh show dev ... nud permanent`: device address -> MAC. */
export function parseNeighbours(json: string): TableEntry[] {
  const entries = JSON.parse(json === '' ? '[]' : json) as { dst?: string; lladdr?: string }[];
  return entries.flatMap(({ dst, lladdr }) => (dst && lladdr ? [{ key: dst, value: lladdr }] : []));
}

/** Reads `bridge -j fdb show dev ...`: MAC -> LAN address. A MAC may stand there more than once. */
export function parseForwarding(json: string): TableEntry[] {
  const entries = JSON.parse(json === '' ? '[]' : json) as { mac?: string; dst?: string }[];
  return entries.flatMap(({ mac, dst }) => (mac && dst ? [{ key: mac, value: dst }] : []));
}

/** Lines for `ip -batch` that turn the neighbours into those of the peers. */
export function neighbourChanges(present: readonly TableEntry[], peers: readonly VxlanPeer[]): string[] {
  const { gone, missing } = compare(
    present,
    peers.map((p) => ({ key: p.address, value: p.mac })),
  );
  const kept = new Set(peers.map((p) => p.address));
  return [
    // One whose MAC is another is replaced, not removed.
    ...gone.filter((e) => !kept.has(e.key)).map((e) => `neigh del ${e.key} dev ${VXLAN_DEVICE}`),
    ...missing.map((e) => `neigh replace ${e.key} lladdr ${e.value} dev ${VXLAN_DEVICE} nud permanent`),
  ];
}

/** Lines for `bridge -batch` that turn the forwarding entries into those of the peers. */
export function forwardingChanges(present: readonly TableEntry[], peers: readonly VxlanPeer[]): string[] {
  const { gone, missing } = compare(
    present,
    peers.map((p) => ({ key: p.mac, value: p.lanIP })),
  );
  return [
    ...gone.map((e) => `fdb del ${e.key} dev ${VXLAN_DEVICE} dst ${e.value} self`),
    ...missing.map((e) => `fdb append ${e.key} dev ${VXLAN_DEVICE} dst ${e.value} self permanent`),
  ];
}

function compare(present: readonly TableEntry[], wanted: readonly TableEntry[]) {
  const id = (e: TableEntry): string => `${e.key} ${e.value}`;
  const has = new Set(present.map(id));
  const wants = new Set(wanted.map(id));
  return { gone: present.filter((e) => !wants.has(id(e))), missing: wanted.filter((e) => !has.has(id(e))) };
}
