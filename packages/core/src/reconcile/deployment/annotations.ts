/** Annotations a Deployment and its ReplicaSets carry. Source: kubernetes `pkg/controller/deployment/util/deployment_util.go`. */
import type { Deployment, ReplicaSet } from '../../api/apps.ts';
import type { StringMap } from '../../api/meta.ts';
import { jsonEqual } from '../../kube/patch/merge-patch.ts';
import { maxSurge } from './bounds.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

/** What is not copied from a Deployment to its ReplicaSets. */
const OWN: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
]);

/** The revision of a Deployment or ReplicaSet; 0 when it has none. */
export function revisionOf(object: Deployment | ReplicaSet): number {
  const text = object.metadata.annotations?.[REVISION] ?? '';
  return /^\d+$/.test(text) ? Number(text) : 0;
}

/** Annotations that say what a ReplicaSet was scaled for. */
export function replicaAnnotations(deployment: Deployment): StringMap {
  const replicas = deployment.spec.replicas ?? 1;
  return { [DESIRED_REPLICAS]: String(replicas), [MAX_REPLICAS]: String(replicas + maxSurge(deployment)) };
}

/** Annotations of the ReplicaSet of the present template at `revision`; the same object when nothing changes. */
export function newSetAnnotations(deployment: Deployment, old: StringMap | undefined, revision: number): StringMap {
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !OWN.has(key));
  const before = old?.[REVISION];
  const raised = before === undefined || Number(before) < revision;
  const history = (old?.[REVISION_HISTORY] ?? '').split(',').filter((r) => r !== '');
  const next: Record<string, string> = {
    ...old,
    ...Object.fromEntries(copied),
    [REVISION]: raised ? String(revision) : before,
    ...(raised && before !== undefined ? { [REVISION_HISTORY]: [...history, before].join(',') } : {}),
  };
  return old && jsonEqual(next, old) ? old : next;
}
