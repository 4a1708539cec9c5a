import {
  decideDependent,
  decideFinalizer,
  FOREGROUND,
  type KubeObject,
  type ObjectKey,
  ORPHAN,
  type OwnerReference,
  type OwnerState,
  type StoreEvent,
  withoutOwners,
} from '@svclab/core';
import { keyOf } from '../registry/registry.ts';
import type { Reconciler, ReconcilerContext } from './reconciler.ts';
import { unlessGone } from './reconciler.ts';

const ACTOR = { actor: 'garbage-collector' } as const;

/** Removes objects whose owners are gone, and lets owners go in the order their deletion asked for. Owners are known by uid. */
export class GarbageCollector implements Reconciler {
  readonly name = 'garbage-collector';
  readonly workers = 8;
  readonly #context: ReconcilerContext;
  /** uid -> key of the object that has it. */
  readonly #live = new Map<string, string>();
  /** Owner's uid -> keys of its dependents. */
  readonly #dependents = new Map<string, Set<string>>();

  constructor(context: ReconcilerContext) {
    this.#context = context;
  }

  *keysFor(event: StoreEvent): Iterable<string> {
    const key = encode(event.key);
    const { uid = '', ownerReferences = [] } = event.object.metadata;
    if (event.type === 'DELETED') {
      this.#forget(key, event.object);
      yield* this.#dependents.get(uid) ?? [];
      // An owner that waits for this one may go now.
      for (const owner of ownerReferences) {
        const waiting = this.#live.get(owner.uid);
        if (waiting) yield waiting;
      }
      return;
    }
    if (event.previous) this.#unlink(key, event.previous);
    this.#note(key, event.object);
    if (ownerReferences.length > 0 || hasFinalizer(event.object)) yield key;
    for (const owner of event.previous?.metadata.ownerReferences ?? []) {
      const before = this.#live.get(owner.uid);
      if (before && !ownerReferences.some((o) => o.uid === owner.uid)) yield before;
    }
  }

  *seed(): Iterable<string> {
    const { registry } = this.#context;
    for (const definition of registry.definitions.all) {
      if (definition.view) continue;
      for (const object of registry.list(definition)) {
        const { namespace = '', name } = object.metadata;
        const key = encode(keyOf(definition, namespace, name));
        this.#note(key, object);
      }
    }
    for (const keys of this.#dependents.values()) yield* keys;
    for (const key of this.#live.values()) yield key;
  }

  #note(key: string, object: KubeObject): void {
    const { uid, ownerReferences = [] } = object.metadata;
    if (uid) this.#live.set(uid, key);
    for (const owner of ownerReferences) {
      const keys = this.#dependents.get(owner.uid) ?? new Set();
      this.#dependents.set(owner.uid, keys.add(key));
    }
  }

  #forget(key: string, object: KubeObject): void {
    const { uid } = object.metadata;
    if (uid) this.#live.delete(uid);
    this.#unlink(key, object);
  }

  #unlink(key: string, object: KubeObject): void {
    for (const owner of object.metadata.ownerReferences ?? []) {
      const keys = this.#dependents.get(owner.uid);
      keys?.delete(key);
      if (keys?.size === 0) this.#dependents.delete(owner.uid);
    }
  }

  #get(key: string | undefined): KubeObject | undefined {
    return key === undefined ? undefined : this.#context.registry.cache.get(decode(key));
  }

  #dependentsOf(object: KubeObject): readonly KubeObject[] {
    const keys = this.#dependents.get(object.metadata.uid ?? '') ?? [];
    return [...keys].flatMap((key) => this.#get(key) ?? []);
  }

  /** An owner of a kind that is not served is believed to exist: nobody here could know. */
  #stateOf(owner: OwnerReference): OwnerState {
    const found = this.#get(this.#live.get(owner.uid));
    if (!found || found.metadata.uid !== owner.uid)
      return this.#context.registry.definitions.byKind(owner.apiVersion, owner.kind) ? 'absent' : 'present';
    const { deletionTimestamp, finalizers = [] } = found.metadata;
    return deletionTimestamp && finalizers.includes(FOREGROUND) ? 'waiting' : 'present';
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { registry } = this.#context;
    const object = this.#get(key);
    if (!object) return undefined;
    const at = decode(key);
    const dependents = this.#dependentsOf(object);
    if (hasFinalizer(object)) await this.#finalize(at, object, dependents);
    const action = decideDependent(object, (owner) => this.#stateOf(owner), dependents.length > 0);
    if (action.kind === 'delete')
      await unlessGone(
        registry.delete(at, at.namespace, at.name, {
          ...ACTOR,
          propagationPolicy: action.propagation,
          ...(object.metadata.uid ? { preconditions: { uid: object.metadata.uid } } : {}),
        }),
      );
    else if (action.kind === 'unlink') await unlessGone(registry.update(at, withoutOwners(object, action.uids), ACTOR));
    return undefined;
  }

  async #finalize(at: ObjectKey, object: KubeObject, dependents: readonly KubeObject[]): Promise<void> {
    const { registry } = this.#context;
    const action = decideFinalizer(object, dependents);
    switch (action.kind) {
      case 'none':
        return;
      case 'wait':
        for (const key of this.#dependents.get(object.metadata.uid ?? '') ?? []) await this.reconcile(key);
        return;
      case 'orphan': {
        const uids = new Set([object.metadata.uid ?? '']);
        for (const key of [...(this.#dependents.get(object.metadata.uid ?? '') ?? [])]) {
          const ref = decode(key);
          await unlessGone(
            registry.modify(ref, ref.namespace, ref.name, (current) => withoutOwners(current, uids), ACTOR),
          );
        }
        await this.#removeFinalizer(at, ORPHAN);
        return;
      }
      case 'remove-finalizer':
        await this.#removeFinalizer(at, action.finalizer);
    }
  }

  async #removeFinalizer(at: ObjectKey, finalizer: string): Promise<void> {
    await unlessGone(
      this.#context.registry.modify(
        at,
        at.namespace,
        at.name,
        (current) => {
          const { finalizers = [], ...metadata } = current.metadata;
          const left = finalizers.filter((f) => f !== finalizer);
          if (left.length === finalizers.length) return undefined;
          return { ...current, metadata: { ...metadata, ...(left.length > 0 ? { finalizers: left } : {}) } };
        },
        ACTOR,
      ),
    );
  }
}

function hasFinalizer(object: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  return deletionTimestamp !== undefined && (finalizers.includes(FOREGROUND) || finalizers.includes(ORPHAN));
}

function encode({ group, resource, namespace, name }: ObjectKey): string {
  return [group, resource, namespace, name].join('|');
}

function decode(key: string): ObjectKey {
  const [group = '', resource = '', namespace = '', ...name] = key.split('|');
  return { group, resource, namespace, name: name.join('|') };
}
