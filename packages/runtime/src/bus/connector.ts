import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '../process/log.ts';
import { inboxPrefix } from './inbox.ts';

/** Time between tries to make the first connection, milliseconds. */
const RETRY_MS = 150;

/** What a connection needs. */
export interface ConnectorOptions {
  readonly servers: readonly string[];
  readonly user: string;
  readonly password: string;
  readonly name: string;
  readonly log: Logger;
}

/**
 * Makes the first connection to the bus, trying without end until there is one or `stop` is called.
 * (The client's own `waitOnFirstConnect` cannot be stopped.) Later losses are the client's to mend.
 */
export class Connector {
  /** The connection, or undefined when stopped before there was one. */
  readonly connection: Promise<NatsConnection | undefined>;
  /** Prefix of this user's inboxes. */
  readonly inbox: string;
  readonly #options: ConnectorOptions;
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.inbox = inboxPrefix(options.user);
    this.connection = this.#run();
  }

  /** Ends the tries. A connection that exists is not touched. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async #run(): Promise<NatsConnection | undefined> {
    let told = '';
    while (!this.#stopped) {
      try {
        const nats = await this.#connect();
        if (!this.#stopped) return nats;
        await nats.close();
      } catch (error) {
        const reason = (error as Error).message;
        if (reason !== told)
          this.#options.log.warn({ event: 'bus-unreachable', reason, servers: this.#options.servers });
        told = reason;
        if (!this.#stopped) await this.#pause();
      }
    }
    return undefined;
  }

  #connect(): Promise<NatsConnection> {
    const { servers, user, password, name } = this.#options;
    return connect({
      servers: [...servers],
      user,
      pass: password,
      name,
      inboxPrefix: this.inbox,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      reconnectJitter: 100,
      pingInterval: 500,
      maxPingOut: 2,
      timeout: 2000,
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
