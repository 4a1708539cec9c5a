/** The node's interfaces as `ip` shows them. */

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
