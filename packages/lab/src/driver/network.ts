/**
 * The lab's networks in the netns driver: two bridges in the lab's root namespace, and for each host a namespace with
 * `lan0` and `ctl0` on them.
 *
 *     root namespace:  lan (bridge) ── l-node-1 ═ lan0 [node-1] ctl0 ═ c-node-1 ── ctl (bridge, 172.30.1.1)
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { HostSpec, LabConfig } from '@svclab/core';
import { createNetns, type Netns, setInterfaceDown, withNetns, writeSysctl } from '@svclab/runtime';
import { supervisorIP } from '../plan/plan.ts';
import { environmentError } from '../state/errors.ts';

/** Runs `ip -batch` with the lines. Fails with a LabError holding what `ip` said. */
export function ipBatch(lines: readonly string[]): void {
  const done = spawnSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
  if (done.error) throw environmentError(`Program ip cannot be run: ${done.error.message}`, done.error);
  if (done.status !== 0) throw environmentError(`Network cannot be set up: ${done.stderr.trim()}`);
}

const prefix = (cidr: string): string => cidr.split('/')[1] ?? '24';
/** Names of the bridge ports that lead to a host. */
export const lanPort = (host: string): string => `l-${host}`;
export const controlPort = (host: string): string => `c-${host}`;

/**
 * Makes the two bridges. Each has a hardware address of its own: one that is given none takes the lowest of its ports', and so another when
 * that host goes, which cuts off whoever talks to the supervisor until the old one has left his neighbour table.
 */
export function createBridges(lab: LabConfig): void {
  ipBatch([
    'link set lo up',
    'link add lan address 02:73:76:63:00:01 type bridge forward_delay 0 stp_state 0',
    'link add ctl address 02:73:76:63:00:02 type bridge forward_delay 0 stp_state 0',
    `addr add ${supervisorIP(lab)}/${prefix(lab.controlCIDR)} dev ctl`,
    'link set lan up',
    'link set ctl up',
  ]);
}

/**
 * Makes a host: its namespace, interfaces, addresses and settings. Nothing in it leads out of the lab.
 * @param refused gets each setting the kernel refuses (`/proc/sys` is read-only in a container) and has otherwise
 */
export function createHost(lab: LabConfig, host: HostSpec, refused: (setting: string) => void): Netns {
  const netns = createNetns();
  try {
    ipBatch([
      ...(host.lanIP ? port(lanPort(host.name), 'lan0', 'lan', netns) : []),
      ...(host.controlIP ? port(controlPort(host.name), 'ctl0', 'ctl', netns) : []),
    ]);
    withNetns(netns, () => {
      settings(host, refused);
      ipBatch([
        ...(host.lanIP ? [`addr add ${host.lanIP}/${prefix(lab.lanCIDR)} dev lan0`, 'link set lan0 up'] : []),
        ...(host.controlIP
          ? [`addr add ${host.controlIP}/${prefix(lab.controlCIDR)} dev ctl0`, 'link set ctl0 up']
          : []),
        // Any pool is on-link for a client, also one outside the LAN's own range.
        ...(host.role === 'client' ? ['route add default dev lan0'] : []),
      ]);
      if (host.role === 'node') for (const name of ['lan0', 'ctl0']) writeSysctl(`net/ipv4/conf/${name}/rp_filter`, 0);
    });
    return netns;
  } catch (error) {
    netns.close();
    throw error;
  }
}

function port(name: string, inside: string, bridge: string, netns: Netns): string[] {
  return [
    `link add ${name} type veth peer name ${inside} netns ${netns.procPath}`,
    `link set ${name} master ${bridge} up`,
  ];
}

function settings(host: HostSpec, refused: (setting: string) => void): void {
  const set = (path: string, value: string | number): void => {
    if (!writeSysctl(path, value) && sysctl(path) !== String(value)) refused(`${path}=${value}`);
  };
  set('net/ipv4/ip_unprivileged_port_start', 0);
  set('net/ipv4/ping_group_range', '0 2147483647');
  // Ports of a measuring host must not come round while a node's connection tracking still knows them: an attempt at an endpoint that is gone
  // is remembered for 120 s (SYN_SENT), and the next connection from its port would go there again.
  if (host.role === 'client') set('net/ipv4/ip_local_port_range', '1024 65535');
  if (host.role !== 'node') return;
  set('net/ipv4/ip_forward', 1);
  set('net/ipv4/conf/all/rp_filter', 0);
  set('net/ipv4/conf/default/rp_filter', 0);
  // As kind does: the nftables mode of kube-proxy has no rule for packets conntrack calls invalid.
  set('net/netfilter/nf_conntrack_tcp_be_liberal', 1);
}

/** A sysctl of the namespace the thread is in, its fields apart by one space; undefined where there is none. */
function sysctl(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, 'utf8').trim().replace(/\s+/g, ' ');
  } catch {
    return undefined;
  }
}

/**
 * Power-off as the LAN sees it: the host's link to it is gone when this returns. In this process, for a program that takes the link away
 * starts late on a busy machine, and the cut could not be dated. A missing link is no error.
 */
export function cutLan(host: HostSpec): void {
  try {
    setInterfaceDown(lanPort(host.name));
  } catch {
    // The host is not on the LAN, or has lost its link.
  }
}

/** Takes what is left of a powered-off host's links away. */
export function removeLinks(host: HostSpec): void {
  const links = [lanPort(host.name), controlPort(host.name)].map((name) => `link del ${name}`);
  spawnSync('ip', ['-force', '-batch', '-'], { input: `${links.join('\n')}\n`, stdio: ['pipe', 'ignore', 'ignore'] });
}
