import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Cancel, Clock } from '@svclab/core';
import { STREAM, SUBJECT_PREFIX } from './bucket.ts';
import type { StoredMessage } from './watch-session.ts';

/** What a poll tells and needs. */
export interface PollOptions {
  readonly connection: () => Promise<NatsConnection>;
  readonly clock: Clock;
  /** The last sequence that is known; asked anew before each request. */
  readonly after: () => number;
  readonly onMessage: (message: StoredMessage) => void;
  /** A server has answered that there is nothing newer. */
  readonly onCaughtUp: () => void;
  /** No server has answered. */
  readonly onSilence: () => void;
}

/** Pause once everything is known, milliseconds. */
const PERIOD_MS = 50;
const REQUEST_MS = 500;

/**
 * Reads what is new message by message, straight from any server that keeps the bucket (direct get, ADR-31). A server can answer it
 * without a leader, which a consumer cannot be made without: an election takes 4 to 9 s (nats-server `server/raft.go`).
 * Sequences only grow on each server, so nothing is skipped, whichever of them answers. Ends when told to.
 */
export class PollSession {
  readonly #options: PollOptions;
  #over = false;
  #cancel: Cancel = () => undefined;
  #wake: () => void = () => undefined;

  constructor(options: PollOptions) {
    this.#options = options;
    void this.#run();
  }

  /** Ends it; nothing is delivered afterwards. */
  end(): void {
    this.#over = true;
    this.#cancel();
    this.#wake();
  }

  async #run(): Promise<void> {
    const { onMessage, onCaughtUp, onSilence } = this.#options;
    while (!this.#over) {
      const message = await this.#next().catch(() => undefined);
      if (this.#over) return;
      if (message) {
        onMessage(message);
        continue;
      }
      if (message === null) onCaughtUp();
      else onSilence();
      await this.#pause();
    }
  }

  /** The next message; null when there is none. Fails when nobody answers. */
  async #next(): Promise<StoredMessage | null> {
    const nats = await this.#options.connection();
    const request = { seq: this.#options.after() + 1, next_by_subj: `${SUBJECT_PREFIX}>` };
    const reply = await nats.request(`$JS.API.DIRECT.GET.${STREAM}`, JSON.stringify(request), { timeout: REQUEST_MS });
    return parse(reply);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#cancel = this.#options.clock.after(PERIOD_MS, resolve);
      this.#wake = resolve;
    });
  }
}

function parse(reply: Msg): StoredMessage | null {
  const { headers } = reply;
  if (headers?.code === 404) return null;
  const subject = headers?.get('Nats-Subject') ?? '';
  const sequence = Number(headers?.get('Nats-Sequence'));
  if (!subject.startsWith(SUBJECT_PREFIX) || !(sequence > 0))
    throw new Error(`Direct get answers ${headers?.code ?? 'without a sequence'} ${headers?.description ?? ''}`);
  const operation = headers?.get('KV-Operation');
  return {
    key: subject.slice(SUBJECT_PREFIX.length),
    sequence,
    data: operation === 'DEL' || operation === 'PURGE' ? undefined : reply.data,
  };
}
