import {
  AlreadyExistsError,
  type Clock,
  ConflictError,
  encodeKey,
  FencedError,
  type FencedStore,
  type KubeObject,
  NotFoundError,
  type ObjectKey,
  STORE_OBJECT_LIMIT,
  type Store,
  TooLargeError,
  WatchCache,
  type WindowLimits,
} from '@svclab/core';
import { fakeClock } from './fake-clock.ts';

/** A store in memory with its cache. */
export interface MemoryStore {
  readonly store: FencedStore;
  /** The cache is fed before a write resolves; tests may set `fresh`. */
  readonly cache: WatchCache;
}

/**
 * A verified fake of the real store: same errors, same revisions, same events, held to it by the contract suite that runs on both.
 * Revisions start at 1; objects are copied in as JSON and come out frozen. A write takes effect in a microtask, never inside the call.
 */
export function memoryStore(options: { clock?: Clock; window?: WindowLimits } = {}): MemoryStore {
  const cache = new WatchCache({
    clock: options.clock ?? fakeClock(),
    ...(options.window ? { window: options.window } : {}),
  });
  cache.fresh = true;

  const current = (key: ObjectKey): number => Number(cache.get(key)?.metadata.resourceVersion ?? 0);
  const commit = (key: ObjectKey, object: KubeObject | undefined): number => {
    const revision = cache.revision + 1;
    cache.apply({ key, revision, object });
    return revision;
  };
  const put = <T extends KubeObject>(key: ObjectKey, json: string): T => {
    commit(key, JSON.parse(json) as T);
    return cache.get<T>(key) as T;
  };

  const storeFor = (holds: () => boolean): Store => ({
    async create<T extends KubeObject>(key: ObjectKey, object: T): Promise<T> {
      const json = serialize(key, object);
      await Promise.resolve();
      if (!holds()) throw new FencedError(encodeKey(key));
      if (current(key) > 0) throw new AlreadyExistsError(encodeKey(key));
      return put<T>(key, json);
    },
    async update<T extends KubeObject>(key: ObjectKey, object: T, expected: number): Promise<T> {
      const json = serialize(key, object);
      await Promise.resolve();
      if (!holds()) throw new FencedError(encodeKey(key));
      if (current(key) === 0) throw new NotFoundError(encodeKey(key));
      if (current(key) !== expected) throw new ConflictError(encodeKey(key), expected);
      return put<T>(key, json);
    },
    async delete(key: ObjectKey, expected?: number): Promise<number> {
      await Promise.resolve();
      if (!holds()) throw new FencedError(encodeKey(key));
      if (current(key) === 0) throw new NotFoundError(encodeKey(key));
      if (expected !== undefined && current(key) !== expected) throw new ConflictError(encodeKey(key), expected);
      return commit(key, undefined);
    },
  });
  return { store: { ...storeFor(() => true), fenced: storeFor }, cache };
}

function serialize(key: ObjectKey, object: KubeObject): string {
  const json = JSON.stringify(object);
  const bytes = Buffer.byteLength(json);
  if (bytes > STORE_OBJECT_LIMIT) throw new TooLargeError(encodeKey(key), bytes, STORE_OBJECT_LIMIT);
  return json;
}
