import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { commonRoute, fate, healthReply, type RouteResult } from './http-routes.ts';
import {
  accessLogLine,
  accessLogTime,
  echoReply,
  type HttpReply,
  type HttpRequest,
  jsonReply,
  metricsReply,
  textReply,
} from './http-text.ts';
import type { ContainerContext, TcpService, UpstreamReply } from './image.ts';
import { plainAddress } from './image.ts';

/** What differs between HTTP images. */
export interface HttpFlavour {
  /** `Server` header. */
  readonly server: string;
  /** Routes of its own, asked before the common ones. */
  readonly route?: (request: HttpRequest, context: ContainerContext) => RouteResult | undefined;
  /** The answer to everything else; the echo answer when left out. */
  readonly fallback?: (request: HttpRequest, upstream: UpstreamReply | undefined) => HttpReply;
}

/** Idle time after which a kept connection is closed, milliseconds (nginx `keepalive_timeout`). */
const KEEP_ALIVE_TIMEOUT = 75_000;
/** Largest body `/echo` returns, bytes. */
const MAX_ECHO_BODY = 1 << 20;

/** The HTTP/1.1 side of one container: as many ports as it has, one set of counters. */
export class HttpProgram {
  readonly #context: ContainerContext;
  readonly #flavour: HttpFlavour;
  readonly #byStatus = new Map<number, number>();
  #inFlight = 0;
  #durationSum = 0;
  #lameDuck = false;
  #second = 0;
  #secondText = '';

  constructor(context: ContainerContext, flavour: HttpFlavour) {
    this.#context = context;
    this.#flavour = flavour;
  }

  /** A server for one more port. */
  serve(): TcpService {
    const server: Server = createServer({ keepAliveTimeout: KEEP_ALIVE_TIMEOUT, requestTimeout: 0 }, (req, res) => {
      void this.#handle(req, res);
    });
    server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      else socket.destroy();
    });
    return {
      server,
      lameDuck: () => {
        this.#lameDuck = true;
      },
      closeIdle: () => server.closeIdleConnections(),
    };
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { clock } = this.#context;
    const began = clock.now();
    const request = view(req);
    this.#inFlight++;
    res.once('close', () => {
      this.#inFlight--;
      this.#durationSum += clock.now() - began;
      this.#byStatus.set(res.statusCode, (this.#byStatus.get(res.statusCode) ?? 0) + 1);
    });
    try {
      await this.#context.held();
      const reply = this.#quick(request) ?? (await this.#slow(req, request));
      this.#send(request, res, reply);
    } catch (error) {
      this.#send(request, res, textReply(500, `${this.#context.identity.pod}\nerror: ${(error as Error).message}\n`));
    }
  }

  /** What needs no wait: health and metrics. */
  #quick(request: HttpRequest): HttpReply | undefined {
    if (request.path === '/metrics')
      return metricsReply(this.#context.identity, {
        byStatus: this.#byStatus,
        inFlight: this.#inFlight,
        durationSum: this.#durationSum,
      });
    return healthReply(request, this.#context.behaviour().health);
  }

  async #slow(req: IncomingMessage, request: HttpRequest): Promise<HttpReply> {
    const { identity } = this.#context;
    const behaviour = this.#context.behaviour();
    const { delayMs, fails } = fate(behaviour, () => this.#context.random.next());
    if (delayMs > 0) await this.#wait(delayMs);
    if (fails)
      return textReply(
        behaviour.errorStatus,
        `${identity.pod}\nerror: injected by error-rate ${behaviour.errorRate}\n`,
      );
    const routed = this.#flavour.route?.(request, this.#context) ?? commonRoute(request, identity);
    if (routed?.kind === 'reply') {
      if (routed.afterMs !== undefined) await this.#wait(routed.afterMs);
      return routed.reply;
    }
    if (routed?.kind === 'echo-body')
      return { status: 200, type: req.headers['content-type'] ?? 'application/octet-stream', body: await bodyOf(req) };
    let upstream: UpstreamReply | undefined;
    if (behaviour.upstream) {
      try {
        upstream = await this.#context.callUpstream(behaviour.upstream);
      } catch (error) {
        return badGateway(identity.pod, request, behaviour.upstream, (error as Error).message);
      }
      if (upstream.status >= 500)
        return badGateway(identity.pod, request, behaviour.upstream, `status ${upstream.status} ${upstream.firstLine}`);
    }
    return this.#flavour.fallback?.(request, upstream) ?? echoReply(identity, request, upstream);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#context.clock.after(ms, resolve));
  }

  #send(request: HttpRequest, res: ServerResponse, reply: HttpReply): void {
    if (res.destroyed) return;
    const length = Buffer.byteLength(reply.body);
    res.statusCode = reply.status;
    res.setHeader('Server', this.#flavour.server);
    res.setHeader('Content-Type', reply.type);
    res.setHeader('Content-Length', length);
    if (this.#lameDuck) res.setHeader('Connection', 'close');
    res.end(request.method === 'HEAD' ? undefined : reply.body);
    const wall = this.#context.clock.wall();
    const second = Math.floor(wall / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = accessLogTime(wall);
    }
    this.#context.log(accessLogLine(this.#secondText, request, reply.status, length));
  }
}

function badGateway(pod: string, request: HttpRequest, url: URL, reason: string): HttpReply {
  if (request.wantsJson) return jsonReply(502, { pod, upstream: url.href, error: reason });
  return textReply(502, `${pod}\nupstream: ${url.href}\nerror: ${reason}\n`);
}

function view(req: IncomingMessage): HttpRequest {
  const url = req.url ?? '/';
  const mark = url.indexOf('?');
  const { socket, headers } = req;
  return {
    method: req.method ?? 'GET',
    url,
    path: mark < 0 ? url : url.slice(0, mark),
    httpVersion: req.httpVersion,
    rawHeaders: req.rawHeaders,
    userAgent: headers['user-agent'] ?? '-',
    wantsJson: headers.accept?.includes('application/json') ?? false,
    clientAddress: plainAddress(socket.remoteAddress),
    clientPort: socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
  };
}

async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_ECHO_BODY) chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
