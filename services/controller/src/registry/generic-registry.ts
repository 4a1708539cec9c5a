/** One registry for all kinds. Source of the order of steps: k8s.io/apiserver `pkg/registry/{generic/registry/store.go,rest/create.go,rest/update.go}`. */
import {
  type ApiError,
  alreadyExists,
  badRequest,
  type Cache,
  type Clock,
  conflict,
  jsonEqual,
  type KubeObject,
  type Namespace,
  notFound,
  type ObjectKey,
  type Pod,
  type Random,
  RESOURCES,
  type ResourceRef,
  type Store,
  timedOut,
} from '@svclab/core';
import { type Allocations, storeAllocations } from './allocators/allocations.ts';
import { boundPod } from './bind-pod.ts';
import type { Definition, Definitions } from './definition.ts';
import { checkPreconditions, mayFinish, planDeletion } from './finish.ts';
import { admitNamespace, type Makers, newObject } from './new-object.ts';
import { bumpGeneration, specUpdate, statusUpdate } from './next-state.ts';
import { recordManagers } from './record-managers.ts';
import {
  type Deleted,
  type DeleteOptions,
  keyOf,
  type Registry,
  type Subresource,
  type WriteOptions,
} from './registry.ts';
import { isStale, toApiError } from './store-errors.ts';
import type { Allocated, StrategyContext } from './strategy.ts';
import { check, checkUpdate } from './validate.ts';

/** What the registry stands on. */
export interface RegistryOptions {
  readonly store: Store;
  readonly cache: Cache;
  readonly definitions: Definitions;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes a uid. */
  readonly uuid: () => string;
}

/** Attempts of a read-modify-write before it gives up. */
const MAX_ATTEMPTS = 50;
/** Longest wait for a cache that is behind, milliseconds. */
const CATCH_UP_MS = 2000;
/** What was taken for an object longer ago than this may be given back by the repair of allocations, which waits for longer. */
const MAX_ALLOCATION_MS = 5000;
/** Attempts to find a free generated name (KEP-4420). */
const NAME_ATTEMPTS = 8;

/** Makes the {@link Registry}. */
export function createRegistry(options: RegistryOptions): Registry {
  return new GenericRegistry(options);
}

class GenericRegistry implements Registry {
  readonly definitions: Definitions;
  readonly cache: Cache;
  readonly allocations: Allocations;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #makers: Makers;

  constructor(options: RegistryOptions) {
    this.definitions = options.definitions;
    this.cache = options.cache;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#makers = options;
    this.allocations = storeAllocations(options.store, options.cache);
  }

  get<T extends KubeObject>(ref: ResourceRef, namespace: string, name: string): T | undefined {
    return this.cache.get<T>(keyOf(ref, namespace, name));
  }

  list<T extends KubeObject>(ref: ResourceRef, namespace?: string): readonly T[] {
    return this.cache.list<T>(ref, namespace);
  }

  async create<T extends KubeObject>(ref: ResourceRef, object: T, options: WriteOptions = {}): Promise<T> {
    const definition = this.definitions.of(ref);
    if (object.metadata?.resourceVersion)
      throw badRequest('resourceVersion should not be set on objects to be created');
    const generated = !object.metadata?.name && object.metadata?.generateName;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await this.#createOnce(definition, object, options)) as T;
      } catch (error) {
        const clash = (error as ApiError).reason === 'AlreadyExists';
        if (!generated || !clash || attempt >= NAME_ATTEMPTS) throw error;
      }
    }
  }

  async #createOnce(definition: Definition, given: KubeObject, options: WriteOptions): Promise<KubeObject> {
    const { strategy } = definition;
    const context = this.#context(options);
    let object = newObject(definition, given, this.#makers);
    object = strategy.defaults?.(object) ?? object;
    object = strategy.prepareForCreate?.(object) ?? object;
    check(definition, object);
    admitNamespace(definition, object, (name) => this.get<Namespace>(RESOURCES.namespaces, '', name));
    const key = keyOf(definition, object.metadata.namespace ?? '', object.metadata.name);
    if (this.cache.get(key)) throw alreadyExists(definition, object.metadata.name);
    strategy.admit?.(object, undefined, context);
    const startMs = this.#clock.now();
    const allocated = await strategy.allocate?.(object, undefined, context);
    const recorded = this.#record(definition, undefined, allocated?.object ?? object, options);
    return this.#write(allocated, recorded, options, definition, startMs, (next) => this.#store.create(key, next));
  }

  #record(
    definition: Definition,
    before: KubeObject | undefined,
    after: KubeObject,
    options: WriteOptions & { readonly subresource?: Subresource },
  ): KubeObject {
    return recordManagers(definition, before, after, options, this.#clock.wall());
  }

  /** Runs the store's write; gives back what was allocated when it fails. */
  async #write(
    allocated: Allocated | undefined,
    object: KubeObject,
    options: WriteOptions,
    definition: Definition,
    startMs: number,
    write: (object: KubeObject) => Promise<KubeObject>,
  ): Promise<KubeObject> {
    if (options.dryRun) return object;
    let stored: KubeObject;
    try {
      if (allocated && this.#clock.now() - startMs > MAX_ALLOCATION_MS)
        throw timedOut(`addresses and ports were taken too long ago: ${object.metadata.name}`);
      stored = await write(object);
    } catch (error) {
      await allocated?.revert();
      throw toApiError(error, definition, object.metadata.name);
    }
    await allocated?.commit();
    return stored;
  }

  async update<T extends KubeObject>(ref: ResourceRef, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#replace(ref, object, options, undefined);
  }

  async updateStatus<T extends KubeObject>(ref: ResourceRef, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#replace(ref, object, options, 'status');
  }

  async #replace<T extends KubeObject>(
    ref: ResourceRef,
    object: T,
    options: WriteOptions,
    subresource: Subresource | undefined,
  ): Promise<T> {
    const { name, namespace = '', resourceVersion, uid } = object.metadata;
    return this.modify<T>(
      ref,
      namespace,
      name,
      (current) => {
        if (resourceVersion && resourceVersion !== '0' && resourceVersion !== current.metadata.resourceVersion)
          throw conflict(ref, name);
        if (uid && uid !== current.metadata.uid)
          throw conflict(
            ref,
            name,
            `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`,
          );
        return object;
      },
      subresource ? { ...options, subresource } : options,
    );
  }

  async modify<T extends KubeObject>(
    ref: ResourceRef,
    namespace: string,
    name: string,
    change: (current: T) => T | undefined,
    options: WriteOptions & { readonly subresource?: Subresource } = {},
  ): Promise<T> {
    const definition = this.definitions.of(ref);
    const key = keyOf(ref, namespace, name);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const current = this.cache.get<T>(key);
      if (!current) throw notFound(ref, name);
      const wanted = change(current);
      if (wanted === undefined || wanted === current) return current;
      try {
        return (await this.#updateOnce(definition, key, wanted, current, options)) as T;
      } catch (error) {
        if (!isStale(error)) throw error;
        await this.#catchUp(key, current);
      }
    }
    throw conflict(ref, name);
  }

  async #updateOnce(
    definition: Definition,
    key: ObjectKey,
    wanted: KubeObject,
    current: KubeObject,
    options: WriteOptions & { readonly subresource?: Subresource },
  ): Promise<KubeObject> {
    const { strategy } = definition;
    const context = this.#context(options);
    const next =
      options.subresource === 'status'
        ? statusUpdate(definition, wanted, current)
        : specUpdate(definition, wanted, current, options.subresource);
    checkUpdate(definition, next, current, options.subresource);
    const revision = Number(current.metadata.resourceVersion);
    if (mayFinish(definition, next)) {
      await this.#finish(definition, key, next, revision, context);
      return next;
    }
    if (jsonEqual(next, current)) return current;
    const startMs = this.#clock.now();
    let allocated: Allocated | undefined;
    if (options.subresource !== 'status') {
      strategy.admit?.(next, current, context);
      allocated = await strategy.allocate?.(next, current, context);
    }
    const object = allocated?.object ?? next;
    if (jsonEqual(object, current)) return current;
    return this.#write(
      allocated,
      this.#record(definition, current, object, options),
      options,
      definition,
      startMs,
      (o) => this.#store.update(key, o, revision),
    );
  }

  /** Removes an object whose last holder has gone; returns the revision of that, which a dry run has none of. */
  async #finish(
    definition: Definition,
    key: ObjectKey,
    object: KubeObject,
    revision: number,
    context: StrategyContext,
  ): Promise<number | undefined> {
    if (context.dryRun) return undefined;
    let removal: number;
    try {
      removal = await this.#store.delete(key, revision);
    } catch (error) {
      throw toApiError(error, definition, key.name);
    }
    await definition.strategy.release?.(object, context);
    return removal;
  }

  async delete<T extends KubeObject>(
    ref: ResourceRef,
    namespace: string,
    name: string,
    options: DeleteOptions = {},
  ): Promise<Deleted<T>> {
    const definition = this.definitions.of(ref);
    const key = keyOf(ref, namespace, name);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const current = this.cache.get<T>(key);
      if (!current) throw notFound(ref, name);
      checkPreconditions(ref, current, options);
      definition.strategy.checkDelete?.(current);
      const grace = definition.strategy.graceOnDelete?.(current, options.gracePeriodSeconds);
      const plan = planDeletion(definition, current, options, grace, this.#clock.wall());
      const revision = Number(current.metadata.resourceVersion);
      try {
        if (plan.action === 'keep') return { object: current, removed: false };
        if (plan.action === 'remove') {
          const removal = await this.#finish(definition, key, current, revision, this.#context(options));
          return { object: current, removed: true, ...(removal === undefined ? {} : { revision: removal }) };
        }
        if (options.dryRun) return { object: plan.object as T, removed: false };
        const marked = definition.strategy.generation ? bumpGeneration(plan.object) : plan.object;
        return { object: (await this.#store.update(key, marked, revision)) as T, removed: false };
      } catch (error) {
        if (!isStale(error)) throw toApiError(error, definition, name);
        await this.#catchUp(key, current);
      }
    }
    throw conflict(ref, name);
  }

  async bind(namespace: string, pod: string, node: string, options: WriteOptions = {}): Promise<void> {
    const key = keyOf(RESOURCES.pods, namespace, pod);
    const definition = this.definitions.of(RESOURCES.pods);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const current = this.cache.get<Pod>(key);
      if (!current) throw notFound(RESOURCES.pods, pod);
      const bound = boundPod(current, node, this.#clock.wall());
      if (options.dryRun) return;
      try {
        await this.#store.update(key, bound, Number(current.metadata.resourceVersion));
        return;
      } catch (error) {
        if (!isStale(error)) throw toApiError(error, definition, pod);
        await this.#catchUp(key, current);
      }
    }
    throw conflict(RESOURCES.pods, pod);
  }

  /** A write was refused because the object is newer than the cache knew: wait until the cache moves on. */
  async #catchUp(key: ObjectKey, seen: KubeObject): Promise<void> {
    if (this.cache.get(key) !== seen) return;
    await this.cache.waitFor(this.cache.revision + 1, CATCH_UP_MS).catch(() => undefined);
  }

  #context(options: WriteOptions): StrategyContext {
    return { cache: this.cache, allocations: this.allocations, dryRun: options.dryRun ?? false };
  }
}
