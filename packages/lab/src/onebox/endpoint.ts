/**
 * The HTTP endpoint of a lab in one container: what a test in any language drives it with, over one published port.
 *
 *     GET  /v1/status, /v1/kubeconfig, /v1/vips, /v1/timeline?since_ns=N
 *     GET  /v1/services/NAMESPACE/NAME[?port=80]   where clients of the lab ask for it
 *     POST /v1/manifests[?wait=60]                 YAML or JSON documents, applied server-side
 *     POST /v1/faults            {verb, target, hold}
 *     POST /v1/measurements      {url, interval_ms, timeout_ms} -> {id}
 *     POST /v1/measurements/ID/end {quiet_ms, limit_ms} -> report;  DELETE /v1/measurements/ID
 *     CONNECT SERVICE.NAMESPACE[:PORT] or ADDRESS:PORT, and http:// requests as to a proxy
 *
 * Everything but /healthz asks for the lab's token: `authorization: Bearer TOKEN`; for the proxy also as the password in
 * `proxy-authorization: Basic`. Errors are `{error}` with 400 (can be mended by the caller), 401, 404, 502 (cannot be reached).
 */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ClientError, type Logger, Status } from '@svclab/runtime';
import { LabError } from '../state/errors.ts';
import type { Dialer } from './dial.ts';

/** Largest request body, bytes. */
const BODY_LIMIT = 8 << 20;

/** One request of the endpoint's own. */
export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** A route: its answer is sent as JSON, a string as text, undefined as 404. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `/v1/services/:namespace/:name` */
  readonly path: string;
  answer(call: Call): Promise<unknown> | unknown;
}

/** What the endpoint serves. */
export interface EndpointOptions {
  readonly token: string;
  readonly dialer: Dialer;
  readonly routes: readonly Route[];
  readonly log: Logger;
}

/** Makes the server; the caller lets it listen. */
export function endpoint(options: EndpointOptions): Server {
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing, options));
  server.on(
    'connect',
    (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void tunnel(incoming, socket, head, options),
  );
  server.keepAliveTimeout = 60_000;
  // A measurement's end answers when the lab is quiet again, and a tunnel lasts as long as its user wants.
  server.requestTimeout = 0;
  return server;
}

async function handle(incoming: IncomingMessage, outgoing: ServerResponse, options: EndpointOptions): Promise<void> {
  const target = incoming.url ?? '/';
  try {
    if (target === '/healthz') return send(outgoing, 200, 'ok\n');
    if (!authorized(incoming, options.token)) {
      const proxy = !target.startsWith('/');
      outgoing.setHeader(proxy ? 'proxy-authenticate' : 'www-authenticate', proxy ? 'Basic realm="svclab"' : 'Bearer');
      return send(outgoing, proxy ? 407 : 401, {
        error: 'The token is missing or wrong: send the SVCLAB_TOKEN the lab was started with',
      });
    }
    if (!target.startsWith('/')) return await forward(incoming, outgoing, options);
    const url = new URL(target, 'http://lab');
    const route = options.routes
      .map((r) => ({ route: r, params: matchPath(r.path, url.pathname) }))
      .find((m) => m.params !== undefined && m.route.method === incoming.method);
    if (!route?.params) return send(outgoing, 404, { error: `There is no ${incoming.method} ${url.pathname}` });
    const answer = await route.route.answer({
      params: route.params,
      query: url.searchParams,
      body: await read(incoming),
    });
    send(outgoing, answer === undefined ? 404 : 200, answer ?? { error: 'Not found' });
  } catch (error) {
    const [status, message] = failure(error);
    if (status >= 500) options.log.warn({ event: 'endpoint', target, err: error });
    send(outgoing, status, { error: message });
  }
}

/** Parameters of a path that fits a pattern. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const parts = pattern.split('/');
  const given = path.split('/');
  if (parts.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, part] of parts.entries()) {
    const value = given[i] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(value);
    else if (part !== value) return undefined;
  }
  return params;
}

function failure(error: unknown): [status: number, message: string] {
  if (error instanceof LabError) return [error.exitCode === 2 ? 400 : 500, error.message];
  if (error instanceof ClientError && error.code === Status.INVALID_ARGUMENT) return [400, error.details];
  if (error instanceof SyntaxError) return [400, `Body is no JSON: ${error.message}`];
  return [502, (error as Error).message];
}

function send(outgoing: ServerResponse, status: number, body: unknown): void {
  if (outgoing.headersSent) {
    outgoing.destroy();
    return;
  }
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  outgoing.writeHead(status, {
    'content-type': typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  outgoing.end(text);
}

async function read(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT) throw new LabError(`Body is larger than ${BODY_LIMIT >> 20} MiB`, 2);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

/** Whether a request carries the token, as a bearer or as the password of a proxy's user. */
export function authorized(incoming: Pick<IncomingMessage, 'headers'>, token: string): boolean {
  for (const header of [incoming.headers.authorization, incoming.headers['proxy-authorization']]) {
    const [scheme = '', value = ''] = (header ?? '').split(' ');
    const basic = Buffer.from(value, 'base64').toString();
    const given = scheme.toLowerCase() === 'basic' ? basic.slice(basic.indexOf(':') + 1) : value;
    const [a, b] = [Buffer.from(given), Buffer.from(token)];
    if (a.length === b.length && timingSafeEqual(a, b)) return true;
  }
  return false;
}

/** CONNECT: the socket becomes a connection into the lab. A connection that breaks on one side is broken on the other. */
async function tunnel(
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: EndpointOptions,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  const refuse = (status: string, message: string): void => {
    const body = JSON.stringify({ error: message });
    socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  };
  if (!authorized(incoming, options.token))
    return refuse('407 Proxy Authentication Required', 'The token is missing or wrong');
  try {
    const inside = await options.dialer.connect(await options.dialer.door(incoming.url ?? ''));
    if (socket.destroyed) {
      inside.destroy();
      return;
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    inside.write(head);
    inside.on('error', () => reset(socket));
    socket.on('error', () => inside.resetAndDestroy());
    socket.on('close', () => inside.destroy());
    inside.on('close', () => socket.destroy());
    inside.pipe(socket).pipe(inside);
  } catch (error) {
    refuse(error instanceof LabError ? '400 Bad Request' : '502 Bad Gateway', (error as Error).message);
  }
}

function reset(socket: Duplex): void {
  const tcp = socket as Duplex & { resetAndDestroy?: () => void };
  if (tcp.resetAndDestroy) tcp.resetAndDestroy();
  else socket.destroy();
}

/** A request as to a proxy: `GET http://web.shop/path`. */
async function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { dialer }: EndpointOptions,
): Promise<void> {
  const url = new URL(incoming.url ?? '');
  const socket = await dialer.connect(await dialer.door(url.host));
  const { 'proxy-authorization': _, 'proxy-connection': __, ...headers } = incoming.headers;
  await new Promise<void>((resolve, reject) => {
    const call = request(
      {
        method: incoming.method ?? 'GET',
        path: `${url.pathname}${url.search}`,
        headers: { ...headers, connection: 'close' },
        createConnection: () => socket,
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        answer.on('end', resolve);
        answer.on('error', reject);
      },
    );
    call.on('error', reject);
    incoming.pipe(call);
  });
}
