import {
  AlreadyExistsError,
  type Cache,
  ConflictError,
  type KubeObject,
  NotFoundError,
  type ObjectKey,
  RESOURCES,
  type Store,
} from '@svclab/core';

/** Whom a value is held for. */
export interface AllocationOwner {
  /** Kind, as in `Service`. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** The owner's uid; a later owner of the same name does not inherit. */
  readonly uid: string;
}

/** A held value as it is stored. Its name is `<pool>.<value>`: `cluster-ip.10.96.0.10`, `node-port.30080`, `vip.172.30.0.200`. */
export interface Allocation extends KubeObject {
  readonly spec: { readonly pool: string; readonly value: string; readonly owner: AllocationOwner };
}

/** Addresses and ports in use: each is a key of its own, created or refused, so that no value has two owners. */
export interface Allocations {
  /** Who holds a value. */
  holder(pool: string, value: string): AllocationOwner | undefined;
  /** All values of a pool with their holders. */
  list(pool: string): readonly Allocation[];
  /** Takes a value. False when somebody holds it already (the same owner included). */
  claim(pool: string, value: string, owner: AllocationOwner): Promise<boolean>;
  /** Gives a value back, if `uid` holds it (anybody, when undefined). False when there was nothing to give back. */
  release(pool: string, value: string, uid?: string): Promise<boolean>;
}

/** Names of the pools the API itself allocates from. */
export const POOLS = { clusterIP: 'cluster-ip', nodePort: 'node-port' } as const;

/** {@link Allocations} on the store. */
export function storeAllocations(store: Store, cache: Cache): Allocations {
  const keyFor = (pool: string, value: string): ObjectKey => ({
    ...RESOURCES.allocations,
    namespace: '',
    name: `${pool}.${value}`,
  });
  const get = (pool: string, value: string): Allocation | undefined => cache.get<Allocation>(keyFor(pool, value));
  return {
    holder: (pool, value) => get(pool, value)?.spec.owner,
    list: (pool) => cache.list<Allocation>(RESOURCES.allocations).filter((a) => a.spec.pool === pool),
    async claim(pool, value, owner) {
      if (get(pool, value)) return false;
      const key = keyFor(pool, value);
      const object: Allocation = {
        apiVersion: 'svclab.dev/v1',
        kind: 'Allocation',
        metadata: { name: key.name },
        spec: { pool, value, owner },
      };
      try {
        await store.create(key, object);
        return true;
      } catch (error) {
        if (error instanceof AlreadyExistsError) return false;
        throw error;
      }
    },
    async release(pool, value, uid) {
      const held = get(pool, value);
      if (!held || (uid !== undefined && held.spec.owner.uid !== uid)) return false;
      try {
        await store.delete(keyFor(pool, value), Number(held.metadata.resourceVersion));
        return true;
      } catch (error) {
        if (error instanceof NotFoundError || error instanceof ConflictError) return false;
        throw error;
      }
    },
  };
}
