/** A lab at rest: what it does wrong, and what it costs. */
import { round, type TimelineEvent } from '@svclab/core';
import type { IdleFigures } from './model.ts';

/** Counters of one node at one instant. */
export interface NodeCounters {
  /** CPU time of its announcer since that began, clock ticks; undefined when none ran. */
  readonly announcerTicks: number | undefined;
  /** Pid of the announcer: counters of another process cannot be compared. */
  readonly announcerPid: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
}

/** All nodes at one instant. */
export interface Snapshot {
  /** CLOCK_MONOTONIC, ns. */
  readonly atNs: bigint;
  readonly nodes: Readonly<Record<string, NodeCounters>>;
}

/** Clock ticks a second in /proc (USER_HZ, fixed by the kernel's ABI). */
const TICKS = 100;

/** What announcers saw that was not so, between two instants at which nothing was broken. */
export function countFalse(
  events: readonly TimelineEvent[],
  fromNs: bigint,
  toNs: bigint,
): Pick<IdleFigures, 'false_failovers' | 'false_deaths' | 'false_suspicions'> {
  const within = events.filter((e) => e.atNs >= fromNs && e.atNs < toNs);
  const owners = new Map<string, string>();
  let failovers = 0;
  // Who owned an address before: from what came before the stretch, or from what the first election says.
  for (const e of [...events].sort((a, b) => (a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0))) {
    if (e.type !== 'vip.elected' || e.attrs.owner !== e.node || e.atNs >= toNs) continue;
    const key = `${e.attrs.service} ${e.attrs.vip}`;
    const before = owners.get(key) ?? e.attrs.previous ?? '';
    owners.set(key, e.node);
    if (e.atNs >= fromNs && before !== '' && before !== e.node) failovers += 1;
  }
  return {
    false_failovers: failovers,
    false_deaths: within.filter((e) => e.type === 'member.dead').length,
    false_suspicions: within.filter((e) => e.type === 'member.suspected').length,
  };
}

/** The figures of the time between two snapshots. */
export function idleFigures(before: Snapshot, after: Snapshot, events: readonly TimelineEvent[]): IdleFigures {
  const seconds = Number(after.atNs - before.atNs) / 1e9;
  const counted = countFalse(events, before.atNs, after.atNs);
  let ticks = 0;
  let bytes = 0;
  let packets = 0;
  for (const [node, now] of Object.entries(after.nodes)) {
    const was = before.nodes[node];
    if (!was) continue;
    bytes += Math.max(0, now.sentBytes - was.sentBytes);
    packets += Math.max(0, now.sentPackets - was.sentPackets);
    if (now.announcerTicks !== undefined)
      ticks += now.announcerTicks - (was.announcerPid === now.announcerPid ? (was.announcerTicks ?? 0) : 0);
  }
  return {
    seconds: round(seconds, 3),
    ...counted,
    false_failovers_per_hour: round((counted.false_failovers / seconds) * 3600, 1),
    announcer_cpu: round(ticks / TICKS / seconds, 4),
    lan_bytes_per_s: round(bytes / seconds, 1),
    lan_packets_per_s: round(packets / seconds, 1),
  };
}

/** CPU ticks a process has used, from `/proc/PID/stat` (proc(5): utime and stime); undefined when it cannot be read. */
export function ticksOf(stat: string): number | undefined {
  // The command's name may hold anything, spaces and parentheses too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks : undefined;
}

/** What was sent on the interface with an address, from `ip -j -s address`; undefined when no interface has it. */
export function sentOn(json: string, address: string): { bytes: number; packets: number } | undefined {
  const links = JSON.parse(json) as readonly {
    readonly addr_info?: readonly { readonly local?: string }[];
    readonly stats64?: { readonly tx?: { readonly bytes?: number; readonly packets?: number } };
  }[];
  const link = links.find((l) => l.addr_info?.some((a) => a.local === address));
  return link && { bytes: link.stats64?.tx?.bytes ?? 0, packets: link.stats64?.tx?.packets ?? 0 };
}
