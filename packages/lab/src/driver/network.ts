/**
 * The lab's networks in the netns driver: two bridges in the lab's root namespace, and for each host a namespace with
 * `lan0` and `ctl0` on them.
 *
 *     root namespace:  lan (bridge) ── l-node-1 ═ lan0 [node-1] ctl0 ═ c-node-1 ── ctl (bridge, 172.30.1.1)
 */
import { spawnSync } from 'node:child_process';
import type { HostSpec, LabConfig } from '@svclab/core';
import { createNetns, type Netns, withNetns, writeSysctl } from '@svclab/runtime';
import { supervisorIP } from '../plan/plan.ts';
import { environmentError } from '../state/errors.ts';

/** Runs `ip -batch` with the lines. Fails with a LabError holding what `ip` said. */
export function ipBatch(lines: readonly string[]): void {
  const done = spawnSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
  if (done.error) throw environmentError(`Program ip cannot be run: ${done.error.message}`, done.error);
  if (done.status !== 0) throw environmentError(`Network cannot be set up: ${done.stderr.trim()}`);
}

const prefix = (cidr: string): string => cidr.split('/')[1] ?? '24';
const lanPort = (host: string): string => `l-${host}`;
const controlPort = (host: string): string => `c-${host}`;

/** Makes the two bridges. */
export function createBridges(lab: LabConfig): void {
  ipBatch([
    'link set lo up',
    'link add lan type bridge forward_delay 0 stp_state 0',
    'link add ctl type bridge forward_delay 0 stp_state 0',
    `addr add ${supervisorIP(lab)}/${prefix(lab.controlCIDR)} dev ctl`,
    'link set lan up',
    'link set ctl up',
  ]);
}

/** Makes a host: its namespace, interfaces, addresses and settings. Nothing in it leads out of the lab. */
export function createHost(lab: LabConfig, host: HostSpec): Netns {
  const netns = createNetns();
  try {
    ipBatch([
      ...(host.lanIP ? port(lanPort(host.name), 'lan0', 'lan', netns) : []),
      ...(host.controlIP ? port(controlPort(host.name), 'ctl0', 'ctl', netns) : []),
    ]);
    withNetns(netns, () => {
      settings(host);
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

function settings(host: HostSpec): void {
  writeSysctl('net/ipv4/ip_unprivileged_port_start', 0);
  writeSysctl('net/ipv4/ping_group_range', '0 2147483647');
  if (host.role !== 'node') return;
  writeSysctl('net/ipv4/ip_forward', 1);
  writeSysctl('net/ipv4/conf/all/rp_filter', 0);
  writeSysctl('net/ipv4/conf/default/rp_filter', 0);
  // As kind does: the nftables mode of kube-proxy has no rule for packets conntrack calls invalid.
  writeSysctl('net/netfilter/nf_conntrack_tcp_be_liberal', 1);
}

/** Power-off as the LAN sees it: the host's link to it is gone at once. A missing one is no error. */
export function cutLan(host: HostSpec): void {
  spawnSync('ip', ['link', 'del', lanPort(host.name)], { stdio: 'ignore' });
}

/** Takes a host off the control network. */
export function cutControl(host: HostSpec): void {
  spawnSync('ip', ['link', 'del', controlPort(host.name)], { stdio: 'ignore' });
}
