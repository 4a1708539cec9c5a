/** A lab's description as nodes come and go. Pure: the drivers write the result, make the hosts and tell nats-server. */
import type { HostSpec, LabConfig } from '@svclab/core';
import { badInput } from '../state/errors.ts';
import type { LabSecrets } from '../state/secrets.ts';
import { MAX_NODES, nodeSpec } from './plan.ts';

/** A lab before or after a change. */
export interface LabState {
  readonly lab: LabConfig;
  readonly secrets: LabSecrets;
}

/** Makes the bus users of a host's processes, with new passwords. */
export type MakeUsers = (host: HostSpec) => LabSecrets['busUsers'];

/** The lab with `count` more nodes. Fails with a LabError (bad input), changing nothing, when there are not that many free. */
export function withNodes(
  { lab, secrets }: LabState,
  count: number,
  makeUsers: MakeUsers,
): LabState & { readonly added: readonly HostSpec[] } {
  if (!Number.isInteger(count) || count < 1)
    throw badInput(`Number of nodes to add ${count} cannot be used: give a whole number from 1`);
  const last = lastNode(lab);
  if (last + count > MAX_NODES)
    throw badInput(
      `${count === 1 ? 'A node' : `${count} nodes`} cannot be added: ${last} of ${MAX_NODES} node numbers, and the addresses that belong to them, have been used (those of removed nodes are not given again)`,
    );
  const added = Array.from({ length: count }, (_, i) => nodeSpec(last + 1 + i, lab));
  return {
    lab: { ...lab, hosts: inserted(lab.hosts, added) },
    secrets: { ...secrets, busUsers: [...secrets.busUsers, ...added.flatMap(makeUsers)] },
    added,
  };
}

/** The lab without a node. Fails with a LabError (bad input) when there is none of that name, or it is the last one. */
export function withoutNode({ lab, secrets }: LabState, name: string): LabState {
  requireRemovable(nodeNames(lab.hosts), name);
  return {
    lab: { ...lab, hosts: lab.hosts.filter((h) => h.name !== name), lastNode: lastNode(lab) },
    secrets: { ...secrets, busUsers: secrets.busUsers.filter((u) => u.host !== name) },
  };
}

/** Names of a lab's nodes. */
export function nodeNames(hosts: readonly { readonly name: string; readonly role: string }[]): string[] {
  return hosts.filter((h) => h.role === 'node').map((h) => h.name);
}

/** Fails with a LabError (bad input) when `name` is none of the nodes, or the only one that stays. `leaving`: those on their way out. */
export function requireRemovable(
  nodes: readonly string[],
  name: string,
  leaving: ReadonlySet<string> = new Set(),
): void {
  if (!nodes.includes(name)) throw badInput(`Node "${name}" is not in this lab: give one of ${nodes.join(', ')}`);
  if (nodes.every((n) => n === name || leaving.has(n)))
    throw badInput(`Node ${name} is the last one and stays: add another first, or end the lab with "svclab down"`);
}

/**
 * The description a lab starts with again, when it had one before: its servers and settings as planned now, its nodes as they were, since
 * nodes may have been added and removed; of the planned ones only those that have never been. Another network makes it another lab.
 */
export function withNodesOf(planned: LabConfig, before: LabConfig | undefined): LabConfig {
  if (before?.lanCIDR !== planned.lanCIDR || before.controlCIDR !== planned.controlCIDR) return planned;
  const isNode = (h: HostSpec): boolean => h.role === 'node';
  const others = planned.hosts.filter((h) => !isNode(h));
  const last = lastNode(before);
  const nodes = [...before.hosts.filter(isNode), ...planned.hosts.filter((h) => isNode(h) && numberOf(h) > last)];
  return {
    ...planned,
    hosts: inserted(others, nodes),
    ...(before.lastNode === undefined ? {} : { lastNode: before.lastNode }),
  };
}

/** Highest number a node of the lab ever had. */
function lastNode(lab: Pick<LabConfig, 'hosts' | 'lastNode'>): number {
  return Math.max(lab.lastNode ?? 0, ...lab.hosts.filter((h) => h.role === 'node').map(numberOf));
}

/** `node-4` -> 4 */
function numberOf(node: HostSpec): number {
  return Number(node.name.replace('node-', ''));
}

/** Nodes come before clients, after all else. */
function inserted(hosts: readonly HostSpec[], nodes: readonly HostSpec[]): HostSpec[] {
  return [...hosts.filter((h) => h.role !== 'client'), ...nodes, ...hosts.filter((h) => h.role === 'client')];
}
