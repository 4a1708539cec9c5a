import type { Condition } from '../../api/meta.ts';
import { rfc3339 } from './time.ts';

/** The condition of a type. */
export function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((c) => c.type === type);
}

/**
 * The list with one condition set. `lastTransitionTime` moves only when the status changes; what is equal apart from times returns
 * the list as it was. Source: kubernetes `pkg/api/v1/pod/util.go` (UpdatePodCondition).
 */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  condition: Pick<Condition, 'type' | 'status' | 'reason' | 'message'>,
  nowMs: number,
): readonly Condition[] {
  const present = conditions ?? [];
  const old = conditionOf(present, condition.type);
  const same = old?.status === condition.status && old.reason === condition.reason && old.message === condition.message;
  if (same) return present;
  const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : undefined;
  const next: Condition = {
    ...(old?.lastHeartbeatTime ? { lastHeartbeatTime: old.lastHeartbeatTime } : {}),
    ...condition,
    lastTransitionTime: lastTransitionTime ?? rfc3339(nowMs),
  };
  return old ? present.map((c) => (c === old ? next : c)) : [...present, next];
}
