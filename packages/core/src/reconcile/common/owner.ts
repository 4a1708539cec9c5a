/** Who owns what: controller references, adoption and release. Source: kubernetes `pkg/controller/controller_ref_manager.go`. */
import type { KubeObject, LabelSelector, OwnerReference } from '../../api/meta.ts';
import { selectorMatches } from '../../kube/selector/label-selector.ts';

/** The owner that manages an object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((o) => o.controller === true);
}

/** A reference that makes `owner` the manager of an object. */
export function controllerRef(owner: KubeObject): OwnerReference {
  const { name, uid = '' } = owner.metadata;
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** What an owner has, should take in, and should let go. */
export interface Claim<T extends KubeObject> {
  readonly owned: readonly T[];
  /** Match the selector and belong to nobody. */
  readonly adopt: readonly T[];
  /** Belong to the owner and no longer match. */
  readonly release: readonly T[];
}

/** Sorts candidates of the owner's namespace. An owner that is being deleted adopts and releases nothing. */
export function claim<T extends KubeObject>(
  owner: KubeObject,
  selector: LabelSelector,
  candidates: readonly T[],
): Claim<T> {
  const owned: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  const deleting = owner.metadata.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    const matches = selectorMatches(selector, object.metadata.labels);
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (matches || deleting) owned.push(object);
      else release.push(object);
    } else if (matches && !deleting && !object.metadata.deletionTimestamp) adopt.push(object);
  }
  return { owned, adopt, release };
}

/** The object with one more owner. */
export function withOwner<T extends KubeObject>(object: T, owner: OwnerReference): T {
  const ownerReferences = [...(object.metadata.ownerReferences ?? []), owner];
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

/** The object without the owners of these uids. */
export function withoutOwners<T extends KubeObject>(object: T, uids: ReadonlySet<string>): T {
  const { ownerReferences = [], ...metadata } = object.metadata;
  const left = ownerReferences.filter((o) => !uids.has(o.uid));
  return { ...object, metadata: { ...metadata, ...(left.length > 0 ? { ownerReferences: left } : {}) } };
}
