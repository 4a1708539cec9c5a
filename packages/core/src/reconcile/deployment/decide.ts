/** One step of a Deployment's rollout. Source: kubernetes `pkg/controller/deployment/deployment_controller.go` (syncDeployment). */
import type { Deployment, ReplicaSet } from '../../api/apps.ts';
import type { Pod } from '../../api/core.ts';
import type { StringMap } from '../../api/meta.ts';
import { jsonEqual } from '../../kube/patch/merge-patch.ts';
import { conditionOf } from '../common/condition.ts';
import { claim, controllerRef } from '../common/owner.ts';
import { isPodTerminal } from '../common/pod.ts';
import { newSetAnnotations, REVISION, replicaAnnotations, revisionOf } from './annotations.ts';
import { byAge, isScaling, newSetSize, rescale, type SetScale, shrinkOldSets, sizeOf } from './scale.ts';
import { type DeploymentStatus, deadlineIn, deploymentStatus, isComplete } from './status.ts';
import { findNewSet, hashed, POD_TEMPLATE_HASH, podTemplateHash } from './template.ts';

/** What a Deployment's reconcile does, in this order. */
export type DeploymentAction =
  | { readonly kind: 'adopt' | 'release'; readonly set: ReplicaSet }
  | { readonly kind: 'create-set'; readonly set: ReplicaSet }
  | {
      readonly kind: 'scale-set';
      readonly set: ReplicaSet;
      readonly replicas: number;
      readonly annotations: StringMap;
    }
  | {
      readonly kind: 'update-set';
      readonly set: ReplicaSet;
      readonly annotations: StringMap;
      readonly minReadySeconds: number;
    }
  | { readonly kind: 'delete-set'; readonly set: ReplicaSet }
  | { readonly kind: 'set-revision'; readonly revision: string }
  | { readonly kind: 'update-status'; readonly status: DeploymentStatus };

/** Actions, and when to look again by the clock. */
export interface DeploymentDecision {
  readonly actions: readonly DeploymentAction[];
  readonly againInMs: number | undefined;
}

/** What is known when the decision is made. */
export interface DeploymentObservation {
  readonly deployment: Deployment;
  /** All ReplicaSets of its namespace. */
  readonly sets: readonly ReplicaSet[];
  /** Pods of the Deployment's ReplicaSets, by the ReplicaSet's uid. */
  readonly podsOf: (uid: string) => readonly Pod[];
}

/** Decides the next step of a Deployment. Writes it leads to bring the next step about. */
export function decideDeployment(observation: DeploymentObservation, nowMs: number): DeploymentDecision {
  const { deployment } = observation;
  const { owned, adopt, release } = claim(deployment, deployment.spec.selector, observation.sets);
  const actions: DeploymentAction[] = [
    ...release.map((set) => ({ kind: 'release', set }) as const),
    ...adopt.map((set) => ({ kind: 'adopt', set }) as const),
  ];
  // Adopted sets are worked on once they are owned: the adoption itself brings this about.
  const all = [...owned].sort(byAge);
  const deleting = deployment.metadata.deletionTimestamp !== undefined;
  const newSet = findNewSet(deployment, all);
  const old = all.filter((set) => set !== newSet);
  const scaling = deployment.spec.paused === true || isScaling(deployment, all);
  let step: Step = { actions: [], scalingOnly: true };
  if (!deleting && adopt.length === 0) {
    if (scaling) step = { actions: scaleActions(deployment, rescale(deployment, newSet, old)), scalingOnly: true };
    else step = rollout(observation, newSet, old);
  }
  actions.push(...step.actions);
  const progress = { newSet, all, scalingOnly: step.scalingOnly, ...(step.began ? { began: step.began } : {}) };
  const status = deploymentStatus(deployment, progress, nowMs);
  if (!deleting && isComplete(deployment, status)) actions.push(...history(deployment, old));
  if (!jsonEqual(status, deployment.status)) actions.push({ kind: 'update-status', status });
  const waits = deadlineIn(deployment, conditionOf(status.conditions, 'Progressing'), nowMs);
  return { actions, againInMs: deleting || waits === undefined ? undefined : Math.max(0, waits) };
}

interface Step {
  readonly actions: readonly DeploymentAction[];
  readonly began?: { readonly reason: 'NewReplicaSetCreated' | 'FoundNewReplicaSet'; readonly name: string };
  readonly scalingOnly: boolean;
}

function scaleActions(deployment: Deployment, scales: readonly SetScale[]): DeploymentAction[] {
  const extra = replicaAnnotations(deployment);
  return scales.map(({ set, replicas }) => ({
    kind: 'scale-set',
    set,
    replicas,
    annotations: { ...set.metadata.annotations, ...extra },
  }));
}

function rollout(observation: DeploymentObservation, newSet: ReplicaSet | undefined, old: readonly ReplicaSet[]): Step {
  const { deployment } = observation;
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  if (deployment.spec.strategy?.type === 'Recreate') {
    const down = old.filter((set) => sizeOf(set) > 0).map((set) => ({ set, replicas: 0 }));
    if (down.length > 0) return { actions: scaleActions(deployment, down), scalingOnly: false };
    const running = old.some((set) => observation.podsOf(set.metadata.uid ?? '').some((p) => !isPodTerminal(p)));
    if (running) return { actions: [], scalingOnly: false };
  }
  if (!newSet) return create(deployment, old, revision);
  const kept = keepNewSet(deployment, newSet, revision);
  const began =
    revisionOf(deployment) !== 0 && revisionOf(newSet) < revision
      ? ({ reason: 'FoundNewReplicaSet', name: newSet.metadata.name } as const)
      : undefined;
  const step = (actions: readonly DeploymentAction[]): Step => ({
    actions: [...kept, ...actions],
    scalingOnly: false,
    ...(began ? { began } : {}),
  });
  if (kept.some((a) => a.kind === 'update-set')) return step([]);
  const size = newSetSize(deployment, [...old, newSet], sizeOf(newSet));
  if (size !== sizeOf(newSet)) return step(scaleActions(deployment, [{ set: newSet, replicas: size }]));
  return step(scaleActions(deployment, shrinkOldSets(deployment, newSet, old)));
}

function keepNewSet(deployment: Deployment, newSet: ReplicaSet, revision: number): DeploymentAction[] {
  const annotations = newSetAnnotations(deployment, newSet.metadata.annotations, revision);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  const actions: DeploymentAction[] = [];
  if (annotations !== newSet.metadata.annotations || (newSet.spec.minReadySeconds ?? 0) !== minReadySeconds)
    actions.push({ kind: 'update-set', set: newSet, annotations, minReadySeconds });
  const text = annotations[REVISION] ?? String(revision);
  if (deployment.metadata.annotations?.[REVISION] !== text) actions.push({ kind: 'set-revision', revision: text });
  return actions;
}

function create(deployment: Deployment, old: readonly ReplicaSet[], revision: number): Step {
  const set = newReplicaSet(deployment, old, revision);
  return {
    actions: [
      { kind: 'create-set', set },
      { kind: 'set-revision', revision: String(revision) },
    ],
    began: { reason: 'NewReplicaSetCreated', name: set.metadata.name },
    scalingOnly: false,
  };
}

function newReplicaSet(deployment: Deployment, old: readonly ReplicaSet[], revision: number): ReplicaSet {
  const hash = podTemplateHash(deployment.spec.template, deployment.status?.collisionCount ?? 0);
  const { template, selector } = hashed(deployment, hash);
  const { minReadySeconds } = deployment.spec;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace ?? '',
      labels: { ...deployment.spec.template.metadata?.labels, [POD_TEMPLATE_HASH]: hash },
      annotations: { ...newSetAnnotations(deployment, undefined, revision), ...replicaAnnotations(deployment) },
      ownerReferences: [controllerRef(deployment)],
    },
    spec: {
      replicas: newSetSize(deployment, old, 0),
      selector,
      template,
      ...(minReadySeconds ? { minReadySeconds } : {}),
    },
  };
}

/** Old ReplicaSets beyond the history limit, lowest revision first; only empty ones go. */
function history(deployment: Deployment, old: readonly ReplicaSet[]): DeploymentAction[] {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const present = old.filter((set) => set.metadata.deletionTimestamp === undefined);
  const order = [...present].sort((a, b) => revisionOf(a) - revisionOf(b) || byAge(a, b));
  return order
    .slice(0, Math.max(0, present.length - limit))
    .filter(
      (set) =>
        sizeOf(set) === 0 &&
        (set.status?.replicas ?? 0) === 0 &&
        (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0),
    )
    .map((set) => ({ kind: 'delete-set', set }));
}
