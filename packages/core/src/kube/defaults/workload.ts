/** Defaults of the apps group. Source: kubernetes `pkg/apis/apps/v1/defaults.go`. */
import type { Deployment, ReplicaSet } from '../../api/apps.ts';
import { defaultPodTemplate } from './pod.ts';

/** A Deployment with its defaults. */
export function defaultDeployment(deployment: Deployment): Deployment {
  const given = deployment.spec ?? ({} as Deployment['spec']);
  const type = given.strategy?.type ?? 'RollingUpdate';
  const strategy =
    type === 'RollingUpdate'
      ? { type, rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%', ...given.strategy?.rollingUpdate } }
      : { ...given.strategy, type };
  const spec: Deployment['spec'] = {
    ...given,
    replicas: given.replicas ?? 1,
    revisionHistoryLimit: given.revisionHistoryLimit ?? 10,
    progressDeadlineSeconds: given.progressDeadlineSeconds ?? 600,
    strategy,
    ...(given.template ? { template: defaultPodTemplate(given.template) } : {}),
  };
  return { ...deployment, spec };
}

/** A ReplicaSet with its defaults. */
export function defaultReplicaSet(set: ReplicaSet): ReplicaSet {
  const given = set.spec ?? ({} as ReplicaSet['spec']);
  return {
    ...set,
    spec: {
      ...given,
      replicas: given.replicas ?? 1,
      ...(given.template ? { template: defaultPodTemplate(given.template) } : {}),
    },
  };
}
