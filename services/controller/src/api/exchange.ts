/** One request and its answer, over HTTP/1.1 or HTTP/2 alike. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ApiError, badRequest, internalError, requestTimeout, type Status, tooLarge } from '@svclab/core';

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;

/** Bytes of a request body. Source: k8s.io/apiserver `pkg/server/config.go` (MaxRequestBodyBytes). */
export const BODY_LIMIT = 3 * 1024 * 1024;
/** Answers from this size on are compressed when the client takes gzip. Source: k8s.io/apiserver `endpoints/handlers/responsewriters`. */
const GZIP_FROM = 128 * 1024;

const compress = promisify(gzip);

/** A request with its address taken apart. */
export class Exchange {
  readonly request: Request;
  readonly response: Response;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Warnings that go out with the answer (RFC 7234 code 299). */
  readonly warnings: string[] = [];

  constructor(request: Request, response: Response) {
    this.request = request;
    this.response = response;
    const url = new URL(request.url ?? '/', 'https://api');
    this.path = url.pathname;
    this.query = url.searchParams;
  }

  get method(): string {
    return this.request.method ?? 'GET';
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** The body's bytes. Fails with 413 beyond the limit and 408 when the client went away. */
  async body(): Promise<Buffer> {
    const declared = Number(this.header('content-length') ?? 0);
    if (declared > BODY_LIMIT) throw tooLarge(BODY_LIMIT);
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of this.request) {
        const part = chunk as Buffer;
        size += part.length;
        if (size > BODY_LIMIT) throw tooLarge(BODY_LIMIT);
        chunks.push(part);
      }
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw requestTimeout(`the request body did not arrive: ${(error as Error).message}`);
    }
    return Buffer.concat(chunks);
  }

  /** The body as text. Fails with 400 when it is not UTF-8. */
  async text(): Promise<string> {
    const bytes = await this.body();
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw badRequest('the body of the request is not valid UTF-8');
    }
  }

  /** Sends text of a media type. */
  send(code: number, type: string, text: string): Promise<void> {
    return this.bytes(code, type, Buffer.from(text, 'utf8'));
  }

  /** Sends a body of a media type; large ones compressed when the client takes gzip. */
  async bytes(code: number, type: string, body: Buffer): Promise<void> {
    const response = this.response as ServerResponse;
    if (response.headersSent || response.writableEnded) return;
    response.setHeader('content-type', type);
    response.setHeader('cache-control', 'no-cache, private');
    for (const warning of this.warnings) response.appendHeader?.('warning', `299 - ${JSON.stringify(warning)}`);
    const zipped = body.length >= GZIP_FROM && /\bgzip\b/.test(this.header('accept-encoding') ?? '');
    if (zipped) {
      response.setHeader('content-encoding', 'gzip');
      response.setHeader('vary', 'Accept-Encoding');
    }
    const payload = zipped ? await compress(body, { level: 1 }) : body;
    response.writeHead(code, { 'content-length': payload.length });
    response.end(payload);
  }

  /** Sends a JSON value. */
  json(code: number, value: unknown, type = 'application/json'): Promise<void> {
    return this.send(code, type, `${JSON.stringify(value)}\n`);
  }

  /** Sends the Status of a failure; what is no API error becomes an internal one. */
  async fail(error: unknown): Promise<ApiError> {
    const failure =
      error instanceof ApiError ? error : internalError((error as Error)?.message ?? String(error), error);
    const status: Status = failure.status;
    const response = this.response as ServerResponse;
    const retry = status.details?.retryAfterSeconds;
    if (!response.headersSent && retry) response.setHeader('retry-after', String(retry));
    await this.json(status.code ?? 500, status);
    return failure;
  }
}
