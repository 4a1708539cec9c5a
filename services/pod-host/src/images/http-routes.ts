import type { Behaviour, Health } from '../behaviour/behaviour.ts';
import { type HttpReply, type HttpRequest, textReply } from './http-text.ts';
import type { ContainerIdentity } from './image.ts';

/** What a route decides: an answer, an answer after a wait, or to return the request's body. */
export type RouteResult =
  | { readonly kind: 'reply'; readonly reply: HttpReply; readonly afterMs?: number }
  | { readonly kind: 'echo-body' };

const READY_PATHS = new Set(['/readyz', '/ready']);
const HEALTH_PATHS = new Set(['/healthz', '/health', '/livez', '/live', ...READY_PATHS]);

/** Whether the path is a health endpoint. They are quick and never fail at random. */
export const isHealthPath = (path: string): boolean => HEALTH_PATHS.has(path);

/**
 * The answer to a health check, or undefined when the request is none or the container may answer it as any other.
 * A failing container also fails the kubelet's probes (user agent `kube-probe/...`) on paths of its own.
 */
export function healthReply(request: Pick<HttpRequest, 'path' | 'userAgent'>, health: Health): HttpReply | undefined {
  const named = isHealthPath(request.path);
  const failing = health === 'fail' || (health === 'unready' && READY_PATHS.has(request.path));
  if (named) return failing ? textReply(503, `${health}\n`) : textReply(200, 'ok\n');
  if (health === 'fail' && request.userAgent.startsWith('kube-probe/')) return textReply(503, 'fail\n');
  return undefined;
}

/** Longest `/delay/MS` waits, milliseconds. */
const MAX_DELAY = 600_000;

/** The routes every HTTP image has: `/hostname`, `/clientip`, `/echo`, `/status/N`, `/delay/MS`. Undefined: none matches. */
export function commonRoute(request: HttpRequest, identity: ContainerIdentity): RouteResult | undefined {
  const reply = (status: number, body: string, afterMs?: number): RouteResult => ({
    kind: 'reply',
    reply: textReply(status, body),
    ...(afterMs === undefined ? {} : { afterMs }),
  });
  const { path } = request;
  if (path === '/hostname' || path === '/hostName') return reply(200, identity.pod);
  if (path === '/clientip') return reply(200, `${request.clientAddress}:${request.clientPort}`);
  if (path === '/echo') {
    const message = queryOf(request.url).get('msg');
    if (message !== null) return reply(200, message);
    return request.method === 'GET' || request.method === 'HEAD' ? undefined : { kind: 'echo-body' };
  }
  const status = /^\/status\/([2-5]\d\d)$/.exec(path)?.[1];
  if (status !== undefined) return reply(Number(status), `${identity.pod}\nstatus: ${status}\n`);
  const delay = /^\/delay\/(\d+)$/.exec(path)?.[1];
  if (delay !== undefined) {
    const ms = Math.min(Number(delay), MAX_DELAY);
    return reply(200, `${identity.pod}\ndelay: ${ms} ms\n`, ms);
  }
  return undefined;
}

/** Query parameters of a request target. */
export function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

/** How a request fares before any route sees it: the wait, and whether it fails. `chance` is uniform in [0, 1), called when needed. */
export function fate(
  behaviour: Behaviour,
  chance: () => number,
): { readonly delayMs: number; readonly fails: boolean } {
  const { min, max } = behaviour.latency;
  return {
    delayMs: max > min ? min + (max - min) * chance() : min,
    fails: behaviour.errorRate > 0 && chance() < behaviour.errorRate,
  };
}
