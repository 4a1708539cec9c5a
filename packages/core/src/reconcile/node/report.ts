/** What a node says about itself and its pods, merged into what is stored. */
import type { Node, Pod, PodStatus } from '../../api/core.ts';
import type { Condition } from '../../api/meta.ts';
import { jsonEqual } from '../../kube/patch/merge-patch.ts';
import { conditionOf } from '../common/condition.ts';

/**
 * Conditions as reported, so that the reporter recognizes its report; one that differs by its heartbeat alone stays as it is stored.
 * Conditions the reporter does not know stay.
 */
function mergedConditions(
  old: readonly Condition[] | undefined,
  reported: readonly Condition[] | undefined,
): readonly Condition[] {
  const next = (reported ?? []).map((condition) => {
    const before = conditionOf(old, condition.type);
    if (!before) return condition;
    const since =
      condition.lastTransitionTime ?? (before.status === condition.status ? before.lastTransitionTime : undefined);
    const merged = { ...condition, ...(since === undefined ? {} : { lastTransitionTime: since }) };
    return jsonEqual(withoutHeartbeat(before), withoutHeartbeat(merged)) ? before : merged;
  });
  const known = new Set(next.map((c) => c.type));
  return [...(old ?? []).filter((c) => !known.has(c.type)), ...next];
}

/** `lastHeartbeatTime` changes without anything having happened. */
function withoutHeartbeat({ lastHeartbeatTime: _time, ...rest }: Condition): unknown {
  return rest;
}

/** The stored node with the labels, annotations and pod network its agent wants; the same object when it has them. */
export function reportedNodeSpec(current: Node, reported: Node): Node {
  const { podCIDR, podCIDRs, providerID } = reported.spec ?? {};
  const next: Node = {
    ...current,
    metadata: {
      ...current.metadata,
      ...(reported.metadata.labels ? { labels: { ...current.metadata.labels, ...reported.metadata.labels } } : {}),
      ...(reported.metadata.annotations
        ? { annotations: { ...current.metadata.annotations, ...reported.metadata.annotations } }
        : {}),
    },
    spec: {
      ...current.spec,
      ...(podCIDR ? { podCIDR } : {}),
      ...(podCIDRs ? { podCIDRs } : {}),
      ...(providerID ? { providerID } : {}),
    },
  };
  return jsonEqual(next, current) ? current : next;
}

/** The stored node with the status its agent reports; the same object when nothing but heartbeat times differs. */
export function reportedNodeStatus(current: Node, reported: Node): Node {
  if (!reported.status) return current;
  const conditions = mergedConditions(current.status?.conditions, reported.status.conditions);
  const next: Node = { ...current, status: { ...current.status, ...reported.status, conditions } };
  return jsonEqual(next.status, current.status) ? current : next;
}

/**
 * The pod with the status its node reports; the same object when it says nothing new. The scheduler's condition is kept,
 * and a pod that has ended stays so.
 */
export function reportedPod(current: Pod, status: PodStatus): Pod {
  const phase = current.status?.phase;
  if ((phase === 'Succeeded' || phase === 'Failed') && status.phase !== phase) return current;
  const conditions = mergedConditions(current.status?.conditions, status.conditions);
  const qosClass = status.qosClass ?? current.status?.qosClass;
  const next: PodStatus = { ...status, conditions, ...(qosClass ? { qosClass } : {}) };
  return jsonEqual(next, current.status) ? current : { ...current, status: next };
}
