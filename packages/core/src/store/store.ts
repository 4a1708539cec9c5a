/**
 * The store as its users see it: a compare-and-set key space with one revision counter, and a cache that a watch keeps fresh.
 * Rules: `revision` = JetStream stream sequence = resourceVersion; writes wait until the local cache has seen them
 * (read your writes, as kine does); a reader never lists the store itself.
 */
import type { KubeObject } from '../api/meta.ts';
import type { ObjectKey, ResourceRef } from './key.ts';

/** Bytes of JSON an object may have: NATS takes 1 MiB messages, less room for headers. */
export const STORE_OBJECT_LIMIT = 900 * 1024;

/** One change. `object` carries `metadata.resourceVersion` = `revision`; for DELETED it is the last state with the deletion's revision. */
export interface StoreEvent<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly key: ObjectKey;
  readonly object: T;
  /** State before the change, when the cache knew one. */
  readonly previous?: T;
  readonly revision: number;
}

/** Writes. Each resolves after this process's cache contains the write. */
export interface Store {
  /** Fails with {@link AlreadyExistsError}. Returns the object with its resourceVersion. */
  create<T extends KubeObject>(key: ObjectKey, object: T): Promise<T>;
  /** Replaces the object if its revision is still `expected`. Fails with {@link ConflictError} or {@link NotFoundError}. */
  update<T extends KubeObject>(key: ObjectKey, object: T, expected: number): Promise<T>;
  /** Removes the object if its revision is still `expected` (any, when undefined). Returns the deletion's revision. */
  delete(key: ObjectKey, expected?: number): Promise<number>;
}

/** A store that refuses the writes of one who has lost the right to write. */
export interface FencedStore extends Store {
  /**
   * A view whose writes happen only while `holds()`. Each write is placed right behind a state of the whole store that this process's
   * cache shows, and `holds()` is asked of that state, at the last instant before the write is sent. The store refuses a write that
   * anything it follows was not known for; the cache then catches up, and `holds()` and the write's own condition are looked at anew.
   * So, with a `holds` that reads a key (a lease, say): in the order of the store's revisions, no write follows a change of that key by
   * which `holds` would have been false, however long the process, a connection or a server stood still in between.
   * Fails with {@link FencedError} when `holds()` is false; nothing is written then.
   */
  fenced(holds: () => boolean): Store;
}

/** What changed in a cache. Called synchronously, in revision order. */
export type StoreListener = (event: StoreEvent) => void;

/** The fresh, complete copy of the watched resources in this process. */
export interface Cache {
  /** Highest revision this cache has applied. */
  readonly revision: number;
  /** False while the store is out of reach or the cache is still listing; what it holds is then the last known state. */
  readonly fresh: boolean;
  get<T extends KubeObject>(key: ObjectKey): T | undefined;
  /** All objects of a resource, in one namespace if given, sorted by namespace, then name. */
  list<T extends KubeObject>(ref: ResourceRef, namespace?: string): readonly T[];
  /** Calls `listener` for every change from now on. Returns the function that ends it. */
  subscribe(listener: StoreListener): () => void;
  /**
   * The changes of a resource after `revision`, oldest first.
   * Fails with {@link ExpiredError} when `revision` is older than the window kept here (HTTP 410).
   */
  since(ref: ResourceRef, revision: number): readonly StoreEvent[];
  /** Resolves when `revision` has been applied here; rejects with {@link TimeoutError} after `timeoutMs`. */
  waitFor(revision: number, timeoutMs: number): Promise<void>;
}

/** Base of the store's errors; `code` is stable. */
export class StoreError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}
/** The key is taken. */
export class AlreadyExistsError extends StoreError {
  constructor(key: string) {
    super('ALREADY_EXISTS', `Object already exists: ${key}`);
  }
}
/** No such key. */
export class NotFoundError extends StoreError {
  constructor(key: string) {
    super('NOT_FOUND', `Object not found: ${key}`);
  }
}
/** The object changed since it was read. */
export class ConflictError extends StoreError {
  constructor(key: string, expected: number) {
    super('CONFLICT', `Object has changed since revision ${expected}: ${key}`);
  }
}
/** The revision is older than the window of changes kept in memory, or of another store. */
export class ExpiredError extends StoreError {
  constructor(revision: number, floor: number) {
    super('EXPIRED', `Revision ${revision} is too old: the oldest kept is ${floor}`);
  }
}
/** The store did not answer in time; a write's outcome is then unknown. */
export class TimeoutError extends StoreError {
  constructor(message: string, options?: ErrorOptions) {
    super('TIMEOUT', message, options);
  }
}
/** No server takes writes now; nothing was written. */
export class UnavailableError extends StoreError {
  constructor(message: string, options?: ErrorOptions) {
    super('UNAVAILABLE', message, options);
  }
}
/** The writer has lost the right to write; nothing was written. */
export class FencedError extends StoreError {
  constructor(key: string) {
    super('FENCED', `Writer does not lead any longer: ${key}`);
  }
}
/** The object is larger than the store takes. */
export class TooLargeError extends StoreError {
  constructor(key: string, bytes: number, limit: number) {
    super('TOO_LARGE', `Object has ${bytes} bytes, the limit is ${limit}: ${key}`);
  }
}
/** The store is not the one this process has known: it was wiped, made anew, or has lost revisions. What the cache holds stays; nothing is written. */
export class StoreLostError extends StoreError {
  constructor(message: string) {
    super('STORE_LOST', message);
  }
}
