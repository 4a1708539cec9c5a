import { conflict, type Pod, RESOURCES } from '@svclab/core';
import { timestamp } from './finish.ts';

/** The pod as its binding to a node leaves it. Fails with Conflict when it has a node or is going. Source: kubernetes `pkg/registry/core/pod/storage`. */
export function boundPod(pod: Pod, node: string, nowMs: number): Pod {
  const { name, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp)
    throw conflict(RESOURCES.pods, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec.nodeName)
    throw conflict(
      RESOURCES.pods,
      name,
      `pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`,
    );
  const others = (pod.status?.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp(nowMs) } as const;
  return {
    ...pod,
    spec: { ...pod.spec, nodeName: node },
    status: { ...pod.status, conditions: [...others, scheduled] },
  };
}
