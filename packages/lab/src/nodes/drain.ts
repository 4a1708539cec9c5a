/** Which pods must go before a node may. Source: kubernetes `kubectl/pkg/drain`. */
import type { Node, Pod } from '@svclab/core';

/** Marks a Node whose removal has begun: it may be down by now, and the removal be repeated all the same. */
export const REMOVING_ANNOTATION = 'svclab.dev/removing';

/** What makes a Node unschedulable and marks it as one that is being removed (a merge patch). */
export const CORDON = { metadata: { annotations: { [REMOVING_ANNOTATION]: 'true' } }, spec: { unschedulable: true } };

/** Whether the removal of a node has begun and has not been called off by `kubectl uncordon`. */
export function isBeingRemoved(node: Pick<Node, 'metadata' | 'spec'> | undefined): boolean {
  return node?.metadata.annotations?.[REMOVING_ANNOTATION] !== undefined && node.spec.unschedulable === true;
}

/** Whether a node's agent says that it is well. */
export function isReadyNode(node: Pick<Node, 'status'>): boolean {
  return node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
}

/** The pods of a node: those a drain deletes, and those of DaemonSets, which would come back and end with the node. */
export interface DrainPlan {
  readonly drained: readonly Pod[];
  readonly daemons: readonly Pod[];
}

/** Sorts pods, all of them on the node. */
export function drainPlan(pods: readonly Pod[]): DrainPlan {
  const isDaemon = (pod: Pod): boolean =>
    pod.metadata.ownerReferences?.some((o) => o.controller === true && o.kind === 'DaemonSet') ?? false;
  return { drained: pods.filter((p) => !isDaemon(p)), daemons: pods.filter(isDaemon) };
}

/** `namespace/name` */
export function podName({ metadata }: Pick<Pod, 'metadata'>): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
