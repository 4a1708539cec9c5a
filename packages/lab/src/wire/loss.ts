/** Frames lost by chance, or all of them, by nftables. Each fault is a table of its own, so that faults compose: a frame passes them all. */
import type { Flow, Network } from './flow.ts';
import { portOf } from './flow.ts';

/** Grain of a probability: a hundredth of a percent. */
const GRAIN = 10_000;

/** What is done to a frame: lost with a probability in percent; 100 loses every one. */
function verdict(percent: number): string {
  const share = Math.round((percent / 100) * GRAIN);
  return share >= GRAIN ? 'drop' : `numgen random mod ${GRAIN} < ${share} drop`;
}

/** Name of a fault's table. */
export function lossTable(id: string, place: string): string {
  return `svclab-${id}-${place}`;
}

/**
 * A script for `nft -f -` that loses frames on the bridges, where every frame between two hosts passes once per receiver. The rules name
 * bridge ports, so a host that is restarted stays where it was. The supervisor's own traffic is not forwarded and passes.
 * Running it again changes nothing.
 */
export function bridgeLoss(table: string, network: Network, flows: readonly Flow[], percent: number): string {
  const rules = flows.map(({ from, to }) => {
    const ends = [
      ...(from === undefined ? [] : [`iifname "${portOf(from, network)}"`]),
      ...(to === undefined ? [] : [`oifname "${portOf(to, network)}"`]),
    ];
    return `    ${ends.join(' ')} ${verdict(percent)}`;
  });
  return replaceTable(
    `bridge ${table}`,
    `  chain forward {
    type filter hook forward priority 0; policy accept;
${rules.join('\n')}
  }`,
  );
}

/** Frames on a container's own interface: those that come in or go out, of one peer (by hardware address) or of all. */
export interface ContainerFlow {
  readonly way: 'in' | 'out';
  readonly interface: string;
  readonly peer?: string;
}

/** A script that loses frames on a container's own interface. Frames to all (ARP requests) are no peer's on their way out. */
export function containerLoss(table: string, flow: ContainerFlow, percent: number): string {
  return replaceTable(`netdev ${table}`, containerChain(flow, verdict(percent)));
}

/**
 * A script that lets frames pass a container's interface at a rate and loses what exceeds it: policing, for what comes in cannot wait there.
 * @param rate bit/s
 */
export function containerPolicing(table: string, flow: ContainerFlow, rate: number): string {
  const bytes = Math.max(1, Math.round(rate / 8));
  // A tenth of a second, and room for a segment of 64 KiB that comes in one piece.
  const burst = Math.max(Math.round(bytes / 10), 65_536);
  return replaceTable(
    `netdev ${table}`,
    containerChain(flow, `limit rate over ${bytes} bytes/second burst ${burst} bytes drop`),
  );
}

function containerChain(flow: ContainerFlow, action: string): string {
  const hook = flow.way === 'in' ? 'ingress' : 'egress';
  const peer = flow.peer === undefined ? '' : `ether ${flow.way === 'in' ? 'saddr' : 'daddr'} ${flow.peer} `;
  return `  chain ${flow.way} {
    type filter hook ${hook} device "${flow.interface}" priority 0; policy accept;
    ${peer}${action}
  }`;
}

/** A table in place of one of the same name, in one transaction. @param table with its family */
export function replaceTable(table: string, chains: string): string {
  return `table ${table}
delete table ${table}
table ${table} {
${chains}
}
`;
}

/** A script that takes a table away and does not mind when there is none. @param table with its family */
export function removeTable(table: string): string {
  return `table ${table}\ndelete table ${table}\n`;
}
