/** One request on its way through undici: when it started, what came back, how it ended. */
import type { Cancel, Clock } from '@svclab/core';
import type { Dispatcher } from 'undici';
import { type HttpFailure, httpFailure } from './http-errors.ts';
import { canonicalHeaders, type Exchange, type HttpRequest } from './http-request.ts';

/** What an attempt needs. */
export interface AttemptOptions {
  readonly request: HttpRequest;
  readonly clock: Clock;
  /** How long the connection made for this request took, 0 when it found one standing. */
  readonly connectTime: (sinceMs: number) => number;
  /** Called once, with the end. */
  readonly settled: (exchange: Exchange) => void;
}

/** The request in undici's terms. Time-outs are ours: k6's timeout covers the whole request. */
export function dispatchOptions(request: HttpRequest): Dispatcher.DispatchOptions {
  return {
    origin: request.url.origin,
    path: `${request.url.pathname}${request.url.search}`,
    method: request.method as Dispatcher.HttpMethod,
    headers: request.headers,
    body: request.body ?? null,
    headersTimeout: 0,
    bodyTimeout: 0,
  };
}

/** Hears from undici and settles once: with the answer, a failure, the time-out or an interruption, whichever comes first. */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly #options: AttemptOptions;
  readonly #queuedMs: number;
  readonly #cancel: Cancel;
  readonly #chunks: Buffer[] = [];
  #startMs: number;
  #headersMs = 0;
  #connecting = 0;
  #status = 0;
  #headers: Record<string, string> = {};
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#queuedMs = options.clock.now();
    this.#startMs = this.#queuedMs;
    this.#cancel = options.clock.after(options.request.timeoutMs, () =>
      this.#giveUp('request timeout', 'SVCLAB_TIMEOUT'),
    );
  }

  /** Breaks it off at the end of an iteration; it then counts for nothing. */
  interrupt(): void {
    this.#giveUp('interrupted', 'SVCLAB_INTERRUPTED');
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) {
      controller.abort(new Error('gave up while waiting for a connection'));
      return;
    }
    this.#startMs = this.#options.clock.now();
    this.#connecting = this.#options.connectTime(this.#queuedMs);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#headersMs = this.#options.clock.now();
    this.#status = status;
    this.#headers = canonicalHeaders(headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#settle(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    // While it could not connect the whole wait was connecting.
    if (!this.#controller) this.#startMs = this.#options.clock.now();
    this.#settle(httpFailure(error));
  }

  #giveUp(message: string, code: string): void {
    const error = Object.assign(new Error(message), { code });
    this.#settle(httpFailure(error));
    this.#controller?.abort(error);
  }

  #settle(failure: HttpFailure | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancel();
    const endMs = this.#options.clock.now();
    const waiting = (this.#headersMs || endMs) - this.#startMs;
    const receiving = this.#headersMs ? endMs - this.#headersMs : 0;
    this.#options.settled({
      status: failure ? 0 : this.#status,
      headers: this.#headers,
      body: Buffer.concat(this.#chunks),
      failure,
      // 1220 is a reset, or a connection that was closed; without connecting it was a kept one.
      endedUnderUs:
        failure?.code === 1220 && this.#controller !== undefined && this.#connecting === 0 && !this.#headersMs,
      timings: {
        blocked: Math.max(0, this.#startMs - this.#queuedMs - this.#connecting),
        looking_up: 0,
        connecting: this.#connecting,
        tls_handshaking: 0,
        sending: 0,
        waiting,
        receiving,
        duration: waiting + receiving,
      },
    });
  }
}
