import { type Msg, type NatsConnection, nuid, type Subscription } from '@nats-io/transport-node';
import type { Cancel, Clock } from '@svclab/core';
import { STREAM, SUBJECT_PREFIX } from './bucket.ts';
import { jsRequest } from './js-api.ts';

/** One stored message. */
export interface StoredMessage {
  /** Key in the bucket, encoded. */
  readonly key: string;
  readonly sequence: number;
  /** JSON; undefined for a deletion marker. */
  readonly data: Uint8Array | undefined;
}

/** What a session tells and needs. */
export interface SessionOptions {
  readonly nats: NatsConnection;
  readonly inbox: string;
  readonly clock: Clock;
  /** Deliver what came after this sequence; undefined: the last value of every key, then what follows. */
  readonly after: number | undefined;
  readonly onMessage: (message: StoredMessage) => void;
  /** Everything that was stored when the session began has been delivered. */
  readonly onCaughtUp: () => void;
  /** The server has been silent for longer than its heartbeats allow, but not yet for so long that the session ends; or is heard again. */
  readonly onQuiet?: (quiet: boolean) => void;
}

/** The server says it is alive this often when it has nothing else to say. */
const HEARTBEAT_MS = 400;
/** So long without a word is more than one late heartbeat. */
const QUIET_MS = 600;
/** So long without a word ends the session. */
const SILENCE_MS = 1000;
const TICK_MS = 100;
/** The server removes the consumer this long after its subscriber is gone. */
const INACTIVE_MS = 5000;

/**
 * One ordered consumer of the bucket's stream, from its making to the first sign that it is not complete any more: a gap in its
 * numbering, silence, or an error. Deliveries are pushed with flow control, not acknowledged, and kept in the server's memory.
 * A session is never mended: its owner makes the next one from where this one got to.
 */
export class WatchSession {
  /** Resolves with the reason when the session is over. */
  readonly ended: Promise<string>;
  readonly #options: SessionOptions;
  readonly #subscription: Subscription;
  readonly #cancelTick: Cancel;
  #resolveEnded: (reason: string) => void = () => undefined;
  #over = false;
  #caughtUp = false;
  /** Deliveries that make up the past; unknown until the server has answered. */
  #past: number | undefined;
  #lastDelivery = 0;
  #heardMs: number;
  /** Start of the silence as the watchdog counts it. */
  #silentSinceMs: number;
  #tickMs: number;
  #quiet = false;

  /** Asks the server for a consumer. Rejects when that fails; the session is then over as well. */
  static async open(options: SessionOptions): Promise<WatchSession> {
    const session = new WatchSession(options);
    try {
      await session.#create();
      return session;
    } catch (error) {
      session.end('not created');
      throw error;
    }
  }

  private constructor(options: SessionOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#heardMs = options.clock.now();
    this.#silentSinceMs = this.#heardMs;
    this.#tickMs = this.#heardMs;
    this.#subscription = options.nats.subscribe(`${options.inbox}.watch.${nuid.next()}`, {
      callback: (error, message) =>
        error ? this.end(`subscription failed: ${error.message}`) : this.#receive(message),
    });
    this.#cancelTick = options.clock.every(TICK_MS, () => this.#tick());
  }

  /** When the server was last heard, by the clock's monotonic time. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Ends the session; nothing is delivered afterwards. */
  end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTick();
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe();
    this.#resolveEnded(reason);
  }

  async #create(): Promise<void> {
    const { after, nats } = this.#options;
    const name = `watch_${nuid.next()}`;
    const filter = `${SUBJECT_PREFIX}>`;
    const config = {
      name,
      filter_subject: filter,
      deliver_subject: this.#subscription.getSubject(),
      ...(after === undefined
        ? { deliver_policy: 'last_per_subject' }
        : { deliver_policy: 'by_start_sequence', opt_start_seq: after + 1 }),
      ack_policy: 'none',
      replay_policy: 'instant',
      max_deliver: 1,
      flow_control: true,
      idle_heartbeat: HEARTBEAT_MS * 1e6,
      inactive_threshold: INACTIVE_MS * 1e6,
      mem_storage: true,
      num_replicas: 1,
    };
    const reply = await jsRequest<{ delivered: { consumer_seq: number }; num_pending: number }>(
      nats,
      `$JS.API.CONSUMER.CREATE.${STREAM}.${name}.${filter}`,
      { stream_name: STREAM, config },
      SILENCE_MS,
    );
    this.#past = reply.delivered.consumer_seq + reply.num_pending;
    this.#checkCaughtUp();
  }

  #receive(message: Msg): void {
    if (this.#over) return;
    this.#heardMs = this.#options.clock.now();
    this.#silentSinceMs = this.#heardMs;
    this.#setQuiet(false);
    if (message.headers?.code) {
      this.#receiveStatus(message, message.headers.code);
      return;
    }
    const position = parsePosition(message.reply);
    if (!position || position.delivery !== this.#lastDelivery + 1) {
      this.end(`gap: delivery ${position?.delivery ?? 'without a number'} follows ${this.#lastDelivery}`);
      return;
    }
    this.#lastDelivery = position.delivery;
    const operation = message.headers?.get('KV-Operation');
    this.#options.onMessage({
      key: message.subject.slice(SUBJECT_PREFIX.length),
      sequence: position.sequence,
      data: operation === 'DEL' || operation === 'PURGE' ? undefined : message.data,
    });
    if (position.pending === 0) this.#past = Math.min(this.#past ?? this.#lastDelivery, this.#lastDelivery);
    this.#checkCaughtUp();
  }

  #receiveStatus(message: Msg, code: number): void {
    if (code !== 100) {
      this.end(`consumer ended: ${code} ${message.headers?.description ?? ''}`);
      return;
    }
    const stalled = message.headers?.get('Nats-Consumer-Stalled');
    if (stalled) this.#options.nats.publish(stalled);
    if (message.reply) {
      message.respond();
      return;
    }
    const delivered = Number(message.headers?.get('Nats-Last-Consumer') || this.#lastDelivery);
    if (delivered > this.#lastDelivery)
      this.end(`gap: the server has delivered ${delivered}, ${this.#lastDelivery} have arrived`);
    else if (!stalled) {
      this.#past = this.#lastDelivery;
      this.#checkCaughtUp();
    }
  }

  #checkCaughtUp(): void {
    if (this.#over || this.#caughtUp || this.#past === undefined || this.#lastDelivery < this.#past) return;
    this.#caughtUp = true;
    this.#options.onCaughtUp();
  }

  #setQuiet(quiet: boolean): void {
    if (this.#quiet === quiet) return;
    this.#quiet = quiet;
    this.#options.onQuiet?.(quiet);
  }

  #tick(): void {
    const nowMs = this.#options.clock.now();
    // This process itself stood still: what the server said meanwhile is still unread.
    if (nowMs - this.#tickMs > SILENCE_MS / 2) this.#silentSinceMs = nowMs;
    this.#tickMs = nowMs;
    const silentMs = nowMs - this.#silentSinceMs;
    if (this.#caughtUp) this.#setQuiet(silentMs > QUIET_MS);
    if (silentMs > SILENCE_MS) this.end(`silent for more than ${SILENCE_MS} ms`);
  }
}

/**
 * Place of a delivery, from its reply subject: `$JS.ACK.<stream>.<consumer>.<tries>.<sequence>.<delivery>.<time>.<pending>`,
 * with domain and account hash after `ACK` and one more token at the end in the newer form (ADR-15).
 */
function parsePosition(reply: string | undefined): { sequence: number; delivery: number; pending: number } | undefined {
  const tokens = reply?.split('.') ?? [];
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || tokens.length < 9) return undefined;
  const base = tokens.length === 9 ? 2 : 4;
  const [sequence, delivery, pending] = [base + 3, base + 4, base + 6].map((i) => Number(tokens[i]));
  if (!sequence || !delivery || pending === undefined || Number.isNaN(pending)) return undefined;
  return { sequence, delivery, pending };
}
