/** What an update makes of an object. Source: k8s.io/apiserver `pkg/registry/rest/update.go`. */
import { internalError, jsonEqual, type KubeObject, type ObjectMeta } from '@svclab/core';
import type { Definition } from './definition.ts';
import type { Subresource } from './registry.ts';

/** Metadata the system owns is carried over whatever the client sent. */
function carryMeta(wanted: KubeObject, current: KubeObject): ObjectMeta {
  const { deletionTimestamp: _d, deletionGracePeriodSeconds: _g, generation: _n, ...given } = wanted.metadata;
  const old = current.metadata;
  return {
    ...given,
    name: given.name,
    ...(old.uid ? { uid: old.uid } : {}),
    ...(old.resourceVersion ? { resourceVersion: old.resourceVersion } : {}),
    ...(old.creationTimestamp ? { creationTimestamp: old.creationTimestamp } : {}),
    ...(old.generation === undefined ? {} : { generation: old.generation }),
    ...(old.deletionTimestamp ? { deletionTimestamp: old.deletionTimestamp } : {}),
    ...(old.deletionGracePeriodSeconds === undefined
      ? {}
      : { deletionGracePeriodSeconds: old.deletionGracePeriodSeconds }),
  };
}

type WithStatus = KubeObject & { readonly status?: unknown };

/** The object as an update stores it: old status, old system metadata, defaults, and what the kind carries over. */
export function specUpdate(
  definition: Definition,
  wanted: KubeObject,
  current: KubeObject,
  subresource: Subresource | undefined,
): KubeObject {
  const { strategy } = definition;
  const { status: _status, ...given } = wanted as WithStatus;
  const oldStatus = (current as WithStatus).status;
  let next: KubeObject = {
    ...(definition.status ? { ...given, ...(oldStatus === undefined ? {} : { status: oldStatus }) } : wanted),
    apiVersion: current.apiVersion,
    kind: current.kind,
    metadata: carryMeta(wanted, current),
  };
  next = strategy.defaults?.(next) ?? next;
  if (subresource !== 'finalize') next = strategy.prepareForUpdate?.(next, current) ?? next;
  return strategy.generation && !jsonEqual(withoutMeta(next), withoutMeta(current)) ? bumpGeneration(next) : next;
}

/** The object as a status update stores it: only the status is new. Fails with an internal error for kinds without one. */
export function statusUpdate(definition: Definition, wanted: KubeObject, current: KubeObject): KubeObject {
  if (!definition.status) throw internalError(`${definition.resource} have no status`);
  const { annotations, finalizers, managedFields } = wanted.metadata;
  const metadata: ObjectMeta = {
    ...current.metadata,
    ...(annotations ? { annotations } : {}),
    ...(finalizers && current.metadata.deletionTimestamp ? { finalizers } : {}),
    ...(managedFields ? { managedFields } : {}),
  };
  const { status } = wanted as WithStatus;
  const { status: _status, ...rest } = current as WithStatus;
  return { ...rest, metadata, ...(status === undefined ? {} : { status }) } as KubeObject;
}

function withoutMeta(object: KubeObject): unknown {
  const { metadata: _metadata, status: _status, ...rest } = object as WithStatus;
  return rest;
}

/** One more change of the spec. */
export function bumpGeneration(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, generation: (object.metadata.generation ?? 0) + 1 } };
}
