/** What silence does to a node and its pods. Source: kubernetes `pkg/controller/nodelifecycle`, `pkg/controller/tainteviction`, KEP-166 (taint-based eviction). */
import type { Node, Pod, Taint } from '../../api/core.ts';
import { jsonEqual } from '../../kube/patch/merge-patch.ts';
import { conditionOf, withCondition } from '../common/condition.ts';
import { isPodReady, isPodTerminal } from '../common/pod.ts';
import { rfc3339, timeOf } from '../common/time.ts';
import { tolerates } from '../scheduler/decide.ts';

export const UNREACHABLE = 'node.kubernetes.io/unreachable';
export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Conditions the node itself posts; all are unknown when it is silent. */
const POSTED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** The node after it fell silent: what it posted is unknown. The same object when that is so already. */
export function silencedNode(node: Node, nowMs: number): Node {
  let conditions = node.status?.conditions ?? [];
  for (const type of POSTED) {
    const old = conditionOf(conditions, type);
    if (!old && type !== 'Ready') continue;
    if (old?.status === 'Unknown') continue;
    conditions = withCondition(
      conditions,
      old
        ? { type, status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' }
        : { type, status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' },
      nowMs,
    );
  }
  if (conditions === node.status?.conditions) return node;
  return { ...node, status: { ...node.status, conditions } };
}

const ON_RETURN: Readonly<Record<string, { status: 'True' | 'False'; reason: string; message: string }>> = {
  Ready: { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
  MemoryPressure: {
    status: 'False',
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  },
  DiskPressure: { status: 'False', reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
  PIDPressure: { status: 'False', reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
};

/** The node after it was heard again: undoes {@link silencedNode}. Conditions unknown for another reason stay. */
export function returnedNode(node: Node, nowMs: number): Node {
  let conditions = node.status?.conditions ?? [];
  for (const type of POSTED) {
    const old = conditionOf(conditions, type);
    const next = ON_RETURN[type];
    if (next && old?.status === 'Unknown' && (old.reason ?? '').startsWith('NodeStatus'))
      conditions = withCondition(conditions, { type, ...next }, nowMs);
  }
  return conditions === (node.status?.conditions ?? []) ? node : { ...node, status: { ...node.status, conditions } };
}

/** True when the node has been declared silent. */
export function isSilenced(node: Node): boolean {
  const ready = conditionOf(node.status?.conditions, 'Ready');
  return ready?.status === 'Unknown' && (ready.reason ?? '').startsWith('NodeStatus');
}

/** The node's taints as its conditions want them; the same array when nothing changes. Taints of others stay. */
export function lifecycleTaints(node: Node, nowMs: number): readonly Taint[] {
  const present = node.spec?.taints ?? [];
  const ready = conditionOf(node.status?.conditions, 'Ready')?.status;
  const wanted: Taint[] = [];
  const cause = ready === 'True' ? undefined : ready === 'False' ? NOT_READY : UNREACHABLE;
  if (cause && ready !== undefined)
    wanted.push({ key: cause, effect: 'NoSchedule' }, { key: cause, effect: 'NoExecute' });
  if (node.spec?.unschedulable) wanted.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' });
  const own = new Set([UNREACHABLE, NOT_READY, UNSCHEDULABLE]);
  const others = present.filter((t) => !own.has(t.key));
  const mine = wanted.map((t) => {
    const old = present.find((p) => p.key === t.key && p.effect === t.effect);
    return old ?? { ...t, timeAdded: rfc3339(nowMs) };
  });
  const next = [...others, ...mine];
  return jsonEqual(next, present) ? present : next;
}

/** Pods on a node that is not ready and that still say they are: they must leave the endpoints. */
export function podsToMark(pods: readonly Pod[]): readonly Pod[] {
  return pods.filter((pod) => isPodReady(pod) && !isPodTerminal(pod));
}

/** The pod with its Ready condition taken away because of its node. */
export function markedPod(pod: Pod, nowMs: number): Pod {
  const conditions = withCondition(
    pod.status?.conditions,
    { type: 'Ready', status: 'False', reason: 'NodeNotReady', message: 'Node is not ready' },
    nowMs,
  );
  return { ...pod, status: { ...pod.status, conditions } };
}

/**
 * Milliseconds until the pod has to leave a node with these taints: 0 when it may not stay, undefined when it may stay for ever.
 * The shortest toleration counts, from the time the first of the taints was added.
 */
export function evictIn(pod: Pod, taints: readonly Taint[], nowMs: number): number | undefined {
  const evicting = taints.filter((t) => t.effect === 'NoExecute');
  if (evicting.length === 0) return undefined;
  let seconds = Number.POSITIVE_INFINITY;
  for (const taint of evicting) {
    const used = (pod.spec.tolerations ?? []).filter((t) => tolerates(t, taint));
    if (used.length === 0) return 0;
    for (const { tolerationSeconds } of used)
      if (tolerationSeconds !== undefined) seconds = Math.min(seconds, Math.max(0, tolerationSeconds));
  }
  if (seconds === Number.POSITIVE_INFINITY) return undefined;
  const since = Math.min(...evicting.map((t) => (t.timeAdded ? timeOf(t.timeAdded) : nowMs)));
  return Math.max(0, since + seconds * 1000 - nowMs);
}
