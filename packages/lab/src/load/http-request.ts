/** Requests and answers of the load host, free of connections: parameters, redirects, header names. */
import { ScriptError } from './errors.ts';
import type { HttpFailure } from './http-errors.ts';
import { durationMs } from './option-values.ts';

/** Request parameters that are understood (k6 `Params`). */
export interface RequestParams {
  readonly headers?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly timeout?: string | number;
  readonly redirects?: number;
  readonly responseType?: 'text' | 'binary' | 'none';
  readonly responseCallback?: ExpectedStatuses | null;
}

/** Which statuses are no failure: single ones and ranges (`http.expectedStatuses`). */
export interface ExpectedStatuses {
  readonly ranges: readonly (readonly [number, number])[];
}

/** Parts of a request's time, milliseconds. undici does not tell sending from waiting: `sending` is 0. */
export interface Timings {
  blocked: number;
  looking_up: number;
  connecting: number;
  tls_handshaking: number;
  sending: number;
  waiting: number;
  receiving: number;
  duration: number;
}

/** One request and what came of it. */
export interface Exchange {
  /** 0 when there was no answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly timings: Timings;
  readonly failure: HttpFailure | undefined;
  /** It was sent on a kept connection that the other side closed or reset before a first byte came back. */
  readonly endedUnderUs: boolean;
}

/** A request ready to be sent. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | undefined;
  readonly timeoutMs: number;
}

/** A URL, or what http.url`...` made: the address with a name for the metrics. */
export function namedUrl(address: unknown): { url: string; name?: string } {
  if (typeof address === 'string') return { url: address };
  if (typeof address === 'object' && address !== null && 'url' in address && 'name' in address)
    return { url: String(address.url), name: String(address.name) };
  throw new ScriptError(`The URL of a request is ${JSON.stringify(address)}: give a string`);
}

/** Builds a request from a script's arguments. Fails with {@link ScriptError}. */
export function makeRequest(
  method: string,
  address: string,
  body: unknown,
  params: RequestParams,
  userAgent: string,
): HttpRequest {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new ScriptError(`"${address}" is no http or https URL`);
  const headers: Record<string, string> = { 'User-Agent': userAgent, ...params.headers };
  let bytes: string | Buffer | undefined;
  if (body === null || body === undefined || body === '') bytes = undefined;
  else if (typeof body === 'string') bytes = body;
  else if (body instanceof ArrayBuffer) bytes = Buffer.from(body);
  else {
    bytes = new URLSearchParams(
      Object.fromEntries(Object.entries(body as Record<string, unknown>).map(([k, v]) => [k, String(v)])),
    ).toString();
    if (!Object.keys(headers).some((k) => k.toLowerCase() === 'content-type'))
      headers['Content-Type'] = 'application/x-www-form-urlencoded';
  }
  return {
    method: method.toUpperCase(),
    url,
    headers,
    body: bytes,
    timeoutMs: durationMs(params.timeout ?? '60s', 'timeout of a request'),
  };
}

/** The request a redirect asks for (RFC 9110, section 15.4); undefined when the answer is none. */
export function redirectOf(request: HttpRequest, exchange: Exchange): HttpRequest | undefined {
  const location = exchange.headers.Location;
  if (exchange.failure || !location || ![301, 302, 303, 307, 308].includes(exchange.status)) return undefined;
  const keep = exchange.status === 307 || exchange.status === 308;
  const method = keep || request.method === 'HEAD' ? request.method : 'GET';
  return { ...request, url: new URL(location, request.url), method, body: keep ? request.body : undefined };
}

/** `content-type` as `Content-Type`. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (c) => c.toUpperCase());
}

/** Headers under canonical names, repeated ones joined. */
export function canonicalHeaders(raw: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw))
    if (value !== undefined) result[canonicalName(name)] = Array.isArray(value) ? value.join(', ') : value;
  return result;
}
