/** The nodes of a running lab, as the supervisor and the API see them. */
import type { LabConfig, Node } from '@svclab/core';
import type { HostStatus } from '@svclab/wire';
import type { LabConnection } from '../client/connect.ts';
import { callApi } from '../client/kube-api.ts';
import { isBeingRemoved, isReadyNode } from './drain.ts';

/** One node. */
export interface NodeInfo {
  readonly name: string;
  readonly ip: string;
  readonly controlIp: string;
  readonly podCidr: string;
  /** Its host runs. */
  readonly up: boolean;
  /** The Node's Ready condition; undefined when the API does not answer or has no such Node. */
  readonly ready: boolean | undefined;
  readonly schedulable: boolean;
  /** Its removal has begun. */
  readonly removing: boolean;
}

/** Lists them in their order. An API that does not answer leaves `ready` undefined. */
export async function listNodes(lab: LabConnection): Promise<NodeInfo[]> {
  const { api, hosts } = await lab.service.status({ skipMemory: true });
  const nodes = await callApi<{ items: Node[] }>(lab, api, '/api/v1/nodes').catch(() => ({ items: [] }));
  return nodeInfos(hosts, lab.config, nodes.items);
}

/** Puts together what both say. */
export function nodeInfos(
  hosts: readonly Pick<HostStatus, 'name' | 'role' | 'lanIp' | 'controlIp' | 'up'>[],
  lab: Pick<LabConfig, 'hosts'>,
  nodes: readonly Node[],
): NodeInfo[] {
  return hosts
    .filter((h) => h.role === 'node')
    .map((h) => {
      const node = nodes.find((n) => n.metadata.name === h.name);
      return {
        name: h.name,
        ip: h.lanIp,
        controlIp: h.controlIp,
        podCidr: lab.hosts.find((x) => x.name === h.name)?.podCIDR ?? '',
        up: h.up,
        ready: node && isReadyNode(node),
        schedulable: node !== undefined && node.spec.unschedulable !== true,
        removing: isBeingRemoved(node),
      };
    });
}
