/** Where a pod goes. Source of the filters and texts: kubernetes `pkg/scheduler/framework/plugins`; the order is svclab's own: the same cluster gives the same placement. */
import type { Node, Pod, Taint } from '../../api/core.ts';
import { conditionOf } from '../common/condition.ts';
import { controllerOf } from '../common/owner.ts';
import { isPodTerminal } from '../common/pod.ts';

/** A toleration of a pod. */
type Toleration = NonNullable<Pod['spec']['tolerations']>[number];

/** A node for the pod, or why there is none. */
export type Placement =
  | { readonly node: string }
  | { readonly node: undefined /** As the FailedScheduling event says it. */; readonly message: string };

/** True when the toleration covers the taint. Source: k8s.io/api `core/v1/toleration.go`. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (!toleration.key && toleration.operator !== 'Exists') return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

/** The first taint that keeps the pod off a node. */
function untolerated(pod: Pod, taints: readonly Taint[]): Taint | undefined {
  return taints.find(
    (taint) =>
      (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') &&
      !(pod.spec.tolerations ?? []).some((t) => tolerates(t, taint)),
  );
}

/** Why a node cannot take the pod, as upstream words it; undefined when it can. */
export function whyNot(pod: Pod, node: Node): string | undefined {
  const tolerations = pod.spec.tolerations ?? [];
  const cordon: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  if (node.spec?.unschedulable && !tolerations.some((t) => tolerates(t, cordon))) return 'were unschedulable';
  const taint = untolerated(pod, node.spec?.taints ?? []);
  if (taint) return `had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([k, v]) => labels[k] === v))
    return "didn't match Pod's node affinity/selector";
  if (conditionOf(node.status?.conditions, 'Ready')?.status !== 'True') return 'were not ready';
  if (node.metadata.deletionTimestamp) return 'were unschedulable';
  return undefined;
}

/**
 * Picks the node with the fewest pods of the same owner, then the fewest pods, then the lowest name.
 * @param pods all pods of the cluster; those that have ended do not count
 */
export function placePod(pod: Pod, nodes: readonly Node[], pods: readonly Pod[]): Placement {
  if (nodes.length === 0) return { node: undefined, message: 'no nodes available to schedule pods' };
  const reasons = new Map<string, number>();
  const fit: string[] = [];
  for (const node of nodes) {
    const reason = whyNot(pod, node);
    if (reason === undefined) fit.push(node.metadata.name);
    else reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  if (fit.length === 0) return { node: undefined, message: failure(nodes.length, reasons) };
  const owner = controllerOf(pod)?.uid;
  const load = new Map(fit.map((name) => [name, { same: 0, all: 0 }]));
  for (const other of pods) {
    const at = load.get(other.spec.nodeName ?? '');
    if (!at || isPodTerminal(other)) continue;
    at.all += 1;
    if (owner !== undefined && controllerOf(other)?.uid === owner && !other.metadata.deletionTimestamp) at.same += 1;
  }
  const [best] = [...load].sort(([a, x], [b, y]) => x.same - y.same || x.all - y.all || (a === b ? 0 : a < b ? -1 : 1));
  return best ? { node: best[0] } : { node: undefined, message: failure(nodes.length, reasons) };
}

function failure(nodes: number, reasons: ReadonlyMap<string, number>): string {
  const parts = [...reasons].map(([reason, count]) => `${count} node(s) ${reason}`).sort();
  return `0/${nodes} nodes are available: ${parts.join(', ')}. preemption: 0/${nodes} nodes are available: ${nodes} Preemption is not helpful for scheduling.`;
}

/** True for a pod this scheduler has to place. */
export function needsPlacement(pod: Pod): boolean {
  const { schedulerName = 'default-scheduler' } = pod.spec as { readonly schedulerName?: string };
  return (
    !pod.spec.nodeName &&
    !pod.metadata.deletionTimestamp &&
    !isPodTerminal(pod) &&
    schedulerName === 'default-scheduler'
  );
}
