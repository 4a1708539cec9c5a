/** What the API itself owes its objects: namespaces are emptied before they go, Events go when they are old. */
import { type Clock, hasReason, type KubeEvent, type KubeObject, type Namespace, RESOURCES } from '@svclab/core';
import type { Registry } from './registry.ts';

/** Time between looks for old Events, milliseconds. */
const SWEEP_MS = 60_000;

/** What {@link startHousekeeping} needs. */
export interface HousekeepingOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  /** How long Events are kept, milliseconds (knob `events.ttl`). */
  readonly eventTtlMs: number;
  /** Told about a step that failed; it is tried again at the next change. */
  readonly onError: (error: unknown) => void;
}

/** Starts the housekeeping; returns the function that ends it. */
export function startHousekeeping(options: HousekeepingOptions): () => void {
  const { registry, clock, eventTtlMs, onError } = options;
  const busy = new Set<string>();
  const empty = (name: string): void => {
    if (busy.has(name)) return;
    busy.add(name);
    emptyNamespace(registry, name)
      .catch(onError)
      .finally(() => busy.delete(name));
  };
  const terminating = (): void => {
    for (const ns of registry.list<Namespace>(RESOURCES.namespaces))
      if (ns.metadata.deletionTimestamp) empty(ns.metadata.name);
  };
  const unsubscribe = registry.cache.subscribe(({ key, object }) => {
    if (key.resource === 'namespaces' && object.metadata.deletionTimestamp) empty(key.name);
  });
  // Objects that linger (pods with grace, finalizers) end at their own pace: look again until the namespace is empty.
  const retry = clock.every(1000, terminating);
  const sweep = clock.every(SWEEP_MS, () => void expireEvents(registry, clock.wall() - eventTtlMs).catch(onError));
  terminating();
  return () => {
    unsubscribe();
    retry();
    sweep();
  };
}

/** Deletes what a terminating namespace holds, and the namespace once it holds nothing. Source: kubernetes `pkg/controller/namespace/deletion`. */
export async function emptyNamespace(registry: Registry, name: string): Promise<void> {
  let left = 0;
  for (const definition of registry.definitions.all) {
    if (!definition.namespaced || definition.view) continue;
    for (const object of registry.list(definition, name)) {
      const done = object.metadata.deletionTimestamp ? false : await remove(registry, definition, object);
      if (!done) left += 1;
    }
  }
  if (left > 0) return;
  const finalized = registry.modify<Namespace>(
    RESOURCES.namespaces,
    '',
    name,
    (ns) =>
      ns.metadata.deletionTimestamp
        ? { ...ns, spec: { finalizers: (ns.spec?.finalizers ?? []).filter((f) => f !== 'kubernetes') } }
        : undefined,
    { subresource: 'finalize', actor: 'namespace-controller' },
  );
  await ignoreMissing(finalized);
}

async function remove(
  registry: Registry,
  ref: { group: string; resource: string },
  object: KubeObject,
): Promise<boolean> {
  const { namespace = '', name } = object.metadata;
  const result = await ignoreMissing(
    registry.delete(ref, namespace, name, { propagationPolicy: 'Background', actor: 'namespace-controller' }),
  );
  return result?.removed ?? true;
}

/** Removes Events that happened last before `beforeMs`. */
export async function expireEvents(registry: Registry, beforeMs: number): Promise<void> {
  for (const event of registry.list<KubeEvent>(RESOURCES.events)) {
    const last = event.lastTimestamp || event.eventTime || event.metadata.creationTimestamp;
    if (!last || Date.parse(last) >= beforeMs) continue;
    const { namespace = '', name } = event.metadata;
    await ignoreMissing(registry.delete(RESOURCES.events, namespace, name, { actor: 'event-expiry' }));
  }
}

async function ignoreMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
