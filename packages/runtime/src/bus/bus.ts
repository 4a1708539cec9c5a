import type { NatsConnection, Status } from '@nats-io/transport-node';
import type { Logger } from '../process/log.ts';
import { Connector } from './connector.ts';

/** How to reach the bus. */
export interface BusOptions {
  readonly servers: readonly string[];
  readonly user: string;
  readonly password: string;
  /** Shown in the server's connection list. */
  readonly name: string;
  readonly log: Logger;
  /** Wait for the first connection (default true); else it is made in the background. */
  readonly wait?: boolean;
}

/** Handles one message. */
export type BusHandler = (payload: Uint8Array, subject: string) => void;

/** What happens to the connection. `lost`: gone, being made anew. `restored`: there again (also the first time). */
export type BusState = 'restored' | 'lost';

/** Messages kept for sending while there has been no connection yet. */
const BACKLOG = 1000;

/**
 * Core NATS: heartbeats, reports and the timeline. Reconnects without end, each 100 to 200 ms;
 * a half-open connection is noticed within 1.5 s (pings each 500 ms, two may be lost).
 * Everything may be called before the first connection exists: messages and subscriptions wait for it.
 */
export class Bus {
  readonly #log: Logger;
  readonly #connector: Connector;
  readonly #waiting: ((nats: NatsConnection) => void)[] = [];
  readonly #listeners = new Set<(state: BusState) => void>();
  readonly #closed: Promise<Error | undefined>;
  #nats: NatsConnection | undefined;
  #up = false;

  constructor(connector: Connector, log: Logger) {
    this.#log = log;
    this.#connector = connector;
    this.#closed = connector.connection.then((nats) => {
      if (!nats) return undefined;
      this.#attach(nats);
      return nats.closed().then((error) => error ?? undefined);
    });
  }

  /** True while messages reach the server (as far as known: a silent server takes 1.5 s to be noticed). */
  get connected(): boolean {
    return this.#up;
  }

  /** The connection; waits until there is one. Rejects when the bus was closed first. */
  async connection(): Promise<NatsConnection> {
    const nats = this.#nats ?? (await this.#connector.connection);
    if (!nats) throw new Error('Bus was closed before it was connected');
    return nats;
  }

  /** Resolves when the connection has ended for good: after `close`, or with the error that ended it. */
  get closed(): Promise<Error | undefined> {
    return this.#closed;
  }

  /** Prefix for inboxes of this user. */
  get inbox(): string {
    return this.#connector.inbox;
  }

  /** Calls `listener` at each change of the connection. Returns the function that ends it. */
  onState(listener: (state: BusState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Sends and forgets. While the connection is down messages wait in the client's buffer (the first 1000 before the first connection). */
  publish(subject: string, payload: Uint8Array): void {
    if (this.#nats) {
      if (!this.#nats.isClosed()) this.#nats.publish(subject, payload);
    } else if (this.#waiting.length < BACKLOG) {
      this.#waiting.push((nats) => nats.publish(subject, payload));
    }
  }

  /** Calls `handler` for each message. Returns the function that ends the subscription. A handler that throws is logged. */
  subscribe(subject: string, handler: BusHandler): () => void {
    return this.#subscribe(subject, async (payload, from) => {
      handler(payload, from);
      return undefined;
    });
  }

  /**
   * Sends a request and returns the reply's payload. Rejects on time-out (which includes the wait for a first connection),
   * and with an error at once when nobody serves the subject.
   */
  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const startNs = process.hrtime.bigint();
    const nats = this.#nats ?? (await within(this.connection(), timeoutMs, `Bus is not connected: ${subject}`));
    const leftMs = timeoutMs - Number(process.hrtime.bigint() - startNs) / 1e6;
    const reply = await nats.request(subject, payload, { timeout: Math.max(1, leftMs) });
    return reply.data;
  }

  /** Answers requests. A handler that throws, rejects or gives undefined gets no reply out: another may, or the requester times out and tries again. */
  serve(
    subject: string,
    handler: (payload: Uint8Array, subject: string) => Promise<Uint8Array | undefined>,
  ): () => void {
    return this.#subscribe(subject, handler);
  }

  /** Delivers what is buffered, then closes; gives up on a silent server after 500 ms. */
  async close(): Promise<void> {
    this.#connector.stop();
    const nats = this.#nats;
    if (!nats || nats.isClosed()) return;
    await within(nats.drain(), 500, 'Drain').catch(() => undefined);
    if (!nats.isClosed()) await within(nats.close(), 500, 'Close').catch(() => undefined);
  }

  #subscribe(
    subject: string,
    handler: (payload: Uint8Array, from: string) => Promise<Uint8Array | undefined>,
  ): () => void {
    let end: () => void = () => undefined;
    let ended = false;
    this.#whenConnected((nats) => {
      if (ended) return;
      const subscription = nats.subscribe(subject, {
        callback: (err, message) => {
          if (err) {
            this.#log.error({ event: 'subscription-failed', subject, err });
            return;
          }
          handler(message.data, message.subject).then(
            (reply) => reply && message.respond(reply),
            (error: unknown) => this.#log.error({ event: 'handler-failed', subject: message.subject, err: error }),
          );
        },
      });
      end = () => subscription.unsubscribe();
    });
    return () => {
      ended = true;
      end();
    };
  }

  #whenConnected(fn: (nats: NatsConnection) => void): void {
    if (this.#nats) fn(this.#nats);
    else this.#waiting.push(fn);
  }

  #attach(nats: NatsConnection): void {
    this.#nats = nats;
    for (const fn of this.#waiting.splice(0)) fn(nats);
    this.#tell('restored');
    void this.#watch(nats);
  }

  async #watch(nats: NatsConnection): Promise<void> {
    for await (const status of nats.status()) this.#onStatus(status);
    this.#tell('lost');
  }

  #onStatus(status: Status): void {
    switch (status.type) {
      case 'disconnect':
      case 'staleConnection':
        this.#log.warn({ event: 'bus-lost', reason: status.type });
        this.#tell('lost');
        return;
      case 'reconnect':
        this.#log.info({ event: 'bus-restored', server: status.server });
        this.#tell('restored');
        return;
      case 'error':
        this.#log.error({ event: 'bus-error', err: status.error });
        return;
      case 'slowConsumer':
        this.#log.error({ event: 'bus-slow-consumer', pending: status.pending, subject: status.sub.getSubject() });
        return;
      default:
    }
  }

  #tell(state: BusState): void {
    this.#up = state === 'restored';
    for (const listener of [...this.#listeners]) listener(state);
  }
}

/** Connects to the bus; with `wait: false` returns at once and connects in the background. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const bus = new Bus(new Connector(options), options.log);
  if (options.wait ?? true) await bus.connection();
  return bus;
}

/** The promise's outcome, or a rejection after `ms`. */
function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: no answer within ${ms} ms`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
