import { nuid } from '@nats-io/transport-node';
import {
  AlreadyExistsError,
  type Clock,
  ConflictError,
  encodeKey,
  type FencedStore,
  type KubeObject,
  NotFoundError,
  type ObjectKey,
  type Store,
  StoreLostError,
  TimeoutError,
  UnavailableError,
  type WatchCache,
  withRevision,
} from '@svclab/core';
import type { Bus } from '../bus/bus.ts';
import { readLast, readStream, STREAM, SUBJECT_PREFIX } from './bucket.ts';
import { FencedWrites } from './fenced-writes.ts';
import { isNobodyThere, isTransient, JsApiError, jsPublish, PendingError } from './js-api.ts';
import { RETRY_MS, SEEN_MS, serialize, TRY_MS, UNTAKEN_MS, WRITE_MS } from './limits.ts';
import type { WatchFeed } from './watch-feed.ts';

/** What came of a write: stored at `sequence`, or refused because the key was last written at `found`. */
type Outcome = { readonly sequence: number } | { readonly found: number };

/**
 * Compare-and-set writes to the bucket. A try without an answer is repeated with the same message id, which the server stores once;
 * a refusal after such a try is checked against the key's last message before anything is said about it.
 */
export class NatsStore implements FencedStore {
  readonly #bus: Bus;
  readonly #cache: WatchCache;
  readonly #feed: WatchFeed;
  readonly #clock: Clock;

  constructor(options: { bus: Bus; cache: WatchCache; feed: WatchFeed; clock: Clock }) {
    this.#bus = options.bus;
    this.#cache = options.cache;
    this.#feed = options.feed;
    this.#clock = options.clock;
  }

  fenced(holds: () => boolean): Store {
    return new FencedWrites({
      bus: this.#bus,
      cache: this.#cache,
      feed: this.#feed,
      clock: this.#clock,
      holds,
    });
  }

  async create<T extends KubeObject>(key: ObjectKey, object: T): Promise<T> {
    const json = serialize(key, object);
    let expected = 0;
    for (;;) {
      const outcome = await this.#write(key, json, expected);
      if ('sequence' in outcome) return this.#seen<T>(json, outcome.sequence);
      await this.#cache.waitFor(outcome.found, SEEN_MS);
      if (this.#cache.get(key)) throw new AlreadyExistsError(encodeKey(key));
      // What is there is a deletion marker: the object is written over it.
      expected = outcome.found;
    }
  }

  async update<T extends KubeObject>(key: ObjectKey, object: T, expected: number): Promise<T> {
    const json = serialize(key, object);
    this.#checkCached(key, expected);
    const outcome = await this.#write(key, json, expected);
    if ('sequence' in outcome) return this.#seen<T>(json, outcome.sequence);
    throw await this.#refusal(key, expected, outcome.found);
  }

  async delete(key: ObjectKey, expected?: number): Promise<number> {
    for (;;) {
      const current = expected ?? this.#revisionOf(key);
      if (current === undefined) throw new NotFoundError(encodeKey(key));
      this.#checkCached(key, current);
      const outcome = await this.#write(key, undefined, current);
      if ('sequence' in outcome) {
        await this.#cache.waitFor(outcome.sequence, SEEN_MS);
        return outcome.sequence;
      }
      const refusal = await this.#refusal(key, current, outcome.found);
      if (expected !== undefined || !(refusal instanceof ConflictError)) throw refusal;
    }
  }

  #revisionOf(key: ObjectKey): number | undefined {
    const object = this.#cache.get(key);
    return object && Number(object.metadata.resourceVersion);
  }

  /** Refuses what the cache already knows to be impossible; also keeps a write from reviving a deleted key through its marker's revision. */
  #checkCached(key: ObjectKey, expected: number): void {
    const current = this.#revisionOf(key);
    if (current === undefined && this.#cache.revision >= expected) throw new NotFoundError(encodeKey(key));
    if (current !== undefined && current > expected) throw new ConflictError(encodeKey(key), expected);
  }

  async #refusal(key: ObjectKey, expected: number, found: number): Promise<Error> {
    await this.#cache.waitFor(found, SEEN_MS);
    return this.#cache.get(key) ? new ConflictError(encodeKey(key), expected) : new NotFoundError(encodeKey(key));
  }

  async #seen<T extends KubeObject>(json: string, sequence: number): Promise<T> {
    await this.#cache.waitFor(sequence, SEEN_MS);
    return withRevision(JSON.parse(json) as T, sequence);
  }

  async #write(key: ObjectKey, json: string | undefined, expected: number): Promise<Outcome> {
    const name = encodeKey(key);
    const id = nuid.next();
    const startMs = this.#clock.now();
    let unsure = false;
    for (;;) {
      if (this.#feed.lost) throw this.#feed.lost;
      try {
        return await this.#try(name, json, expected, id, unsure);
      } catch (error) {
        if (!isTransient(error)) throw error;
        unsure ||= !isNobodyThere(error);
        const nextMs = this.#clock.now() + RETRY_MS - startMs;
        if (!unsure && nextMs > UNTAKEN_MS)
          throw new UnavailableError(`Store takes no writes: ${name}`, { cause: error });
        if (nextMs > WRITE_MS)
          throw new TimeoutError(`Store does not answer within ${WRITE_MS} ms, the outcome is unknown: ${name}`, {
            cause: error,
          });
      }
      await new Promise<void>((resolve) => void this.#clock.after(RETRY_MS, resolve));
    }
  }

  async #try(name: string, json: string | undefined, expected: number, id: string, unsure: boolean): Promise<Outcome> {
    const nats = await this.#bus.connection();
    const before = this.#cache.revision;
    try {
      const ack = await jsPublish(nats, STREAM, SUBJECT_PREFIX + name, json ?? '', {
        expected,
        id,
        remove: json === undefined,
        timeoutMs: TRY_MS,
      });
      if (!ack.duplicate && ack.sequence <= before)
        throw new StoreLostError(`Store has lost revisions: it wrote ${ack.sequence}, this copy is at ${before}`);
      return { sequence: ack.sequence };
    } catch (error) {
      if (error instanceof PendingError) return this.#resolve(await readLast(nats, name, TRY_MS), id, expected, error);
      if (!(error instanceof JsApiError) || !error.isConflict) throw error;
      await this.#checkEpoch();
      const last = error.lastSequence === undefined || unsure ? await readLast(nats, name, TRY_MS) : undefined;
      if (last?.id === id) return { sequence: last.sequence };
      return { found: last?.sequence ?? error.lastSequence ?? 0 };
    }
  }

  /** What became of an earlier try, from the key's last message; fails with `pending` while that says nothing. */
  #resolve(last: Awaited<ReturnType<typeof readLast>>, id: string, expected: number, pending: PendingError): Outcome {
    if (last?.id === id) return { sequence: last.sequence };
    if ((last?.sequence ?? 0) === expected) throw pending;
    // Written by another since: what was sent expects what is gone.
    return { found: last?.sequence ?? 0 };
  }

  /** A refusal by another store says nothing about this one. */
  async #checkEpoch(): Promise<void> {
    const info = await readStream(await this.#bus.connection(), TRY_MS);
    if (info?.created !== this.#feed.epoch)
      throw new StoreLostError(`Store was made anew: expected the one made at ${this.#feed.epoch}`);
  }
}
