/** Status and conditions of a Deployment, as `kubectl rollout status` reads them. Source: kubernetes `pkg/controller/deployment/{sync,progress}.go`. */
import type { Deployment, ReplicaSet } from '../../api/apps.ts';
import type { Condition } from '../../api/meta.ts';
import { conditionOf } from '../common/condition.ts';
import { rfc3339, timeOf } from '../common/time.ts';
import { maxUnavailable } from './bounds.ts';
import { sizeOf } from './scale.ts';

/** A Deployment's status. */
export type DeploymentStatus = NonNullable<Deployment['status']>;

/** A deadline that never passes. */
const NO_DEADLINE = 2147483647;

const sum = (sets: readonly ReplicaSet[], field: 'replicas' | 'readyReplicas' | 'availableReplicas'): number =>
  sets.reduce((n, set) => n + (set.status?.[field] ?? 0), 0);

/** What has just been done about the new ReplicaSet, for the Progressing condition. */
export interface Progress {
  readonly newSet: ReplicaSet | undefined;
  readonly all: readonly ReplicaSet[];
  /** Name of the ReplicaSet that is being made or was found for the present template just now. */
  readonly began?: { readonly reason: 'NewReplicaSetCreated' | 'FoundNewReplicaSet'; readonly name: string };
  /** True while pods are only rescaled: progress is not judged then. */
  readonly scalingOnly: boolean;
}

/** The status as it should be now. Counts of zero are left out, as upstream writes them. */
export function deploymentStatus(deployment: Deployment, progress: Progress, nowMs: number): DeploymentStatus {
  const { all, newSet } = progress;
  const available = sum(all, 'availableReplicas');
  const counts = {
    replicas: sum(all, 'replicas'),
    updatedReplicas: newSet ? sum([newSet], 'replicas') : 0,
    readyReplicas: sum(all, 'readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, all.reduce((n, set) => n + sizeOf(set), 0) - available),
  };
  const set = Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0));
  const { collisionCount } = deployment.status ?? {};
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...set,
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
  const conditions = progressing(
    deployment,
    status,
    progress,
    withAvailable(deployment, available, deployment.status?.conditions ?? [], nowMs),
    nowMs,
  );
  return { ...status, ...(conditions.length > 0 ? { conditions } : {}) };
}

type Wanted = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Sets a condition. What has the same status and reason stays, unless `touch` asks for a new update time. */
function setCondition(
  conditions: readonly Condition[],
  wanted: Wanted,
  nowMs: number,
  touch = false,
): readonly Condition[] {
  const old = conditionOf(conditions, wanted.type);
  if (old && old.status === wanted.status && old.reason === wanted.reason && !touch) return conditions;
  const now = rfc3339(nowMs);
  const kept = old?.status === wanted.status ? old.lastTransitionTime : undefined;
  const next: Condition = { ...wanted, lastUpdateTime: now, lastTransitionTime: kept ?? now };
  return [...conditions.filter((c) => c !== old), next];
}

function withAvailable(
  deployment: Deployment,
  available: number,
  conditions: readonly Condition[],
  nowMs: number,
): readonly Condition[] {
  const enough = available >= (deployment.spec.replicas ?? 1) - maxUnavailable(deployment);
  return setCondition(
    conditions,
    enough
      ? {
          type: 'Available',
          status: 'True',
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
    nowMs,
  );
}

function hasDeadline(deployment: Deployment): boolean {
  return (deployment.spec.progressDeadlineSeconds ?? NO_DEADLINE) < NO_DEADLINE;
}

/** True when all pods are of the present template and available, and no other is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = deployment.spec.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** True when the counts have moved towards completion since the last status. */
function hasMoved(old: DeploymentStatus, next: DeploymentStatus): boolean {
  const stale = (s: DeploymentStatus): number => (s.replicas ?? 0) - (s.updatedReplicas ?? 0);
  return (
    (next.updatedReplicas ?? 0) !== (old.updatedReplicas ?? 0) ||
    stale(next) < stale(old) ||
    (next.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

function progressing(
  deployment: Deployment,
  status: DeploymentStatus,
  { newSet, began, scalingOnly }: Progress,
  conditions: readonly Condition[],
  nowMs: number,
): readonly Condition[] {
  if (!hasDeadline(deployment)) return conditions.filter((c) => c.type !== 'Progressing');
  const type = 'Progressing';
  const paused = conditionOf(conditions, type)?.reason === 'DeploymentPaused';
  if (deployment.spec.paused)
    return paused
      ? conditions
      : setCondition(
          conditions,
          { type, status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' },
          nowMs,
        );
  if (paused)
    return setCondition(
      conditions,
      { type, status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' },
      nowMs,
    );
  if (began) {
    const text = began.reason === 'NewReplicaSetCreated' ? 'Created new' : 'Found new';
    const message = `${text} replica set "${began.name}"`;
    return setCondition(conditions, { type, status: 'True', reason: began.reason, message }, nowMs);
  }
  if (scalingOnly) return conditions;
  const current = conditionOf(conditions, type);
  const finished =
    current?.reason === 'NewReplicaSetAvailable' && (status.replicas ?? 0) === (status.updatedReplicas ?? 0);
  if (finished) return conditions;
  const subject = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  if (isComplete(deployment, status))
    return setCondition(
      conditions,
      { type, status: 'True', reason: 'NewReplicaSetAvailable', message: `${subject} has successfully progressed.` },
      nowMs,
    );
  if (hasMoved(deployment.status ?? {}, status))
    return setCondition(
      conditions,
      { type, status: 'True', reason: 'ReplicaSetUpdated', message: `${subject} is progressing.` },
      nowMs,
      true,
    );
  if ((deadlineIn(deployment, current, nowMs) ?? 1) <= 0)
    return setCondition(
      conditions,
      { type, status: 'False', reason: 'ProgressDeadlineExceeded', message: `${subject} has timed out progressing.` },
      nowMs,
    );
  return conditions;
}

/** Milliseconds until the rollout counts as failed; undefined when nothing runs against a deadline. */
export function deadlineIn(
  deployment: Deployment,
  progressingCondition: Condition | undefined,
  nowMs: number,
): number | undefined {
  const idle = ['NewReplicaSetAvailable', 'ProgressDeadlineExceeded', 'DeploymentPaused'];
  if (!progressingCondition || !hasDeadline(deployment) || idle.includes(progressingCondition.reason ?? ''))
    return undefined;
  const since = timeOf(progressingCondition.lastUpdateTime);
  // One second more, because the stored time has whole seconds.
  return since + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 + 1000 - nowMs;
}
