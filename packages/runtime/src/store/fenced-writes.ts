import { nuid } from '@nats-io/transport-node';
import {
  AlreadyExistsError,
  type Clock,
  ConflictError,
  encodeKey,
  FencedError,
  type KubeObject,
  NotFoundError,
  type ObjectKey,
  type Store,
  TimeoutError,
  UnavailableError,
  type WatchCache,
  withRevision,
} from '@svclab/core';
import type { Bus } from '../bus/bus.ts';
import { readLast, STREAM, SUBJECT_PREFIX } from './bucket.ts';
import { isNobodyThere, isTransient, JsApiError, jsPublish } from './js-api.ts';
import { RETRY_MS, SEEN_MS, serialize, TRY_MS, UNTAKEN_MS, WRITE_MS } from './limits.ts';
import type { WatchFeed } from './watch-feed.ts';

/** What fenced writes stand on. */
export interface FencedOptions {
  readonly bus: Bus;
  readonly cache: WatchCache;
  readonly feed: WatchFeed;
  readonly clock: Clock;
  /** Whether the writer may write in the state the cache shows. */
  readonly holds: () => boolean;
}

/** A write on its way: made once, tried until it is stored or refused. */
interface Write {
  readonly key: ObjectKey;
  readonly name: string;
  /** Undefined: a deletion. */
  readonly json: string | undefined;
  /** The server stores one message per id. */
  readonly id: string;
  readonly deadlineMs: number;
  readonly untakenMs: number;
  /** Throws when the state in the cache rules the write out. */
  readonly check: () => void;
  /** A try may have been stored. */
  unsure: boolean;
}

/**
 * Writes that name the one state of the store they may follow: `Nats-Expected-Last-Sequence`, the sequence of the whole stream, so
 * that the server refuses a write if anything at all was stored that this process did not know of when it judged.
 *
 * Writes follow each other without waiting: each expects its predecessor, by number and by id, as the last message. When one is refused,
 * or an answer stays away, those sent after it are refused too (the id keeps another's write of the same number from passing for the
 * predecessor); all then wait until the cache has caught up, are judged anew and sent again. One key
 * has one write under way at a time. Every foreign write (of another process, or unfenced) costs such a round.
 */
export class FencedWrites implements Store {
  readonly #options: FencedOptions;
  /** The last write of ours since the last catching up: its sequence, and its id until it is acknowledged. */
  #last: { readonly sequence: number; id: string | undefined } = { sequence: 0, id: undefined };
  /** Sends since the last catching up have this number. */
  #round = 0;
  #catchingUp: Promise<void> | undefined;
  /** Key -> its write under way, until the cache shows it. */
  readonly #busy = new Map<string, Promise<void>>();
  /** Tries under way. */
  readonly #tries = new Set<Promise<unknown>>();

  constructor(options: FencedOptions) {
    this.#options = options;
  }

  async create<T extends KubeObject>(key: ObjectKey, object: T): Promise<T> {
    const json = serialize(key, object);
    const sequence = await this.#write(key, json, () => {
      if (this.#options.cache.get(key)) throw new AlreadyExistsError(encodeKey(key));
    });
    return withRevision(JSON.parse(json) as T, sequence);
  }

  async update<T extends KubeObject>(key: ObjectKey, object: T, expected: number): Promise<T> {
    const json = serialize(key, object);
    const sequence = await this.#write(key, json, () => this.#checkRevision(key, expected));
    return withRevision(JSON.parse(json) as T, sequence);
  }

  async delete(key: ObjectKey, expected?: number): Promise<number> {
    return this.#write(key, undefined, () => this.#checkRevision(key, expected));
  }

  #checkRevision(key: ObjectKey, expected: number | undefined): void {
    const object = this.#options.cache.get(key);
    if (!object) throw new NotFoundError(encodeKey(key));
    if (expected !== undefined && Number(object.metadata.resourceVersion) !== expected)
      throw new ConflictError(encodeKey(key), expected);
  }

  /** Stores; resolves with the sequence once the cache shows it. */
  async #write(key: ObjectKey, json: string | undefined, check: () => void): Promise<number> {
    const name = encodeKey(key);
    for (let busy = this.#busy.get(name); busy; busy = this.#busy.get(name)) await busy;
    let free: () => void = () => undefined;
    this.#busy.set(name, new Promise<void>((resolve) => (free = resolve)));
    const nowMs = this.#options.clock.now();
    const times = { deadlineMs: nowMs + WRITE_MS, untakenMs: nowMs + UNTAKEN_MS };
    try {
      const sequence = await this.#repeat({ key, name, json, id: nuid.next(), check, unsure: false, ...times });
      await this.#options.cache.waitFor(sequence, SEEN_MS);
      return sequence;
    } finally {
      this.#busy.delete(name);
      free();
    }
  }

  async #repeat(write: Write): Promise<number> {
    for (;;) {
      const found = write.unsure ? await this.#find(write) : undefined;
      if (found !== undefined) return found;
      const sequence = await this.#try(write);
      if (sequence !== undefined) return sequence;
    }
  }

  /** One try. Undefined: it was refused because of its place, or not answered; try again. */
  async #try(write: Write): Promise<number | undefined> {
    const { bus, cache, feed, clock } = this.#options;
    const nats = await bus.connection();
    while (this.#catchingUp) await this.#catchingUp;
    // From here to the sending nothing awaits: what is judged is the state the write names.
    if (feed.lost) throw feed.lost;
    if (!this.#options.holds()) throw new FencedError(write.name);
    write.check();
    const previous = this.#last.sequence > cache.revision ? this.#last : { sequence: cache.revision, id: undefined };
    const round = this.#round;
    const own = { sequence: previous.sequence + 1, id: write.id as string | undefined };
    this.#last = own;
    const reply = jsPublish(nats, STREAM, SUBJECT_PREFIX + write.name, write.json ?? '', {
      after: previous.sequence,
      afterId: previous.id,
      id: write.id,
      remove: write.json === undefined,
      timeoutMs: TRY_MS,
    });
    this.#tries.add(reply);
    try {
      const { sequence, duplicate } = await reply;
      if (duplicate) this.#catchUp(round, sequence, 0);
      else own.id = undefined;
      return sequence;
    } catch (error) {
      const refused = error instanceof JsApiError && error.isConflict;
      const transient = isTransient(error);
      this.#catchUp(round, refused ? (error.lastSequence ?? 0) : 0, transient ? RETRY_MS : 0);
      if (!refused && !transient) throw error;
      if (transient) this.#giveUp(write, error, clock.now());
      return undefined;
    } finally {
      this.#tries.delete(reply);
    }
  }

  /** Notes that a try was not answered; throws when there have been enough. */
  #giveUp(write: Write, error: unknown, nowMs: number): void {
    write.unsure ||= !isNobodyThere(error);
    if (!write.unsure && nowMs > write.untakenMs)
      throw new UnavailableError(`Store takes no writes: ${write.name}`, { cause: error });
    if (nowMs > write.deadlineMs)
      throw new TimeoutError(`Store does not answer within ${WRITE_MS} ms, the outcome is unknown: ${write.name}`, {
        cause: error,
      });
  }

  /** Where a write whose tries were not answered is stored after all; undefined when it is not. */
  async #find(write: Write): Promise<number | undefined> {
    try {
      const last = await readLast(await this.#options.bus.connection(), write.name, TRY_MS);
      return last?.id === write.id ? last.sequence : undefined;
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#giveUp(write, error, this.#options.clock.now());
      await this.#pause(RETRY_MS);
      return this.#find(write);
    }
  }

  /**
   * After a failed try of this round: waits until all tries are answered and the cache has what the server has, then begins anew.
   * @param sequence where the server said the stream ends
   */
  #catchUp(round: number, sequence: number, pauseMs: number): void {
    if (round !== this.#round) return;
    this.#round += 1;
    this.#catchingUp = (async () => {
      await Promise.allSettled([...this.#tries]);
      if (pauseMs > 0) await this.#pause(pauseMs);
      await this.#options.cache.waitFor(sequence, SEEN_MS).catch(() => undefined);
      this.#last = { sequence: 0, id: undefined };
      this.#catchingUp = undefined;
    })();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }
}
