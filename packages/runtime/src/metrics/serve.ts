import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from '../process/log.ts';
import type { Metrics } from './metrics.ts';
import { processMetrics } from './process-metrics.ts';
import type { PrometheusMetrics } from './prometheus.ts';

/** Where and as what a process serves its metrics. */
export interface MetricsOptions {
  /** Address on the control network. */
  readonly host: string;
  readonly port: number;
  readonly component: string;
  /** Name of the host of the lab. */
  readonly node: string;
  readonly log: Pick<Logger, 'info' | 'error'>;
  /** Further paths, answered with what they return as JSON. */
  readonly pages?: Readonly<Record<string, () => unknown>>;
}

/** Metrics with the listener that shows them. */
export interface ServedMetrics {
  readonly metrics: Metrics;
  /** Port it listens on; undefined when it could not be had. */
  readonly port: number | undefined;
  close(): Promise<void>;
}

/**
 * Serves `http://host:port/metrics` in Prometheus' text format, as the components emulated here do by default: in OpenMetrics their
 * counters would change their names. A port that cannot be had is logged as `metrics-not-served`: no process fails for want of being watched.
 */
export async function serveMetrics(options: MetricsOptions): Promise<ServedMetrics> {
  const { log, host, port } = options;
  const { PrometheusMetrics } = await import('./prometheus.ts');
  const metrics = new PrometheusMetrics();
  processMetrics(metrics, { component: options.component, host: options.node });
  const server = createServer((request, response) => void answer(metrics, request, response, options));
  const bound = await listen(server, host, port).catch((err: unknown) => {
    log.error({ event: 'metrics-not-served', address: `${host}:${port}`, err });
    return undefined;
  });
  server.on('error', (err) => log.error({ event: 'metrics-failed', err }));
  return {
    metrics,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        if (bound === undefined) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  metrics: PrometheusMetrics,
  request: IncomingMessage,
  response: ServerResponse,
  { log, pages = {} }: MetricsOptions,
): Promise<void> {
  const end = (code: number, text: string, type = 'text/plain; charset=utf-8'): void => {
    response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  const path = request.url?.split('?')[0] ?? '';
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (path !== '/metrics' && !page) return end(404, 'Not found: the metrics are at /metrics\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return end(405, `Method ${request.method} is not served: use GET\n`);
  }
  try {
    if (page) end(200, JSON.stringify(page()), 'application/json');
    else end(200, await metrics.render(), metrics.contentType);
  } catch (err) {
    log.error({ event: 'metrics-failed', err });
    end(500, `Metrics cannot be read: ${(err as Error).message}\n`);
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve((server.address() as { port: number }).port);
    });
  });
}
