/** The API over HTTPS: HTTP/2 for requests and watches, HTTP/1.1 for upgrades, one handler for both. */
import type { IncomingMessage } from 'node:http';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ApiError, badRequest, type Clock, internalError, unauthorized, unknownPath } from '@svclab/core';
import type { Logger, Metrics } from '@svclab/runtime';
import type { Registry } from '../registry/registry.ts';
import { tokenChecker } from './auth.ts';
import { serveDiscovery } from './discovery.ts';
import { Exchange, type Request, type Response } from './exchange.ts';
import { ExecSockets } from './exec-websocket.ts';
import { serveLogs } from './logs.ts';
import { RequestMetrics } from './metrics.ts';
import { OpenApi } from './openapi.ts';
import type { PodStreams } from './pod-streams.ts';
import { podTarget } from './pod-target.ts';
import { ResourceHandler } from './resources.ts';
import { route } from './route.ts';
import { VERSION } from './version.ts';
import { WatchServer } from './watch.ts';

/** What the API server needs. */
export interface ApiServerOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error' | 'debug'>;
  readonly pki: { readonly key: string; readonly cert: string; readonly token: string };
  readonly streams: PodStreams;
  readonly metrics: Metrics;
  /** An inherited listening socket, or where to listen. */
  readonly listen: { readonly fd: number } | { readonly host: string; readonly port: number };
  /** A second address, for those who do not see the inherited socket's network: the control network. */
  readonly also?: { readonly host: string; readonly port: number } | undefined;
}

/** A running API server. */
export interface ApiServer {
  readonly port: number;
  /** Ends watches and connections and stops listening. */
  close(): Promise<void>;
}

/** Time a client has to send its headers, milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;

/** Starts the API server; resolves when it listens. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const server = createSecureServer({
    allowHTTP1: true,
    key: options.pki.key,
    cert: options.pki.cert,
    maxHeaderListPairs: 128,
    settings: { maxConcurrentStreams: 1000 },
  });
  const api = new Api(options);
  const connections = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  server.on('secureConnection', (socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  server.on('request', (request, response) => void api.serve(request, response));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => api.upgrade(request, socket, head));
  Object.assign(server, { headersTimeout: HEADERS_TIMEOUT_MS });
  await listen(server, options.listen);
  const second = options.also && createServer((socket) => server.emit('connection', socket));
  if (second) await listen(second, options.also);
  return {
    port: (server.address() as AddressInfo | null)?.port ?? 0,
    async close() {
      api.close();
      second?.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      for (const socket of connections) socket.destroySoon();
      await Promise.race([closed, new Promise<void>((resolve) => void options.clock.after(500, resolve))]);
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

function listen(server: Server, where: ApiServerOptions['listen'] | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

class Api {
  readonly #options: ApiServerOptions;
  readonly #authorized: (header: string | undefined) => boolean;
  readonly #openapi: OpenApi;
  readonly #watches: WatchServer;
  readonly #resources: ResourceHandler;
  readonly #exec: ExecSockets;
  readonly #requests: RequestMetrics;

  constructor(options: ApiServerOptions) {
    const { registry, clock, metrics } = options;
    this.#options = options;
    this.#authorized = tokenChecker(options.pki.token);
    this.#openapi = new OpenApi(registry.definitions);
    this.#watches = new WatchServer(registry.cache, clock);
    this.#resources = new ResourceHandler(registry, this.#watches, clock);
    this.#exec = new ExecSockets(options.streams);
    this.#requests = new RequestMetrics(metrics, { definitions: registry.definitions, clock });
  }

  close(): void {
    this.#watches.close();
    this.#exec.close();
  }

  /** Answers one request; never throws. */
  async serve(request: Request, response: Response): Promise<void> {
    const exchange = new Exchange(request, response);
    const started = this.#options.clock.now();
    const ended = this.#requests.begin(exchange);
    try {
      await this.#dispatch(exchange);
    } catch (error) {
      const failure = await exchange.fail(error).catch((e: unknown) => internalError(String(e), e));
      if (failure.code >= 500)
        this.#options.log.error({
          event: 'request-failed',
          method: exchange.method,
          path: exchange.path,
          err: failure.cause ?? failure,
        });
    }
    ended(response.statusCode);
    const took = Math.round(this.#options.clock.now() - started);
    const { method, path } = exchange;
    this.#options.log.debug({ event: 'request', method, path, code: response.statusCode, took_ms: took });
  }

  async #dispatch(exchange: Exchange): Promise<void> {
    const { registry, streams, clock } = this.#options;
    if (await this.#public(exchange)) return;
    if (!this.#authorized(exchange.header('authorization'))) throw unauthorized();
    const reads = exchange.method === 'GET' || exchange.method === 'HEAD';
    if (reads && ((await this.#openapi.serve(exchange)) || (await serveDiscovery(exchange, registry.definitions))))
      return;
    const target = route(exchange.path, registry.definitions);
    if (!target) throw unknownPath();
    if (target.definition.kind === 'Pod' && target.subresource === 'log' && reads)
      return serveLogs(exchange, registry, streams, clock, {
        namespace: target.namespace ?? '',
        name: target.name ?? '',
      });
    if (target.definition.kind === 'Pod' && (target.subresource === 'exec' || target.subresource === 'attach'))
      throw badRequest('Upgrade request required: exec and attach need a WebSocket connection');
    await this.#resources.handle(exchange, target);
  }

  /** What anybody may read: health and version. */
  async #public(exchange: Exchange): Promise<boolean> {
    switch (exchange.path) {
      case '/healthz':
      case '/livez':
        await exchange.send(200, 'text/plain; charset=utf-8', 'ok');
        return true;
      case '/readyz':
        if (this.#options.registry.cache.fresh) await exchange.send(200, 'text/plain; charset=utf-8', 'ok');
        else
          await exchange.send(
            500,
            'text/plain; charset=utf-8',
            '[-]store failed: the cache is not fresh\nreadyz check failed\n',
          );
        return true;
      case '/version':
        await exchange.json(200, VERSION);
        return true;
      default:
        return false;
    }
  }

  /** Answers an upgrade: exec and attach over WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    try {
      const url = new URL(request.url ?? '/', 'https://api');
      if (!this.#authorized(request.headers.authorization)) throw unauthorized();
      const target = route(url.pathname, this.#options.registry.definitions);
      const sub = target?.subresource;
      if (target?.definition.kind !== 'Pod' || (sub !== 'exec' && sub !== 'attach')) throw unknownPath();
      if ((request.headers.upgrade ?? '').toLowerCase() !== 'websocket' || !ExecSockets.offers(request))
        throw badRequest('unable to upgrade: only WebSocket with v5.channel.k8s.io or v4.channel.k8s.io is served');
      const { namespace = '', name = '' } = target;
      const { node, container } = podTarget(this.#options.registry, namespace, name, url.searchParams.get('container'));
      const command = url.searchParams.getAll('command');
      if (sub === 'exec' && command.length === 0)
        throw badRequest('you must specify at least one command for the container');
      const on = (key: string): boolean => ['true', '1'].includes(url.searchParams.get(key) ?? '');
      this.#options.log.info({ event: sub, pod: `${namespace}/${name}`, container, command });
      const exec = { namespace, pod: name, container, command, stdin: on('stdin'), tty: on('tty') };
      this.#exec.accept(request, socket, head, node, exec);
    } catch (error) {
      refuseUpgrade(socket, error);
    }
  }
}

function refuseUpgrade(socket: Duplex, error: unknown): void {
  const failure = error instanceof ApiError ? error : internalError((error as Error).message, error);
  const body = JSON.stringify(failure.status);
  socket.end(
    `HTTP/1.1 ${failure.code} ${failure.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
