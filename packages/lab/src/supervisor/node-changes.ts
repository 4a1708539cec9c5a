/** The part of LabService that adds and removes nodes, the same in every driver; what differs is behind {@link NodeHosts}. */
import type { Clock, HostSpec } from '@svclab/core';
import type { AddNodesRequest, AddNodesResponse, LabServiceImplementation, Vip } from '@svclab/wire';
import { type LabState, nodeNames, requireRemovable, withNodes, withoutNode } from '../plan/nodes.ts';
import { badInput } from '../state/errors.ts';
import { createBusUsers } from '../state/secrets.ts';
import { asStatus } from './as-status.ts';
import type { TimelineLog } from './timeline-log.ts';
import type { VipView } from './vips.ts';

/** What a driver's supervisor does to the hosts of a lab as nodes come and go. */
export interface NodeHosts {
  /** The lab as it is. */
  readonly state: LabState;
  /** Makes a changed description known: writes the lab's files, has nats-server read its own anew, and answers with it from now on. */
  update(next: LabState): void;
  /** Makes a host and starts its processes; absent where hosts are made from outside. */
  boot?(host: HostSpec): void;
  isUp(host: string): boolean;
  /** Asks a process to end, for good, and resolves when it has. */
  endProcess(host: string, component: string): Promise<void>;
  /** Ends a host and what runs on it, and forgets it. Does nothing when there is none. */
  dismantle(host: string): Promise<void>;
}

/** What the calls work with. */
export interface NodeChangesOptions {
  readonly hosts: NodeHosts;
  readonly vips: Pick<VipView, 'list'>;
  readonly clock: Clock;
  readonly timeline: Pick<TimelineLog, 'stamp'>;
}

/** How long the other announcers may take to announce what a leaving one did, ms. */
const MOVE_MS = 3000;
const POLL_MS = 20;

/** The calls of LabService that change which nodes there are. */
export function nodeChanges(
  options: NodeChangesOptions,
): Pick<LabServiceImplementation, 'prepareNodes' | 'addNodes' | 'leaveNode' | 'removeNode'> {
  const { hosts, timeline } = options;
  const leaving = new Set<string>();
  return {
    prepareNodes: (request) => asStatus(() => prepare(options, request)),
    addNodes: (request) => asStatus(() => add(options, request)),
    leaveNode: ({ name }) =>
      asStatus(async () => {
        requireRemovable(nodeNames(hosts.state.lab.hosts), name, leaving);
        leaving.add(name);
        try {
          return { unmoved: await leave(options, name) };
        } finally {
          leaving.delete(name);
        }
      }),
    removeNode: ({ name }) =>
      asStatus(async () => {
        requireRemovable(nodeNames(hosts.state.lab.hosts), name, leaving);
        await hosts.dismantle(name);
        hosts.update(withoutNode(hosts.state, name));
        timeline.stamp('node.removed', { cause: `svclab node remove ${name}`, attrs: { target: name } });
        return {};
      }),
  };
}

function prepare({ hosts, timeline }: NodeChangesOptions, { count }: AddNodesRequest): AddNodesResponse {
  const { added, ...next } = withNodes(hosts.state, count, createBusUsers);
  hosts.update(next);
  for (const { name } of added) timeline.stamp('node.added', { cause: 'svclab node add', attrs: { target: name } });
  return {
    nodes: added.map((h) => ({
      name: h.name,
      lanIp: h.lanIP ?? '',
      controlIp: h.controlIP ?? '',
      podCidr: h.podCIDR ?? '',
    })),
  };
}

/** A host that cannot be made takes the others that were asked for with it. */
async function add(options: NodeChangesOptions, request: AddNodesRequest): Promise<AddNodesResponse> {
  const { hosts } = options;
  if (!hosts.boot) throw badInput('Hosts of this lab are made from outside: give the driver it was started with');
  const response = prepare(options, request);
  const names = response.nodes.map((n) => n.name);
  try {
    for (const host of hosts.state.lab.hosts.filter((h) => names.includes(h.name))) hosts.boot(host);
  } catch (error) {
    for (const name of names) {
      await hosts.dismantle(name);
      hosts.update(withoutNode(hosts.state, name));
    }
    throw error;
  }
  return response;
}

/** Ends the processes of a node so that no VIP goes dark; returns those nobody else announces. */
async function leave({ clock, hosts, vips }: NodeChangesOptions, name: string): Promise<string[]> {
  if (!hosts.isUp(name)) return [];
  const mine = (await vips.list((host) => hosts.isUp(host))).filter((v) => v.announcing.includes(name));
  await hosts.endProcess(name, 'l2-announcer');
  const until = clock.now() + MOVE_MS;
  let unmoved = mine;
  // Its kernel carries what still comes its way, so its host stays until the neighbours have heard of the new owner.
  while (unmoved.length > 0) {
    const now = await vips.list((host) => host !== name && hosts.isUp(host));
    unmoved = mine.filter((v) => !isTaken(now, v));
    if (clock.now() >= until) break;
    if (unmoved.length > 0) await new Promise<void>((resolve) => clock.after(POLL_MS, resolve));
  }
  for (const component of ['node-agent', 'pod-host']) await hosts.endProcess(name, component);
  return unmoved.map((v) => v.vip);
}

/** Whether somebody announces an address now, or its Service has lost it meanwhile. */
function isTaken(now: readonly Vip[], vip: Vip): boolean {
  const found = now.find((v) => v.vip === vip.vip && v.namespace === vip.namespace && v.service === vip.service);
  return !found || found.announcing.length > 0;
}
