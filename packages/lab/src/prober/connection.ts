import { connect, type Socket } from 'node:net';
import type { Outcome } from '@svclab/core';
import { type ProbeResponse, ResponseParser } from './response-parser.ts';

/** Where to connect and what to send. */
export interface ProbeTarget {
  /** Numeric address. */
  readonly address: string;
  readonly port: number;
  /** The request for a connection of its own (`Connection: close`). */
  readonly once: Buffer;
  /** The request for a connection that stays open. */
  readonly keep: Buffer;
}

/** What a connection tells its owner. */
export interface ConnectionEvents {
  /** Request `seq` ended. */
  done(seq: number, outcome: Outcome, backend: string): void;
  /** The TCP handshake is complete. */
  established(connection: ProbeConnection): void;
  /**
   * The server announced the end of the connection (`Connection: close`) while these requests, sent behind it, had no answer:
   * they were never begun and may be sent again (RFC 9112, section 9.6).
   */
  unanswered(seqs: readonly number[]): void;
}

const OUTCOME_OF_CODE: Readonly<Record<string, Outcome>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  EADDRNOTAVAIL: 'other',
};

/** How a socket error counts. */
export function outcomeOfError(error: NodeJS.ErrnoException): Outcome {
  return OUTCOME_OF_CODE[error.code ?? ''] ?? 'other';
}

/** One TCP connection of the prober. Requests on it are pipelined: a slow answer never holds back the next request. */
export class ProbeConnection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #waiting: number[] = [];
  /** Established and good for more requests. */
  usable = false;
  /** Nothing more comes from it. */
  closed = false;

  constructor(target: ProbeTarget, events: ConnectionEvents) {
    this.#events = events;
    const parser = new ResponseParser((response) => this.#answered(response));
    const socket = connect({ host: target.address, port: target.port, noDelay: true, autoSelectFamily: false });
    this.#socket = socket;
    socket.on('connect', () => {
      this.usable = true;
      events.established(this);
    });
    socket.on('data', (chunk) => {
      try {
        parser.push(chunk);
      } catch {
        this.#fail('other');
      }
    });
    socket.on('end', () => {
      this.usable = false;
      if (!parser.end()) this.#failWaiting('reset');
    });
    socket.on('error', (error) => this.#fail(outcomeOfError(error)));
    socket.on('close', () => {
      this.usable = false;
      this.closed = true;
      this.#failWaiting('reset');
    });
  }

  /** Sends one request (queued by the kernel or the socket until the connection stands). */
  send(seq: number, request: Buffer): void {
    this.#waiting.push(seq);
    this.#socket.write(request);
  }

  /** Gives the connection up because a request on it took too long. All that wait on it share its fate. */
  timeOut(): void {
    this.#fail('timeout');
  }

  /** Ends the connection once nothing waits on it. */
  retire(): void {
    this.usable = false;
    if (this.#waiting.length === 0) this.#socket.end();
  }

  /** Ends it now. */
  destroy(): void {
    this.usable = false;
    this.#socket.destroy();
  }

  #answered(response: ProbeResponse): void {
    const seq = this.#waiting.shift();
    if (seq === undefined) {
      this.#fail('other');
      return;
    }
    this.#events.done(seq, response.status >= 400 ? 'http-error' : 'ok', response.backend);
    if (response.close) {
      this.usable = false;
      if (this.#waiting.length > 0) this.#events.unanswered(this.#waiting.splice(0));
    }
    if (this.usable || this.#waiting.length > 0) return;
    // A reset leaves no TIME_WAIT, neither here nor in the pod nor in a node's connection tracking: at hundreds of connections a second
    // from one address, ports come round again within its 60 and 120 s, and some SYNs would be lost to that and not to what is measured.
    this.#socket.resetAndDestroy();
  }

  #fail(outcome: Outcome): void {
    this.usable = false;
    this.#failWaiting(outcome);
    this.#socket.destroy();
  }

  #failWaiting(outcome: Outcome): void {
    for (const seq of this.#waiting.splice(0)) this.#events.done(seq, outcome, '');
  }
}
