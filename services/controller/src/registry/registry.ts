/** The one door through which objects are read and written: the API server and the reconcilers use the same. */
import type { Cache, KubeObject, ObjectKey, ResourceRef } from '@svclab/core';
import type { Allocations } from './allocators/allocations.ts';
import type { Definitions } from './definition.ts';

/** How a write is to be done. */
export interface WriteOptions {
  /** Do everything but store (`dryRun=All`). */
  readonly dryRun?: boolean;
  /** Name under which `metadata.managedFields` records the change; without it the change is not recorded. */
  readonly fieldManager?: string;
  /** The object's `metadata.managedFields` are computed already (server-side apply). */
  readonly applied?: boolean;
  /** Who writes, for the log: a reconciler's name or the user of a request. */
  readonly actor?: string;
}

/** metav1.DeleteOptions, as far as it is served. */
export interface DeleteOptions extends WriteOptions {
  /** What becomes of dependents; the default is the kind's (`Background` for all kinds served). */
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  /** Seconds of grace; pods only. Undefined: the pod's own. 0: remove at once. */
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** What a deletion did: the object as it was removed, or as it now waits for its finalizers or its grace period. */
export interface Deleted<T extends KubeObject = KubeObject> {
  readonly object: T;
  /** True when the object is gone from the store. */
  readonly removed: boolean;
  /** Revision of the removal; undefined when it is still there. */
  readonly revision?: number;
}

/** Which part of an object a write is about. */
export type Subresource = 'status' | 'scale' | 'finalize';

/**
 * Reads come from the cache, writes go through the kind's strategy (defaults, validation, allocation) to the store and resolve once
 * the cache holds them. All writes fail with `ApiError`: `AlreadyExists`, `NotFound`, `Conflict`, `Invalid`, ...
 * Objects returned are frozen: copy to change.
 */
export interface Registry {
  readonly definitions: Definitions;
  readonly cache: Cache;
  /** Keys held for addresses and ports. */
  readonly allocations: Allocations;
  /** Namespace is "" for cluster-scoped kinds. */
  get<T extends KubeObject>(ref: ResourceRef, namespace: string, name: string): T | undefined;
  list<T extends KubeObject>(ref: ResourceRef, namespace?: string): readonly T[];
  /** Namespace and name (or generateName) are the object's. */
  create<T extends KubeObject>(ref: ResourceRef, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces all but the status. With `metadata.resourceVersion` set, only that version is replaced. */
  update<T extends KubeObject>(ref: ResourceRef, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces only the status (and, as upstream, the metadata that status writers may change). */
  updateStatus<T extends KubeObject>(ref: ResourceRef, object: T, options?: WriteOptions): Promise<T>;
  /**
   * Reads, changes and writes until no other writer came between: `change` gets the present object and returns the new one, or
   * undefined (or the same object) to leave it. Returns what is stored afterwards. Fails with `NotFound` when there is no object.
   */
  modify<T extends KubeObject>(
    ref: ResourceRef,
    namespace: string,
    name: string,
    change: (current: T) => T | undefined,
    options?: WriteOptions & { readonly subresource?: Subresource },
  ): Promise<T>;
  /**
   * Begins or completes a deletion: finalizers, propagation and the grace period of pods hold the object with a deletionTimestamp.
   * The last finalizer's removal by an update removes the object.
   */
  delete<T extends KubeObject>(
    ref: ResourceRef,
    namespace: string,
    name: string,
    options?: DeleteOptions,
  ): Promise<Deleted<T>>;
  /** Sets `spec.nodeName` of a pod that has none (the binding subresource). Fails with `Conflict` when it has one. */
  bind(namespace: string, pod: string, node: string, options?: WriteOptions): Promise<void>;
}

/** The key of an object of a resource. */
export function keyOf(ref: ResourceRef, namespace: string, name: string): ObjectKey {
  return { group: ref.group, resource: ref.resource, namespace, name };
}
