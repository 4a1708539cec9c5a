/** The node's interfaces as `ip` shows them, and putting the node's own addresses back on them. */
import { inRange, parseCidr, parseIp } from '@svclab/core';

/** An address on an interface. */
export interface InterfaceAddress {
  readonly address: string;
  readonly prefix: number;
}

/** What is read of a VXLAN device. */
export interface VxlanDetails {
  readonly id: number;
  readonly local: string;
  /** Name of the interface that carries it. */
  readonly link: string;
  readonly port: number;
  readonly learning: boolean;
}

/** One interface. */
export interface Interface {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly mtu: number;
  /** Set up by its administrator; without that the kernel keeps no route over it. */
  readonly up: boolean;
  /** IPv4 only, the primary one first. */
  readonly addresses: readonly InterfaceAddress[];
  /** Present on VXLAN devices. */
  readonly vxlan?: VxlanDetails;
}

interface IpLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly address?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[];
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: Partial<VxlanDetails>;
  };
}

/** Reads `ip -j -d addr show`. */
export function parseInterfaces(json: string): Interface[] {
  const links = JSON.parse(json === '' ? '[]' : json) as (IpLink | Record<string, never>)[];
  return links.flatMap((link) => {
    // Some versions of ip print an empty object for what they have filtered out.
    if (link.ifname === undefined) return [];
    const data = link.linkinfo?.info_kind === 'vxlan' ? link.linkinfo.info_data : undefined;
    return [
      {
        name: link.ifname,
        index: link.ifindex,
        mac: link.address ?? '',
        mtu: link.mtu,
        up: link.flags.includes('UP'),
        addresses: link.addr_info
          .filter((a) => a.family === 'inet')
          .map((a) => ({ address: a.local, prefix: a.prefixlen })),
        ...(data === undefined ? {} : { vxlan: vxlanDetails(data) }),
      },
    ];
  });
}

function vxlanDetails({ id = 0, local = '', link = '', port = 0, learning = false }: Partial<VxlanDetails>) {
  return { id, local, link, port, learning };
}

/** The interface that has an address; undefined when it is nowhere. */
export function interfaceWith(interfaces: readonly Interface[], address: string): Interface | undefined {
  return interfaces.find((i) => i.addresses.some((a) => a.address === address));
}

/** One of the node's addresses and the network it belongs to. */
export interface HostAddress {
  readonly address: string;
  readonly cidr: string;
}

/**
 * Lines for `ip -batch` that give the node its own addresses back: a network it was joined to anew may have given it another one, while
 * everybody knows the node by its own. The own address becomes the primary one, so that the kernel sends from it; the other stays.
 */
export function addressChanges(interfaces: readonly Interface[], wanted: readonly HostAddress[]): string[] {
  return wanted.flatMap(({ address, cidr }) => {
    const network = parseCidr(cidr);
    if (!network || interfaceWith(interfaces, address)) return [];
    const isOfNetwork = (a: InterfaceAddress): boolean => {
      const ip = parseIp(a.address);
      return ip !== undefined && inRange(network, ip);
    };
    const joined = interfaces.find((i) => i.up && i.addresses.some(isOfNetwork));
    if (!joined) return [];
    const others = joined.addresses.filter(isOfNetwork);
    const lines = (verb: string, list: readonly InterfaceAddress[]): string[] =>
      list.map((a) => `addr ${verb} ${a.address}/${a.prefix} dev ${joined.name}`);
    return [
      // The primary one last: its secondary ones may go with it.
      ...lines('del', [...others].reverse()),
      ...lines('add', [{ address, prefix: network.prefix }, ...others]),
    ];
  });
}
