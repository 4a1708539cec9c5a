import {
  type Cache,
  type Clock,
  type FencedStore,
  type ResourceRef,
  type StoreLostError,
  WatchCache,
  type WindowLimits,
} from '@svclab/core';
import type { Bus } from '../bus/bus.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { storeMetrics } from '../metrics/store-metrics.ts';
import type { Logger } from '../process/log.ts';
import { MarkerSweeper } from './marker-sweeper.ts';
import { NatsStore } from './nats-store.ts';
import { type FeedOptions, WatchFeed } from './watch-feed.ts';

/** A cache that follows the store over the bus. */
export interface ClosableCache extends Cache {
  /** Why the store cannot be used any more (wiped, made anew, revisions lost); undefined while it can. */
  readonly lost: StoreLostError | undefined;
  /** Calls `listener` whenever `fresh` changes. Returns the function that ends it. */
  onFreshness(listener: (fresh: boolean) => void): () => void;
  /** Ends the watch; what the cache holds stays. */
  close(): Promise<void>;
}

/** What every process gives that follows the store. */
export interface CacheOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly window?: WindowLimits;
  /**
   * File that remembers which store this host belongs to. With it a process that is restarted after the store was wiped does not
   * take the new, empty store for its cluster: opening rejects with {@link StoreLostError}.
   */
  readonly epochFile?: string;
  /** Told once when the store turns out not to be the one known. It is logged as `store-lost` in any case. */
  readonly onLost?: (error: StoreLostError) => void;
  /** Where the state of the copy is told. */
  readonly metrics?: Metrics;
}

/**
 * The controller's store. Makes the bucket when there is none (and `epochFile` knows of none), resolves when the cache is complete.
 * Writes fail with {@link StoreLostError} while the store is not the one known.
 */
export async function openStore(
  bus: Bus,
  options: CacheOptions & {
    /** Servers that keep the bucket when it is made here (default 1): an odd number survives the loss of its smaller half. */
    readonly replicas?: number;
  },
): Promise<{ store: FencedStore; cache: ClosableCache }> {
  const sweeper = new MarkerSweeper({ bus, clock: options.clock, log: options.log });
  const cache = new FedCache(bus, options, {
    create: { replicas: options.replicas ?? 1 },
    wants: () => true,
    onMarker: (key, sequence) => sweeper.note(key, sequence),
  });
  cache.onClose(() => sweeper.close());
  await cache.synced();
  return { store: new NatsStore({ bus, cache, feed: cache.feed, clock: options.clock }), cache };
}

/**
 * A reader's copy of the given resources; resolves when it is complete, however long the store takes to exist.
 * It follows the revisions of the whole store, so `revision` also moves on changes of other resources.
 */
export async function openCache(
  bus: Bus,
  options: CacheOptions & { readonly resources: readonly ResourceRef[] },
): Promise<ClosableCache> {
  const wanted = new Set(options.resources.map((ref) => `${ref.group}/${ref.resource}`));
  const cache = new FedCache(bus, options, {
    create: undefined,
    wants: (ref) => wanted.has(`${ref.group}/${ref.resource}`),
  });
  await cache.synced();
  return cache;
}

/** A watch cache with its feed. */
class FedCache extends WatchCache implements ClosableCache {
  readonly feed: WatchFeed;
  readonly #listeners = new Set<(fresh: boolean) => void>();
  readonly #closers: (() => void)[] = [];

  constructor(bus: Bus, options: CacheOptions, feed: Pick<FeedOptions, 'create' | 'wants' | 'onMarker'>) {
    super({
      clock: options.clock,
      ...(options.window ? { window: options.window } : {}),
      onListenerError: (err) => options.log.error({ event: 'listener-failed', err }),
    });
    this.feed = new WatchFeed({
      ...feed,
      bus,
      cache: this,
      log: options.log,
      clock: options.clock,
      ...(options.epochFile ? { epochFile: options.epochFile } : {}),
      onFreshness: (fresh) => {
        for (const listener of [...this.#listeners]) listener(fresh);
      },
      onLost: (error) => options.onLost?.(error),
    });
    if (options.metrics) storeMetrics(options.metrics, this, options.clock);
  }

  /** When the store was last heard, by the clock's monotonic time; undefined before the first word. */
  get heardMs(): number | undefined {
    return this.feed.heardMs;
  }

  get lost(): StoreLostError | undefined {
    return this.feed.lost;
  }

  onFreshness(listener: (fresh: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onClose(fn: () => void): void {
    this.#closers.push(fn);
  }

  /** Resolves at the first complete copy; closes itself when that fails. */
  async synced(): Promise<void> {
    try {
      await this.feed.synced;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const fn of this.#closers) fn();
    await this.feed.close();
  }
}
