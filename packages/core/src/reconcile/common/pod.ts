/** What a pod's status says. Source: kubernetes `pkg/api/v1/pod/util.go`, `pkg/controller/controller_utils.go`. */
import type { Pod } from '../../api/core.ts';
import { conditionOf } from './condition.ts';
import { timeOf } from './time.ts';

/** True when the Ready condition holds. */
export function isPodReady(pod: Pod): boolean {
  return conditionOf(pod.status?.conditions, 'Ready')?.status === 'True';
}

/** True when all containers have ended for good. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** True when the pod counts as a replica: it has not ended and is not being deleted. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** When the pod became ready, milliseconds since the epoch; undefined while it is not ready. */
export function readySince(pod: Pod): number | undefined {
  const ready = conditionOf(pod.status?.conditions, 'Ready');
  return ready?.status === 'True' ? timeOf(ready.lastTransitionTime) : undefined;
}

/**
 * Milliseconds until the pod has been ready for `minReadySeconds`: 0 when it is available, undefined while it is not ready.
 * Readiness without a time counts from long ago.
 */
export function availableIn(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  const since = readySince(pod);
  return since === undefined ? undefined : Math.max(0, since + minReadySeconds * 1000 - nowMs);
}
