import { connect, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import type { Logger } from '../process/log.ts';

/** How to reach the bus. */
export interface BusOptions {
  readonly servers: readonly string[];
  readonly user: string;
  readonly password: string;
  /** Shown in the server's connection list. */
  readonly name: string;
  readonly log: Logger;
  /** Wait for the first connection (default true). */
  readonly wait?: boolean;
}

/** Handles one message. */
export type BusHandler = (payload: Uint8Array, subject: string) => void;

/**
 * Core NATS: heartbeats, reports and the timeline. Reconnects without end, each 100 to 200 ms;
 * a half-open connection is noticed within 1.5 s (pings each 500 ms, two may be lost).
 */
export class Bus {
  readonly nats: NatsConnection;
  readonly #log: Logger;

  constructor(nats: NatsConnection, log: Logger) {
    this.nats = nats;
    this.#log = log;
  }

  /** Sends and forgets. While the connection is down messages wait in the client's buffer. */
  publish(subject: string, payload: Uint8Array): void {
    if (this.nats.isClosed()) return;
    this.nats.publish(subject, payload);
  }

  /** Calls `handler` for each message. Returns the function that ends the subscription. A handler that throws is logged. */
  subscribe(subject: string, handler: BusHandler): () => void {
    const subscription: Subscription = this.nats.subscribe(subject, {
      callback: (err, message) => {
        if (err) {
          this.#log.error({ event: 'subscription-failed', subject, err });
          return;
        }
        try {
          handler(message.data, message.subject);
        } catch (error) {
          this.#log.error({ event: 'handler-failed', subject: message.subject, err: error });
        }
      },
    });
    return () => subscription.unsubscribe();
  }

  /** Sends a request and returns the reply's payload. Rejects on time-out and when nobody serves the subject. */
  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const reply = await this.nats.request(subject, payload, { timeout: timeoutMs });
    return reply.data;
  }

  /** Answers requests. A handler that throws gets no reply out: the requester times out and tries again. */
  serve(subject: string, handler: (payload: Uint8Array, subject: string) => Promise<Uint8Array>): () => void {
    const subscription = this.nats.subscribe(subject, {
      callback: (err, message) => {
        if (err) {
          this.#log.error({ event: 'subscription-failed', subject, err });
          return;
        }
        handler(message.data, message.subject).then(
          (reply) => message.respond(reply),
          (error: unknown) => this.#log.error({ event: 'handler-failed', subject: message.subject, err: error }),
        );
      },
    });
    return () => subscription.unsubscribe();
  }

  /** Delivers what is buffered, then closes. */
  async close(): Promise<void> {
    if (this.nats.isClosed()) return;
    await Promise.race([this.nats.drain(), new Promise((resolve) => setTimeout(resolve, 500))]);
  }
}

/** Connects to the bus. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const nats = await connect({
    servers: [...options.servers],
    user: options.user,
    pass: options.password,
    name: options.name,
    inboxPrefix: `_INBOX_${options.user.replace(/[^A-Za-z0-9_-]/g, '_')}`,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: 100,
    reconnectJitter: 100,
    pingInterval: 500,
    maxPingOut: 2,
    timeout: 2000,
  });
  return new Bus(nats, options.log);
}
