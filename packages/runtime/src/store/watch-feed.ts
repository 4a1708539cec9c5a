import {
  type Clock,
  decodeKey,
  type KubeObject,
  type ResourceRef,
  StoreLostError,
  type WatchCache,
} from '@svclab/core';
import type { Bus } from '../bus/bus.ts';
import type { Logger } from '../process/log.ts';
import { createStream, readStream, type StreamInfo } from './bucket.ts';
import { recallEpoch, rememberEpoch } from './epoch-file.ts';
import { PollSession } from './poll-session.ts';
import { type StoredMessage, WatchSession } from './watch-session.ts';

/** What a feed needs. */
export interface FeedOptions {
  readonly bus: Bus;
  readonly cache: WatchCache;
  readonly log: Logger;
  readonly clock: Clock;
  /** Whether objects of a resource are kept in the cache. */
  readonly wants: (ref: ResourceRef) => boolean;
  /** Make the stream, on so many servers, when there is none and none has been known; undefined: wait for it. */
  readonly create: { readonly replicas: number } | undefined;
  /** File that remembers which store this host belongs to, over restarts of the process. */
  readonly epochFile?: string;
  readonly onFreshness: (fresh: boolean) => void;
  readonly onLost: (error: StoreLostError) => void;
  /** Told of every message: the sequence of a deletion marker, undefined for a value. */
  readonly onMarker?: (key: string, sequence: number | undefined) => void;
}

/** Pause before another try, milliseconds. */
const RETRY_MS = 100;
const REQUEST_MS = 1000;
const DOUBTS = 10;
/** Out of touch for longer, a cache lists anew: deletion markers may have been dropped meanwhile (they are kept for ten minutes). */
export const RESUME_LIMIT_MS = 300_000;

/**
 * Keeps a cache fresh, whatever happens to the server, the connection or the consumer. Each session goes on where the last one got to.
 * Before each it checks that the stream is the one known: a store that was wiped, made anew or has lost revisions is never read;
 * the cache then keeps what it holds and says that it is not fresh.
 * A store on several servers is also read while they have no leader and so no consumer can be made: by polling any of them
 * ({@link PollSession}). Only a store that was checked before is; one server's new, empty disk is not the store there.
 */
export class WatchFeed {
  readonly #options: FeedOptions;
  readonly #offState: () => void;
  /** Resolves at the first complete copy; rejects with {@link StoreLostError} when the store is not the one in the epoch file. */
  readonly synced: Promise<void>;
  #resolveSynced: () => void = () => undefined;
  #rejectSynced: (error: Error) => void = () => undefined;
  #session: WatchSession | undefined;
  #poll: PollSession | undefined;
  #replicas = 1;
  #epoch: string | undefined;
  #lost: StoreLostError | undefined;
  #rolledBack = false;
  /** Answers in a row by which the store would be lost. */
  #doubts = 0;
  #listed = false;
  #inTouchMs = 0;
  #closed = false;
  #wake: () => void = () => undefined;
  readonly #done: Promise<void>;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#epoch = options.epochFile ? recallEpoch(options.epochFile) : undefined;
    this.synced = new Promise((resolve, reject) => {
      this.#resolveSynced = resolve;
      this.#rejectSynced = reject;
    });
    this.synced.catch(() => undefined);
    this.#offState = options.bus.onState((state) => {
      if (state === 'lost') this.#setFresh(false);
      this.#session?.end(`bus ${state}`);
    });
    this.#done = this.#run();
  }

  /** Why the store cannot be used; undefined while it can. */
  get lost(): StoreLostError | undefined {
    return this.#lost;
  }

  /** Creation time of the stream this feed follows. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** When the store was last heard, by the clock's monotonic time; undefined before the first word. */
  get heardMs(): number | undefined {
    return this.#session?.heardMs ?? (this.#inTouchMs > 0 ? this.#inTouchMs : undefined);
  }

  /** Ends the feed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#offState();
    this.#session?.end('closed');
    this.#wake();
    this.#endPoll();
    await this.#done;
  }

  async #run(): Promise<void> {
    let told = '';
    while (!this.#closed) {
      const reason = await this.#once().catch((error: unknown) => (error as Error).message);
      this.#session = undefined;
      if (!this.#poll) this.#setFresh(false);
      if (this.#closed) return;
      this.#startPoll();
      if (reason !== told) this.#options.log.warn({ event: 'watch-ended', reason, rev: this.#options.cache.revision });
      told = reason;
      await this.#pause();
    }
  }

  /** One session, from looking at the stream to its end. Returns why it ended. */
  async #once(): Promise<string> {
    const { bus, cache, clock } = this.#options;
    const nats = await bus.connection();
    const info = await this.#check(await readStream(nats, REQUEST_MS));
    const listing = !this.#listed || clock.now() - this.#inTouchMs > RESUME_LIMIT_MS;
    const present = new Set<string>();
    let caughtUp = false;
    const session = await WatchSession.open({
      nats,
      inbox: bus.inbox,
      clock,
      after: listing ? undefined : cache.revision,
      onMessage: (message) => {
        if (listing && message.data) present.add(message.key);
        else present.delete(message.key);
        this.#apply(message);
      },
      onCaughtUp: () => {
        if (listing) cache.retain(present, info.lastSequence);
        else cache.advance(info.lastSequence);
        this.#listed = true;
        caughtUp = true;
        this.#endPoll();
        this.#setFresh(true);
        this.#resolveSynced();
      },
      onQuiet: (quiet) => {
        if (quiet) this.#startPoll();
        else this.#endPoll();
      },
    });
    this.#session = session;
    if (this.#closed) session.end('closed');
    const reason = await session.ended;
    if (caughtUp) this.#inTouchMs = session.heardMs;
    return reason;
  }

  /** Reads by polling until a session has caught up. */
  #startPoll(): void {
    const { bus, cache, clock } = this.#options;
    if (this.#poll || this.#closed || !this.#listed || this.#replicas < 2 || this.#lost) return;
    this.#poll = new PollSession({
      connection: () => bus.connection(),
      clock,
      after: () => cache.revision,
      onMessage: (message) => {
        this.#apply(message);
        this.#inTouchMs = clock.now();
      },
      onCaughtUp: () => {
        this.#inTouchMs = clock.now();
        this.#setFresh(true);
      },
      onSilence: () => this.#setFresh(false),
    });
  }

  #endPoll(): void {
    this.#poll?.end();
    this.#poll = undefined;
  }

  /** Compares the stream with the one known; fails when it is another. */
  async #check(found: StreamInfo | undefined): Promise<StreamInfo> {
    const { cache, create, bus, epochFile, log } = this.#options;
    let info = found;
    if (!info && this.#epoch === undefined) {
      if (!create) throw new Error('Store does not exist yet: the controller makes it');
      info = await createStream(await bus.connection(), create.replicas, REQUEST_MS * 5);
      log.info({ event: 'store-created', epoch: info.created });
    }
    this.#doubt(!info || info.lastSequence < cache.revision);
    if (!info) throw this.#lose(`Store is gone: expected the one made at ${this.#epoch}`);
    if (this.#epoch !== undefined && info.created !== this.#epoch)
      throw this.#lose(`Store was made anew at ${info.created}: expected the one made at ${this.#epoch}`);
    if (this.#rolledBack || info.lastSequence < cache.revision) {
      this.#rolledBack = true;
      throw this.#lose(`Store has lost revisions: it ends at ${info.lastSequence}, this copy at ${cache.revision}`);
    }
    if (this.#epoch === undefined && epochFile) rememberEpoch(epochFile, info.created);
    this.#epoch = info.created;
    this.#replicas = info.replicas;
    if (this.#lost) log.warn({ event: 'store-found-again', epoch: info.created });
    this.#lost = undefined;
    return info;
  }

  /**
   * One of several servers may answer before it has read all that the others agreed on: that the store is gone, or that it ends early,
   * is believed when it has been said for a second.
   */
  #doubt(lost: boolean): void {
    this.#doubts = lost ? this.#doubts + 1 : 0;
    if (lost && this.#replicas > 1 && this.#doubts < DOUBTS)
      throw new Error('Server does not know all of the store: asking again');
  }

  #lose(message: string): StoreLostError {
    const error = new StoreLostError(message);
    const news = this.#lost === undefined;
    this.#lost = error;
    this.#endPoll();
    this.#setFresh(false);
    if (news) {
      this.#options.log.error({ event: 'store-lost', reason: message, rev: this.#options.cache.revision });
      this.#options.onLost(error);
      this.#rejectSynced(error);
    }
    return error;
  }

  #apply(message: StoredMessage): void {
    const { cache, wants, log } = this.#options;
    // Told before, by a session or a poll that overlapped.
    if (message.sequence <= cache.revision && this.#listed) return;
    const key = decodeKey(message.key);
    this.#options.onMarker?.(message.key, message.data ? undefined : message.sequence);
    if (!key || !wants(key)) {
      if (!key) log.error({ event: 'store-foreign-key', reason: message.key });
      cache.advance(message.sequence);
      return;
    }
    const object = message.data && parseObject(message.data);
    if (object === null) {
      log.error({ event: 'store-unreadable-object', reason: message.key, rev: message.sequence });
      cache.advance(message.sequence);
      return;
    }
    cache.apply({ key, revision: message.sequence, object });
  }

  #setFresh(fresh: boolean): void {
    if (this.#options.cache.fresh === fresh) return;
    this.#options.cache.fresh = fresh;
    this.#options.log[fresh ? 'info' : 'warn']({
      event: fresh ? 'cache-fresh' : 'cache-stale',
      rev: this.#options.cache.revision,
    });
    this.#options.onFreshness(fresh);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(RETRY_MS, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** The object, or null when the bytes are not one. */
function parseObject(data: Uint8Array): KubeObject | null {
  try {
    const value = JSON.parse(Buffer.from(data).toString('utf8')) as KubeObject;
    return typeof value?.metadata?.name === 'string' ? value : null;
  } catch {
    return null;
  }
}
