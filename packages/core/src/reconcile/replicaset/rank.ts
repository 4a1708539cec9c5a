/** Which pods go first when there are too many. Source: kubernetes `pkg/controller/controller_utils.go` (ActivePodsWithRanks), KEP-2255 (deletion cost). */
import type { Pod } from '../../api/core.ts';
import { isPodReady, readySince } from '../common/pod.ts';
import { timeOf } from '../common/time.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

const phaseRank = (pod: Pod): number => {
  const phase = pod.status?.phase;
  return phase === 'Running' ? 2 : phase === 'Unknown' ? 1 : 0;
};
const cost = (pod: Pod): number => {
  const text = pod.metadata.annotations?.[DELETION_COST] ?? '';
  return /^[+-]?\d+$/.test(text) ? Number(text) : 0;
};
const restarts = (pod: Pod): number => Math.max(0, ...(pod.status?.containerStatuses ?? []).map((s) => s.restartCount));

/**
 * The pods in the order in which they are deleted: without a node, not yet running, not ready, lower deletion cost, more related pods
 * on the same node, ready for a shorter time, more restarts, younger; the name decides the rest.
 * @param related active pods that count for how crowded a node is (all ReplicaSets of one Deployment)
 */
export function deletionOrder(pods: readonly Pod[], related: readonly Pod[]): readonly Pod[] {
  const onNode = new Map<string, number>();
  for (const { spec } of related) if (spec.nodeName) onNode.set(spec.nodeName, (onNode.get(spec.nodeName) ?? 0) + 1);
  const crowd = (pod: Pod): number => onNode.get(pod.spec.nodeName ?? '') ?? 0;
  return [...pods].sort(
    (a, b) =>
      Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
      phaseRank(a) - phaseRank(b) ||
      Number(isPodReady(a)) - Number(isPodReady(b)) ||
      cost(a) - cost(b) ||
      crowd(b) - crowd(a) ||
      (readySince(b) ?? 0) - (readySince(a) ?? 0) ||
      restarts(b) - restarts(a) ||
      timeOf(b.metadata.creationTimestamp) - timeOf(a.metadata.creationTimestamp) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
}
