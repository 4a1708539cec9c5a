/** Keeps as many pods as a ReplicaSet asks for. Source: kubernetes `pkg/controller/replicaset/replica_set.go`. */
import type { ReplicaSet } from '../../api/apps.ts';
import type { Pod } from '../../api/core.ts';
import { jsonEqual } from '../../kube/patch/merge-patch.ts';
import { type Claim, claim, controllerRef } from '../common/owner.ts';
import { availableIn, isPodActive, isPodReady } from '../common/pod.ts';
import { deletionOrder } from './rank.ts';

/** Most pods one reconcile makes or deletes. */
export const BURST_REPLICAS = 500;

/** What a ReplicaSet's reconcile does. */
export interface ReplicaSetDecision extends Pick<Claim<Pod>, 'adopt' | 'release'> {
  /** Pods to make, all alike. */
  readonly create: number;
  /** Pods to delete, first one first. */
  readonly remove: readonly Pod[];
  /** The status to write; undefined when it is as it should be. */
  readonly status: NonNullable<ReplicaSet['status']> | undefined;
  /** Look again after so many milliseconds, when the next pod becomes available. */
  readonly againInMs: number | undefined;
}

/**
 * Decides about one ReplicaSet.
 * @param pods all pods of its namespace
 * @param siblings pods of the other ReplicaSets of the same Deployment: they count for how crowded a node is
 */
export function decideReplicaSet(
  set: ReplicaSet,
  pods: readonly Pod[],
  siblings: readonly Pod[],
  nowMs: number,
): ReplicaSetDecision {
  const { owned, adopt, release } = claim(set, set.spec.selector, pods);
  const active = [...owned, ...adopt].filter(isPodActive);
  const difference = active.length - (set.spec.replicas ?? 1);
  const deleting = set.metadata.deletionTimestamp !== undefined;
  const order = difference > 0 && !deleting ? deletionOrder(active, [...active, ...siblings.filter(isPodActive)]) : [];
  const minReady = set.spec.minReadySeconds ?? 0;
  const waits = active.map((p) => availableIn(p, minReady, nowMs)).filter((ms) => ms !== undefined && ms > 0);
  const status = replicaSetStatus(set, active, nowMs);
  return {
    adopt,
    release,
    create: deleting ? 0 : Math.min(BURST_REPLICAS, Math.max(0, -difference)),
    remove: order.slice(0, Math.min(difference, BURST_REPLICAS)),
    status: jsonEqual(status, set.status) ? undefined : status,
    againInMs: waits.length > 0 ? Math.min(...(waits as number[])) : undefined,
  };
}

function replicaSetStatus(set: ReplicaSet, active: readonly Pod[], nowMs: number): NonNullable<ReplicaSet['status']> {
  const labels = Object.entries(set.spec.template.metadata?.labels ?? {});
  const labelled = active.filter((p) => labels.every(([k, v]) => p.metadata.labels?.[k] === v)).length;
  const ready = active.filter(isPodReady).length;
  const available = active.filter((p) => availableIn(p, set.spec.minReadySeconds ?? 0, nowMs) === 0).length;
  // Upstream leaves counts of zero out, but for `replicas`.
  return {
    replicas: active.length,
    ...(labelled > 0 ? { fullyLabeledReplicas: labelled } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    observedGeneration: set.metadata.generation ?? 0,
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
  };
}

/** A pod as the ReplicaSet's template stamps it out; the registry makes the name from `generateName`. */
export function podFromTemplate(set: ReplicaSet): Pod {
  const { labels, annotations, finalizers } = set.spec.template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace ?? '',
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerRef(set)],
    },
    spec: set.spec.template.spec,
  };
}
