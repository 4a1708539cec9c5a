/** `http.asyncRequest` over undici, with k6's parameters, response shape, error codes and metrics. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Agent, buildConnector, Client, type Dispatcher } from 'undici';
import { ScriptError } from './errors.ts';
import { Attempt, dispatchOptions } from './http-attempt.ts';
import {
  canonicalName,
  type Exchange,
  type ExpectedStatuses,
  makeRequest,
  namedUrl,
  type HttpRequest as Request,
  type RequestParams,
  redirectOf,
  type Timings,
} from './http-request.ts';
import type { RunState } from './run-state.ts';

/** Methods that may be sent again (RFC 9110, section 9.2.2), without those that usually have a body. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const KNOWN_PARAMS = new Set(['headers', 'tags', 'timeout', 'redirects', 'responseType', 'responseCallback']);

/** What a script gets (k6 `Response`). */
export interface LoadResponse {
  readonly url: string;
  readonly status: number;
  readonly status_text: string;
  readonly proto: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: Readonly<Record<string, never>>;
  readonly body: string | ArrayBuffer | null;
  readonly timings: Timings;
  /** Text of a failure that brought no answer; empty otherwise. */
  readonly error: string;
  readonly error_code: number;
  readonly remote_ip: string;
  readonly remote_port: number;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string[]>>;
    readonly body: string;
  };
  json(selector?: string): unknown;
}

/** What a session needs of its virtual user. */
export interface SessionOwner {
  readonly run: RunState;
  /** Its iteration was broken off: nothing it asks for is done any more. */
  readonly interrupted: boolean;
  job(): () => void;
  baseTags(): Record<string, string>;
}

/** One VU's connections. */
export class HttpSession {
  readonly #vu: SessionOwner;
  #agent: Agent | undefined;
  #aborts = new Set<() => void>();
  #sockets = new Map<Socket, { read: number; written: number }>();
  #lastPeer = { ip: '', port: 0 };
  #toldOfCookies = false;
  #connects: { askedMs: number; startMs: number; endMs: number }[] = [];
  /** The script's default for what is no failure (`http.setResponseCallback`). */
  expected: ExpectedStatuses | null = { ranges: [[200, 399]] };

  constructor(vu: SessionOwner) {
    this.#vu = vu;
  }

  /** Ends all connections and what runs on them. */
  reset(): void {
    for (const abort of [...this.#aborts]) abort();
    void this.#agent?.destroy();
    this.#agent = undefined;
  }

  /** k6's `http.asyncRequest`. Resolves with an answer or with `status` 0, `error` and `error_code`. */
  async asyncRequest(
    method: string,
    address: unknown,
    body: unknown,
    params: RequestParams = {},
  ): Promise<LoadResponse> {
    if (this.#vu.interrupted) return new Promise(() => {});
    const end = this.#vu.job();
    try {
      return await this.#follow(method, address, body, params);
    } finally {
      end();
    }
  }

  async #follow(method: string, address: unknown, body: unknown, params: RequestParams): Promise<LoadResponse> {
    for (const key of Object.keys(params))
      if (!KNOWN_PARAMS.has(key))
        throw new ScriptError(
          `Request parameter "${key}" needs k6: the built-in load host has ${[...KNOWN_PARAMS].join(', ')}`,
        );
    const { options } = this.#vu.run;
    const target = namedUrl(address);
    let redirects = params.redirects ?? options.maxRedirects;
    let request = makeRequest(method, target.url, body, params, options.userAgent);
    for (;;) {
      const exchange = await this.#exchange(request);
      this.#record(request, exchange, target.name ?? request.url.href, params);
      const next = redirects > 0 ? redirectOf(request, exchange) : undefined;
      if (!next) return this.#response(request, exchange, params);
      redirects--;
      request = next;
    }
  }

  async #exchange(request: Request): Promise<Exchange> {
    const { run } = this.#vu;
    const once = run.options.noConnectionReuse;
    const dispatcher: Dispatcher = once
      ? new Client(request.url.origin, { ...this.#settings(), pipelining: 1 })
      : this.#keptAgent();
    try {
      for (;;) {
        const exchange = await this.#dispatch(dispatcher, request, once);
        // The server ended a kept connection just as it was used again: Go's transport, and so k6, asks once more (net/http, Transport).
        if (once || !exchange.endedUnderUs || !IDEMPOTENT.has(request.method) || this.#vu.interrupted) return exchange;
      }
    } finally {
      if (once) void dispatcher.destroy();
    }
  }

  #dispatch(dispatcher: Dispatcher, request: Request, once: boolean): Promise<Exchange> {
    return new Promise((resolve) => {
      const attempt = new Attempt({
        request,
        clock: this.#vu.run.clock,
        connectTime: (sinceMs) => this.#claimConnect(sinceMs),
        settled: (exchange) => {
          this.#aborts.delete(abort);
          this.#countBytes();
          // undici gives a connection back two turns after its answer. Who asks again before would get a new one, where k6 uses the old.
          if (once || exchange.failure) resolve(exchange);
          else setImmediate(() => setImmediate(() => resolve(exchange)));
        },
      });
      const abort = (): void => attempt.interrupt();
      this.#aborts.add(abort);
      dispatcher.dispatch({ ...dispatchOptions(request), reset: once }, attempt);
    });
  }

  #keptAgent(): Agent {
    this.#agent ??= new Agent({ ...this.#settings(), pipelining: 1, keepAliveTimeout: 90_000 });
    return this.#agent;
  }

  /** A name is looked up for each connection; the time of that is waiting for a connection (`blocked`), as in k6. */
  #settings(): { connect: buildConnector.connector } {
    const { run } = this.#vu;
    return {
      connect: (options, callback) => {
        const askedMs = run.clock.now();
        let startMs = askedMs;
        const connect = buildConnector({
          rejectUnauthorized: !run.options.insecureSkipTLSVerify,
          timeout: 0,
          autoSelectFamily: false,
          lookup: run.resolver.lookup(() => {
            startMs = run.clock.now();
          }),
        });
        connect(options, (error, socket) => {
          if (error) {
            callback(error, null);
            return;
          }
          this.#connects.push({ askedMs, startMs, endMs: run.clock.now() });
          this.#lastPeer = { ip: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
          this.#sockets.set(socket, { read: 0, written: 0 });
          callback(null, socket);
        });
      },
    };
  }

  /** Time of a connection made since `sinceMs` that no request has claimed, 0 when the request found one standing. */
  #claimConnect(sinceMs: number): number {
    const index = this.#connects.findIndex((c) => c.askedMs >= sinceMs);
    const [connect] = index < 0 ? [] : this.#connects.splice(0, index + 1).slice(-1);
    return connect ? connect.endMs - connect.startMs : 0;
  }

  #countBytes(): void {
    for (const [socket, seen] of this.#sockets) {
      const read = socket.bytesRead;
      const written = socket.bytesWritten;
      if (read > seen.read) this.#vu.run.metrics.add('data_received', read - seen.read);
      if (written > seen.written) this.#vu.run.metrics.add('data_sent', written - seen.written);
      if (socket.destroyed) this.#sockets.delete(socket);
      else this.#sockets.set(socket, { read, written });
    }
  }

  #record(request: Request, exchange: Exchange, name: string, params: RequestParams): void {
    if (exchange.failure?.interrupted) return;
    const expected = params.responseCallback === undefined ? this.expected : params.responseCallback;
    const ok =
      exchange.failure === undefined &&
      (expected === null || expected.ranges.some(([a, b]) => exchange.status >= a && exchange.status <= b));
    this.#tellOfCookies(exchange);
    const { metrics, options } = this.#vu.run;
    const tags = this.#vu.baseTags();
    for (const [tag, value] of Object.entries(ownTags(request, exchange, name, ok)))
      if (options.systemTags.has(tag)) tags[tag] = value;
    for (const [tag, value] of Object.entries(params.tags ?? {})) tags[tag] = String(value);
    const { timings } = exchange;
    metrics.add('http_reqs', 1, tags);
    metrics.add('http_req_duration', timings.duration, tags);
    for (const part of ['blocked', 'connecting', 'tls_handshaking', 'sending', 'waiting', 'receiving'] as const)
      metrics.add(`http_req_${part}`, timings[part], tags);
    if (expected !== null) metrics.add('http_req_failed', ok ? 0 : 1, tags);
  }

  /** k6 sends cookies back; this host has no jar, and says so once rather than behave otherwise in silence. */
  #tellOfCookies(exchange: Exchange): void {
    if (this.#toldOfCookies || exchange.headers['Set-Cookie'] === undefined) return;
    this.#toldOfCookies = true;
    this.#vu.run.logOnce('An answer set a cookie: the built-in load host does not send cookies back, k6 does');
  }

  #response(request: Request, exchange: Exchange, params: RequestParams): LoadResponse {
    const type = params.responseType ?? (this.#vu.run.options.discardResponseBodies ? 'none' : 'text');
    const text = (): string => exchange.body.toString('utf8');
    const bytes = exchange.body;
    const { failure, status } = exchange;
    return {
      url: request.url.href,
      status,
      status_text: failure ? '' : `${status} ${STATUS_CODES[status] ?? ''}`.trim(),
      proto: failure ? '' : 'HTTP/1.1',
      headers: exchange.headers,
      cookies: {},
      body:
        failure || type === 'none'
          ? null
          : type === 'binary'
            ? (bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer)
            : text(),
      timings: exchange.timings,
      error: failure?.error ?? '',
      error_code: failure?.code ?? (status >= 400 ? 1000 + status : 0),
      remote_ip: this.#lastPeer.ip,
      remote_port: this.#lastPeer.port,
      request: {
        method: request.method,
        url: request.url.href,
        headers: Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [canonicalName(k), [v]])),
        body: typeof request.body === 'string' ? request.body : (request.body?.toString('utf8') ?? ''),
      },
      json(selector) {
        if (selector !== undefined)
          throw new ScriptError('response.json(selector) needs k6: take the value from response.json()');
        return JSON.parse(text());
      },
    };
  }
}

/** The host's own tags of a request. */
function ownTags(request: Request, exchange: Exchange, name: string, ok: boolean): Record<string, string> {
  const { failure, status } = exchange;
  const code = failure?.code ?? (status >= 400 ? 1000 + status : 0);
  return {
    method: request.method,
    url: name,
    name,
    status: String(status),
    ...(failure ? { error: failure.error } : { proto: 'HTTP/1.1' }),
    ...(code ? { error_code: String(code) } : {}),
    expected_response: String(ok),
  };
}
