/** The interfaces and routes of a pod as input of `ip -batch`: pure, so that it can be read in a test. */
import { createHash } from 'node:crypto';

/** What a pod's network consists of. */
export interface PodNetworkSpec {
  /** Node-side interface. */
  readonly hostInterface: string;
  /** Path of the pod's namespace as the `ip` program reaches it, `/proc/PID/fd/N`. */
  readonly netnsPath: string;
  /** The pod's address, without prefix length. */
  readonly ip: string;
  /** Address the node's end answers for. */
  readonly gateway: string;
  /** MTU of both ends; 0 leaves the kernel's default. */
  readonly mtu: number;
}

/** Name of a pod's node-side interface: `veth` and 8 hexadecimal digits of its uid's SHA-256. */
export function hostInterfaceName(uid: string): string {
  return `veth${createHash('sha256').update(uid).digest('hex').slice(0, 8)}`;
}

/**
 * The node's side: the veth pair with its other end born in the pod as eth0, the gateway's address as a /32, a host route to the pod.
 * Point to point as the CNI `ptp` plugin does it: no bridge, every packet is routed by the node.
 */
export function nodeSide(spec: PodNetworkSpec): string[] {
  const mtu = spec.mtu === 0 ? '' : ` mtu ${spec.mtu}`;
  return [
    `link add ${spec.hostInterface}${mtu} type veth peer name eth0${mtu} netns ${spec.netnsPath}`,
    `addr add ${spec.gateway}/32 dev ${spec.hostInterface}`,
    `link set ${spec.hostInterface} up`,
    `route replace ${spec.ip}/32 dev ${spec.hostInterface}`,
  ];
}

/** The pod's side: its address as a /32, the gateway on-link, everything else through it. */
export function podSide(spec: PodNetworkSpec): string[] {
  return [
    `addr add ${spec.ip}/32 dev eth0`,
    'link set eth0 up',
    `route add ${spec.gateway}/32 dev eth0 scope link`,
    `route add default via ${spec.gateway} dev eth0`,
  ];
}

/** Removes the node's side; the pair's other end goes with it, and so do the routes over it. */
export function removal(hostInterface: string): string[] {
  return [`link del ${hostInterface}`];
}

/** Sysctls of the node-side interface: no redirects (a pod that calls itself through a VIP would get one), no reverse-path filter. */
export function interfaceSysctls(hostInterface: string): [path: string, value: string][] {
  return [
    [`net/ipv4/conf/${hostInterface}/send_redirects`, '0'],
    [`net/ipv4/conf/${hostInterface}/rp_filter`, '0'],
    [`net/ipv4/conf/${hostInterface}/proxy_arp`, '1'],
  ];
}
