/** The scale subresource: autoscaling/v1 Scale over `spec.replicas`. Source: kubernetes `pkg/registry/apps/deployment/storage`. */
import {
  ageOf,
  column,
  type Deployment,
  decode,
  formatSelector,
  invalid,
  invalidField,
  type JsonObject,
  type KubeObject,
} from '@svclab/core';
import type { Definition } from '../registry/definition.ts';

/** autoscaling/v1 Scale. */
export interface Scale extends KubeObject {
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas: number; readonly selector?: string };
}

/** The scale of an object that has replicas and a selector. */
export function scaleOf(object: KubeObject): Scale {
  const { metadata, spec, status } = object as Deployment;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      ...(uid ? { uid } : {}),
      ...(resourceVersion ? { resourceVersion } : {}),
      ...(creationTimestamp ? { creationTimestamp } : {}),
    },
    spec: { replicas: spec.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, selector: formatSelector(spec.selector) },
  };
}

/** The object with the replicas of a Scale. Fails with Invalid when they are negative or no number. */
export function withScale(object: KubeObject, scale: JsonObject): KubeObject {
  const decoded = decode('autoscaling.v1.Scale', scale);
  const replicas = (decoded.value as Partial<Scale>).spec?.replicas ?? 0;
  const problem = decoded.problems[0]?.message ?? (replicas < 0 ? 'must be greater than or equal to 0' : undefined);
  if (problem)
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, object.metadata.name, [
      invalidField('spec.replicas', (scale.spec as JsonObject | undefined)?.replicas, problem),
    ]);
  return { ...object, spec: { ...(object as Deployment).spec, replicas } } as KubeObject;
}

/** The scale subresource as a resource of its own, for tables. */
export function scaleDefinition(of: Definition): Definition {
  return {
    ...of,
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    schema: 'autoscaling.v1.Scale',
    columns: [
      column('Name', 'Name of the object', { format: 'name' }),
      column('Desired', 'Replicas wanted', { type: 'integer' }),
      column('Available', 'Replicas there are', { type: 'integer' }),
      column('Age', 'Time since the object was made'),
    ],
    cells(object, nowMs) {
      const scale = object as Scale;
      const age = ageOf(scale.metadata.creationTimestamp, nowMs);
      return [scale.metadata.name, scale.spec.replicas ?? 0, scale.status.replicas, age];
    },
  };
}
