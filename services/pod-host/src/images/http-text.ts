/** The texts an emulated HTTP container answers with: pure, so that they can be read in tests. */
import type { ContainerIdentity, UpstreamReply } from './image.ts';

/** A request as the answers see it. */
export interface HttpRequest {
  readonly method: string;
  /** As sent, with query. */
  readonly url: string;
  /** Without query. */
  readonly path: string;
  readonly httpVersion: string;
  /** Names and values alternating, as received. */
  readonly rawHeaders: readonly string[];
  readonly userAgent: string;
  /** Whether `Accept` asks for JSON. */
  readonly wantsJson: boolean;
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** A complete answer. */
export interface HttpReply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

/** Plain text. */
export const textReply = (status: number, body: string): HttpReply => ({
  status,
  type: 'text/plain; charset=utf-8',
  body,
});
/** JSON, readable. */
export const jsonReply = (status: number, value: unknown): HttpReply => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value, null, 2)}\n`,
});

/** The echo answer: who answered, to whom, what was asked. The first line is the pod's name alone. */
export function echoReply(
  identity: ContainerIdentity,
  request: HttpRequest,
  upstream: UpstreamReply | undefined,
): HttpReply {
  if (request.wantsJson) return jsonReply(200, echoObject(identity, request, upstream));
  const lines = [
    identity.pod,
    `namespace: ${identity.namespace}`,
    `node: ${identity.node}`,
    `image: ${identity.image}`,
    `client: ${request.clientAddress}:${request.clientPort}`,
    `server: ${request.localAddress}:${request.localPort}`,
    `request: ${request.method} ${request.url} HTTP/${request.httpVersion}`,
  ];
  if (upstream) lines.push(`upstream: ${upstream.firstLine} ${upstream.status} at ${upstream.address}`);
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2)
    lines.push(`header: ${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
  lines.push('');
  return textReply(200, lines.join('\n'));
}

function echoObject(
  identity: ContainerIdentity,
  request: HttpRequest,
  upstream: UpstreamReply | undefined,
): Record<string, unknown> {
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] as string).toLowerCase();
    const value = request.rawHeaders[i + 1] as string;
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return {
    ...identity,
    client: { address: request.clientAddress, port: request.clientPort },
    server: { address: request.localAddress, port: request.localPort },
    method: request.method,
    url: request.url,
    httpVersion: request.httpVersion,
    headers,
    ...(upstream ? { upstream: { ...upstream, pod: upstream.firstLine } } : {}),
  };
}

/** Counters of one container for `/metrics`. */
export interface HttpCounters {
  readonly byStatus: ReadonlyMap<number, number>;
  readonly inFlight: number;
  readonly durationSum: number;
}

/** Prometheus text format 0.0.4. */
export function metricsReply(identity: ContainerIdentity, counters: HttpCounters): HttpReply {
  const label = `pod="${identity.pod}",namespace="${identity.namespace}"`;
  const total = [...counters.byStatus.values()].reduce((sum, n) => sum + n, 0);
  const lines = [
    '# HELP http_requests_total Requests answered, by status.',
    '# TYPE http_requests_total counter',
    ...[...counters.byStatus].map(([code, n]) => `http_requests_total{${label},code="${code}"} ${n}`),
    '# HELP http_requests_in_flight Requests being answered.',
    '# TYPE http_requests_in_flight gauge',
    `http_requests_in_flight{${label}} ${counters.inFlight}`,
    '# HELP http_request_duration_seconds Time from request to answer.',
    '# TYPE http_request_duration_seconds summary',
    `http_request_duration_seconds_sum{${label}} ${counters.durationSum / 1000}`,
    `http_request_duration_seconds_count{${label}} ${total}`,
    '',
  ];
  return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: lines.join('\n') };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `24/Nov/2026:09:12:14 +0000`, the time of the combined log format. */
export function accessLogTime(wallMs: number): string {
  const date = new Date(wallMs);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

/** One line of the combined log format (Apache's and nginx's). */
export function accessLogLine(time: string, request: HttpRequest, status: number, bytes: number): string {
  const { clientAddress, method, url, httpVersion, userAgent } = request;
  return `${clientAddress} - - [${time}] "${method} ${url} HTTP/${httpVersion}" ${status} ${bytes} "-" "${userAgent}"`;
}
