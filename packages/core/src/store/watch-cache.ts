import type { KubeObject } from '../api/meta.ts';
import type { Clock } from '../clock.ts';
import { DEFAULT_WINDOW, EventWindow, type WindowLimits } from './event-window.ts';
import { encodeKey, type ObjectKey, type ResourceRef } from './key.ts';
import { SortedTable } from './sorted-table.ts';
import { type Cache, ExpiredError, type StoreEvent, type StoreListener, TimeoutError } from './store.ts';

/** What a {@link WatchCache} needs. */
export interface WatchCacheOptions {
  readonly clock: Clock;
  readonly window?: WindowLimits;
  /** Told about a subscriber that threw; the others still get the event. Without it the error goes to the caller of `apply`. */
  readonly onListenerError?: (error: unknown) => void;
}

/** A change as the store tells it. `object` is undefined for a deletion, whose marker carries no body. */
export interface Change {
  readonly key: ObjectKey;
  readonly revision: number;
  readonly object: KubeObject | undefined;
}

interface Waiter {
  readonly revision: number;
  readonly done: () => void;
}

/**
 * The copy of the store in one process, and the window of changes its watchers resume from.
 * The feeding side calls `apply` and `advance` in revision order; a change at or below the present revision is ignored,
 * so delivering twice is harmless. Objects are frozen.
 */
export class WatchCache implements Cache {
  readonly #clock: Clock;
  readonly #limits: WindowLimits;
  readonly #onListenerError: ((error: unknown) => void) | undefined;
  readonly #tables = new Map<string, SortedTable>();
  readonly #windows = new Map<string, EventWindow>();
  readonly #listeners = new Set<StoreListener>();
  #waiters: Waiter[] = [];
  #revision = 0;
  #floor = 0;
  #fresh = false;

  constructor(options: WatchCacheOptions) {
    this.#clock = options.clock;
    this.#limits = options.window ?? DEFAULT_WINDOW;
    this.#onListenerError = options.onListenerError;
  }

  get revision(): number {
    return this.#revision;
  }

  get fresh(): boolean {
    return this.#fresh;
  }

  set fresh(value: boolean) {
    this.#fresh = value;
  }

  get<T extends KubeObject>(key: ObjectKey): T | undefined {
    return this.#tables.get(tableName(key))?.get(key.namespace, key.name) as T | undefined;
  }

  list<T extends KubeObject>(ref: ResourceRef, namespace?: string): readonly T[] {
    return (this.#tables.get(tableName(ref))?.list(namespace) ?? []) as unknown as readonly T[];
  }

  subscribe(listener: StoreListener): () => void {
    const own: StoreListener = (event) => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  since(ref: ResourceRef, revision: number): readonly StoreEvent[] {
    const window = this.#windows.get(tableName(ref));
    const floor = Math.max(window?.floor ?? 0, this.#floor);
    if (revision < floor) throw new ExpiredError(revision, floor);
    return window?.after(revision) ?? [];
  }

  waitFor(revision: number, timeoutMs: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(timeoutMs, () => {
        this.#waiters = this.#waiters.filter((w) => w !== waiter);
        reject(
          new TimeoutError(
            `Revision ${revision} has not arrived in ${timeoutMs} ms: the cache is at ${this.#revision}`,
          ),
        );
      });
      const waiter: Waiter = {
        revision,
        done: () => {
          cancel();
          resolve();
        },
      };
      this.#waiters.push(waiter);
    });
  }

  /** Takes in one change and tells the subscribers. */
  apply(change: Change): void {
    if (change.revision <= this.#revision) return;
    const event = change.object === undefined ? this.#remove(change) : this.#put(change, change.object);
    this.#revision = change.revision;
    try {
      if (event) this.#dispatch(event);
    } finally {
      this.#wake();
    }
  }

  /** Notes that nothing of interest happened up to `revision`. */
  advance(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    this.#wake();
  }

  /**
   * Ends a list that was taken after changes may have been missed: what the cache holds and `present` (encoded keys) does not is
   * gone, as of `revision`. The window starts anew there, so who asks for older changes must list as well.
   */
  retain(present: ReadonlySet<string>, revision: number): void {
    const gone = [...this.#tables].flatMap(([name, table]) => {
      const slash = name.lastIndexOf('/');
      const ref = { group: name.slice(0, slash), resource: name.slice(slash + 1) };
      return table.keys().map((at) => ({ ...ref, ...at }));
    });
    const at = Math.max(revision, this.#revision);
    for (const key of gone) {
      if (present.has(encodeKey(key))) continue;
      const event = this.#remove({ key, revision: at, object: undefined });
      if (event) this.#dispatch(event);
    }
    this.advance(at);
    this.#floor = at;
    for (const window of this.#windows.values()) window.reset(at);
  }

  #put(change: Change, object: KubeObject): StoreEvent {
    const { key, revision } = change;
    const stored = withRevision(object, revision);
    const previous = this.#table(key).set(key.namespace, key.name, stored);
    return previous === undefined
      ? { type: 'ADDED', key, object: stored, revision }
      : { type: 'MODIFIED', key, object: stored, previous, revision };
  }

  #remove({ key, revision }: Change): StoreEvent | undefined {
    const previous = this.#table(key).remove(key.namespace, key.name);
    if (previous === undefined) return undefined;
    return { type: 'DELETED', key, object: withRevision(previous, revision), previous, revision };
  }

  #table(ref: ResourceRef): SortedTable {
    const name = tableName(ref);
    let table = this.#tables.get(name);
    if (!table) {
      table = new SortedTable();
      this.#tables.set(name, table);
    }
    return table;
  }

  #dispatch(event: StoreEvent): void {
    const name = tableName(event.key);
    let window = this.#windows.get(name);
    if (!window) {
      window = new EventWindow(this.#limits, this.#floor);
      this.#windows.set(name, window);
    }
    window.push(event, this.#clock.now());
    const failures: unknown[] = [];
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        if (this.#onListenerError) this.#onListenerError(error);
        else failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const ready = this.#waiters.filter((w) => w.revision <= this.#revision);
    if (ready.length === 0) return;
    this.#waiters = this.#waiters.filter((w) => w.revision > this.#revision);
    for (const waiter of ready) waiter.done();
  }
}

function tableName(ref: ResourceRef): string {
  return `${ref.group}/${ref.resource}`;
}

/** A frozen copy of the object whose `metadata.resourceVersion` is `revision`. Parts that are frozen already are shared. */
export function withRevision<T extends KubeObject>(object: T, revision: number): T {
  return deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } });
}

/** Freezes a JSON value and all it holds; stops at what is frozen already. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}
