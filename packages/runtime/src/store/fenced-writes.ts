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
import { isNobodyThere, isTransient, JsApiError, jsPublish, PendingError } from './js-api.ts';
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
  /** Ids of its tries, the last one's last: the server stores one message per id. */
  readonly ids: string[];
  readonly startMs: number;
  /** Throws when the state in the cache rules the write out. */
  readonly check: () => void;
  /** A try may have been stored. */
  unsure: boolean;
}

/**
 * Writes that name the one state of the store they may follow: `Nats-Expected-Last-Sequence`, the sequence of the whole stream, so
 * that the server refuses a write if anything at all was stored that this process did not know of when it judged. The cache then
 * catches up, and the write is judged anew.
 *
 * One is sent at a time: were a second sent behind an unanswered first, another's write in the place of the first would let it pass.
 * (`Nats-Expected-Last-Msg-Id` could tell the two apart, but before nats-server 2.11 each replica checks it against what it remembers
 * itself; one that was restarted remembers otherwise, and its copy of the stream parts from the others'.) A foreign write costs a round.
 */
export class FencedWrites implements Store {
  readonly #options: FencedOptions;
  /** Sequence of the last write of ours. Up to it, all that the cache does not show is ours. */
  #last = 0;
  /** The last try: the next one waits for its end. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Key -> its write under way, until the cache shows it. */
  readonly #busy = new Map<string, Promise<void>>();

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
    const startMs = this.#options.clock.now();
    try {
      const sequence = await this.#repeat({ key, name, json, ids: [nuid.next()], startMs, check, unsure: false });
      await this.#options.cache.waitFor(sequence, SEEN_MS);
      return sequence;
    } finally {
      this.#busy.delete(name);
      free();
    }
  }

  async #repeat(write: Write): Promise<number> {
    for (;;) {
      const turn = this.#turn.then(() => this.#try(write));
      this.#turn = turn.catch(() => undefined);
      const sequence = await turn;
      if (sequence !== undefined) return sequence;
    }
  }

  /** One try. Undefined: it was refused because of its place, or not answered; try again. */
  async #try(write: Write): Promise<number | undefined> {
    const { cache } = this.#options;
    try {
      const sequence = (write.unsure ? await this.#find(write) : undefined) ?? (await this.#send(write));
      this.#last = sequence;
      return sequence;
    } catch (error) {
      if (error instanceof JsApiError && error.isConflict) {
        // Behind what the server has: the next look is at a state that has it.
        await cache.waitFor(error.lastSequence ?? 0, SEEN_MS).catch(() => undefined);
        this.#last = 0;
        // A server may have noted the id of what it refused.
        write.ids.push(nuid.next());
      } else if (isTransient(error)) {
        write.unsure ||= !isNobodyThere(error);
        // An id of which nothing can be learned is given up: its message, should it be stored late, is found, and no other is stored then.
        if (error instanceof PendingError) write.ids.push(nuid.next());
        await new Promise<void>((resolve) => void this.#options.clock.after(RETRY_MS, resolve));
      } else throw error;
      this.#giveUp(write, error);
      return undefined;
    }
  }

  async #send(write: Write): Promise<number> {
    const { bus, cache, feed } = this.#options;
    const nats = await bus.connection();
    // From here to the sending nothing awaits: what is judged is the state the write names.
    if (feed.lost) throw feed.lost;
    if (!this.#options.holds()) throw new FencedError(write.name);
    write.check();
    const { sequence } = await jsPublish(nats, STREAM, SUBJECT_PREFIX + write.name, write.json ?? '', {
      after: Math.max(this.#last, cache.revision),
      id: write.ids.at(-1) ?? '',
      remove: write.json === undefined,
      timeoutMs: TRY_MS,
    });
    return sequence;
  }

  /** Where a write whose tries were not answered is stored after all; undefined when it is not. */
  async #find(write: Write): Promise<number | undefined> {
    const last = await readLast(await this.#options.bus.connection(), write.name, TRY_MS);
    return last?.id !== undefined && write.ids.includes(last.id) ? last.sequence : undefined;
  }

  /** Throws when a write has been tried for long enough. */
  #giveUp(write: Write, cause: unknown): void {
    const spentMs = this.#options.clock.now() - write.startMs;
    if (!write.unsure && spentMs > UNTAKEN_MS && isTransient(cause))
      throw new UnavailableError(`Store takes no writes: ${write.name}`, { cause });
    if (spentMs > WRITE_MS)
      throw new TimeoutError(`Store does not answer within ${WRITE_MS} ms, the outcome is unknown: ${write.name}`, {
        cause,
      });
  }
}
