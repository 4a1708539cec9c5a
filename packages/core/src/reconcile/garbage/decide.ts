/** What becomes of objects whose owners go. Source: kubernetes `pkg/controller/garbagecollector/garbagecollector.go`. */
import type { KubeObject, OwnerReference } from '../../api/meta.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

/** State of an owner: `waiting` means that it is being deleted and waits for its dependents. */
export type OwnerState = 'present' | 'absent' | 'waiting';

/** What to do with one object. */
export type GarbageAction =
  | { readonly kind: 'none' }
  | { readonly kind: 'delete'; readonly propagation: 'Foreground' | 'Background' | 'Orphan' }
  /** Remove references to these owners. */
  | { readonly kind: 'unlink'; readonly uids: ReadonlySet<string> };

/**
 * Decides about a dependent: it stays while one owner is present, goes when none is, and goes with an owner that waits for it.
 * @param hasDependents whether others depend on it in turn
 */
export function decideDependent(
  object: KubeObject,
  stateOf: (owner: OwnerReference) => OwnerState,
  hasDependents: boolean,
): GarbageAction {
  const owners = object.metadata.ownerReferences ?? [];
  if (owners.length === 0 || object.metadata.deletionTimestamp) return { kind: 'none' };
  const states = owners.map((owner) => ({ owner, state: stateOf(owner) }));
  const gone = states.filter((s) => s.state !== 'present');
  if (gone.length === 0) return { kind: 'none' };
  if (gone.length < owners.length) return { kind: 'unlink', uids: new Set(gone.map((s) => s.owner.uid)) };
  const waiting = states.some((s) => s.state === 'waiting');
  return { kind: 'delete', propagation: waiting && hasDependents ? 'Foreground' : propagationOf(object) };
}

function propagationOf(object: KubeObject): 'Foreground' | 'Background' | 'Orphan' {
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
}

/** What an object that is being deleted needs done before it can go. */
export type FinalizeAction =
  | { readonly kind: 'none' }
  /** Look at these dependents: they go with it. */
  | { readonly kind: 'wait'; readonly dependents: readonly KubeObject[] }
  /** Take the reference to it from these, then remove the finalizer. */
  | { readonly kind: 'orphan'; readonly dependents: readonly KubeObject[] }
  | { readonly kind: 'remove-finalizer'; readonly finalizer: string };

/** Decides about an object with a garbage collector's finalizer. Only dependents that block the deletion hold it. */
export function decideFinalizer(object: KubeObject, dependents: readonly KubeObject[]): FinalizeAction {
  const finalizers = object.metadata.finalizers ?? [];
  if (!object.metadata.deletionTimestamp) return { kind: 'none' };
  if (finalizers.includes(ORPHAN))
    return dependents.length > 0 ? { kind: 'orphan', dependents } : { kind: 'remove-finalizer', finalizer: ORPHAN };
  if (!finalizers.includes(FOREGROUND)) return { kind: 'none' };
  const uid = object.metadata.uid;
  const blocking = dependents.some((d) =>
    d.metadata.ownerReferences?.some((o) => o.uid === uid && o.blockOwnerDeletion === true),
  );
  return blocking ? { kind: 'wait', dependents } : { kind: 'remove-finalizer', finalizer: FOREGROUND };
}
