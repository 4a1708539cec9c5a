/** When an object that is being deleted may go, and how a deletion marks it. Source: k8s.io/apiserver `pkg/registry/generic/registry/store.go`. */
import { conflict, type KubeObject, type Namespace, type ObjectMeta, type ResourceRef } from '@svclab/core';
import type { Definition } from './definition.ts';
import type { DeleteOptions } from './registry.ts';

/** Finalizers the garbage collector works on. */
export const ORPHAN_FINALIZER = 'orphan';
export const FOREGROUND_FINALIZER = 'foregroundDeletion';

/** True when nothing holds an object that carries a deletionTimestamp: no finalizer and no grace period that still runs. */
export function mayFinish(definition: Definition, object: KubeObject): boolean {
  const meta = object.metadata;
  if (!meta.deletionTimestamp || (meta.finalizers ?? []).length > 0) return false;
  if (definition.kind === 'Namespace') return ((object as Namespace).spec?.finalizers ?? []).length === 0;
  return (meta.deletionGracePeriodSeconds ?? 0) === 0;
}

/** What a deletion makes of an object: removed at once, or marked. */
export type DeletionPlan =
  | { readonly action: 'remove' }
  | { readonly action: 'keep' }
  | { readonly action: 'mark'; readonly object: KubeObject };

/** Decides what a deletion does now. `grace` is what the kind's strategy grants, undefined for kinds without grace. */
export function planDeletion(
  definition: Definition,
  object: KubeObject,
  options: DeleteOptions,
  grace: number | undefined,
  nowMs: number,
): DeletionPlan {
  const finalizers = finalizersFor(object.metadata, options.propagationPolicy);
  const isNamespace = definition.kind === 'Namespace';
  const held = finalizers.length > 0 || (isNamespace && ((object as Namespace).spec?.finalizers ?? []).length > 0);
  const seconds = grace ?? 0;
  if (!held && seconds === 0) return { action: 'remove' };
  const before = object.metadata;
  const known = before.deletionTimestamp !== undefined;
  const shorter = known && seconds < (before.deletionGracePeriodSeconds ?? 0);
  const changed = finalizers.length !== (before.finalizers ?? []).length;
  if (known && !shorter && !changed) return { action: 'keep' };
  const began = known
    ? Date.parse(before.deletionTimestamp ?? '') - (before.deletionGracePeriodSeconds ?? 0) * 1000
    : nowMs;
  const metadata: ObjectMeta = {
    ...before,
    ...(known && !shorter
      ? {}
      : {
          deletionTimestamp: timestamp((shorter ? Math.max(began, nowMs - seconds * 1000) : nowMs) + seconds * 1000),
          deletionGracePeriodSeconds: seconds,
        }),
    ...(finalizers.length > 0 ? { finalizers } : {}),
  };
  const marked = { ...object, metadata };
  return {
    action: 'mark',
    object: isNamespace
      ? ({ ...marked, status: { ...(object as Namespace).status, phase: 'Terminating' } } as KubeObject)
      : marked,
  };
}

function finalizersFor(meta: ObjectMeta, policy: DeleteOptions['propagationPolicy']): readonly string[] {
  const present = meta.finalizers ?? [];
  if (policy === undefined) return present;
  const others = present.filter((f) => f !== ORPHAN_FINALIZER && f !== FOREGROUND_FINALIZER);
  if (policy === 'Orphan') return [...others, ORPHAN_FINALIZER];
  if (policy === 'Foreground') return [...others, FOREGROUND_FINALIZER];
  return others;
}

/** RFC 3339 with whole seconds, as Kubernetes writes times. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Fails with Conflict when the object is not the one the deletion is meant for. */
export function checkPreconditions(ref: ResourceRef, current: KubeObject, { preconditions }: DeleteOptions): void {
  const { name, uid, resourceVersion } = current.metadata;
  if (preconditions?.uid !== undefined && preconditions.uid !== uid)
    throw conflict(
      ref,
      name,
      `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid}`,
    );
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion)
    throw conflict(
      ref,
      name,
      `Precondition failed: ResourceVersion in precondition: ${preconditions.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`,
    );
}
