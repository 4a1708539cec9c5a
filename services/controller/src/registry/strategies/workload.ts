import {
  admitPod,
  type Deployment,
  defaultDeployment,
  defaultPod,
  defaultReplicaSet,
  type Pod,
  type ReplicaSet,
  validateDeployment,
  validateDeploymentUpdate,
  validatePodSpec,
  validatePodUpdate,
  validateReplicaSet,
  validateReplicaSetUpdate,
} from '@svclab/core';
import type { Strategy } from '../strategy.ts';
import { typed } from './typed.ts';

/**
 * Pods. A pod that has a node and has not ended goes gracefully.
 * @param evictionSeconds how long it tolerates a node that is not ready or unreachable
 */
export function podStrategy(evictionSeconds: number): Strategy {
  return typed<Pod>({
    defaults: defaultPod,
    prepareForCreate: (pod) => admitPod(pod, evictionSeconds),
    validate: (pod) => validatePodSpec(pod.spec, 'spec'),
    validateUpdate: validatePodUpdate,
    graceOnDelete(pod, asked) {
      const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
      if (!pod.spec.nodeName || ended) return 0;
      return asked ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    },
  });
}

/** Deployments. */
export const deploymentStrategy: Strategy = typed<Deployment>({
  generation: true,
  defaults: defaultDeployment,
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
});

/** ReplicaSets. */
export const replicaSetStrategy: Strategy = typed<ReplicaSet>({
  generation: true,
  defaults: defaultReplicaSet,
  validate: validateReplicaSet,
  validateUpdate: validateReplicaSetUpdate,
});
