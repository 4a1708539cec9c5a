/** The network sysctls a node wants. */

/** Path below `/proc/sys` and value. */
export type Sysctl = readonly [path: string, value: number];

/** How sysctls are read and written. */
export interface SysctlAccess {
  /** Present value; undefined where the kernel lacks it. */
  read(path: string): string | undefined;
  /** False where it cannot be written. */
  write(path: string, value: number): boolean;
}

/** What forwarding between pods, nodes and clients needs. @param interfaces names of those that carry it */
export function wantedSysctls(interfaces: readonly string[]): Sysctl[] {
  const scopes = ['all', 'default', ...interfaces];
  return [
    ['net/ipv4/ip_forward', 1],
    // As kind does: the nftables mode of kube-proxy has no rule for packets conntrack calls invalid.
    ['net/netfilter/nf_conntrack_tcp_be_liberal', 1],
    // A packet to a Service may leave by the interface it came in on; a redirect would only spend the kernel's ICMP budget.
    ...scopes.flatMap((scope): Sysctl[] => [
      [`net/ipv4/conf/${scope}/rp_filter`, 0],
      [`net/ipv4/conf/${scope}/send_redirects`, 0],
    ]),
  ];
}

/** Sets what differs. Returns those that differ still: in a container `/proc/sys` is read-only, and what is not preset stays as it is. */
export function setSysctls(wanted: readonly Sysctl[], access: SysctlAccess): string[] {
  return wanted
    .filter(([path, value]) => access.read(path) !== String(value) && !access.write(path, value))
    .map(([path, value]) => `${path} is ${access.read(path) ?? 'missing'}, not ${value}`);
}
