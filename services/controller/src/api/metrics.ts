/** The API server's metrics, with its names, labels and buckets. Source: k8s.io/apiserver `pkg/endpoints/metrics/metrics.go`. */
import type { Clock } from '@svclab/core';
import { type Count, type Metrics, type Observe, single } from '@svclab/runtime';
import type { Definitions } from '../registry/definition.ts';
import type { Exchange } from './exchange.ts';
import { route, type Target } from './route.ts';

const REQUEST_LABELS = [
  'verb',
  'group',
  'version',
  'resource',
  'subresource',
  'scope',
  'dry_run',
  'component',
] as const;
type RequestLabel = (typeof REQUEST_LABELS)[number];
type RequestLabels = Readonly<Record<RequestLabel, string>>;

const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
/** What does not end by itself. Source: kubernetes `pkg/controlplane/apiserver/config.go` (longRunningFunc). */
const isLongRunning = ({ verb, subresource }: RequestLabels): boolean =>
  verb === 'WATCH' || verb === 'CONNECT' || subresource === 'log';
const READS = new Set(['GET', 'LIST']);
const APPLY = 'application/apply-patch+yaml';

/** Requests as they begin and end. */
export class RequestMetrics {
  readonly #definitions: Definitions;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #enabled: boolean;
  readonly #requests: Count<RequestLabel | 'code'>;
  readonly #seconds: Observe<RequestLabel>;
  readonly #inflight = { readOnly: 0, mutating: 0 };
  #longRunning = 0;

  constructor(metrics: Metrics, options: { definitions: Definitions; clock: Pick<Clock, 'now'> }) {
    this.#definitions = options.definitions;
    this.#clock = options.clock;
    this.#enabled = metrics.enabled;
    this.#requests = metrics.counter({
      name: 'apiserver_request_total',
      help: 'Requests that were answered',
      labels: [...REQUEST_LABELS, 'code'],
    });
    this.#seconds = metrics.histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'How long requests took; a watch, until it was closed',
      labels: REQUEST_LABELS,
      buckets: SECONDS,
    });
    metrics.gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Requests under way, long-running ones left out',
      labels: ['request_kind'],
      read: () => [
        { labels: { request_kind: 'readOnly' }, value: this.#inflight.readOnly },
        { labels: { request_kind: 'mutating' }, value: this.#inflight.mutating },
      ],
    });
    metrics.gauge({
      name: 'svclab_apiserver_longrunning_requests',
      help: 'Watches and logs that are being followed',
      read: () => single(this.#longRunning),
    });
  }

  /** A request begins. Returns the function to call with its status code when it has ended. */
  begin(exchange: Exchange): (code: number) => void {
    if (!this.#enabled) return () => undefined;
    const labels = requestLabels(exchange, this.#definitions);
    const startedMs = this.#clock.now();
    const long = isLongRunning(labels);
    const move = (by: 1 | -1): void => {
      if (long) this.#longRunning += by;
      else this.#inflight[READS.has(labels.verb) ? 'readOnly' : 'mutating'] += by;
    };
    move(1);
    return (code) => {
      move(-1);
      this.#requests({ ...labels, code: String(code) });
      this.#seconds(labels, (this.#clock.now() - startedMs) / 1000);
    };
  }
}

/** What a request is counted under; a path that is no resource's has its verb alone. */
export function requestLabels(
  exchange: Pick<Exchange, 'method' | 'path' | 'query' | 'header'>,
  definitions: Definitions,
): RequestLabels {
  const target = targetOf(exchange.path, definitions);
  return {
    verb: verbOf(exchange, target),
    group: target?.definition.group ?? '',
    version: target?.definition.version ?? '',
    resource: target?.definition.resource ?? '',
    subresource: target?.subresource ?? '',
    scope: scopeOf(target),
    dry_run: exchange.query.getAll('dryRun').includes('All') ? 'All' : '',
    component: 'apiserver',
  };
}

function targetOf(path: string, definitions: Definitions): Target | undefined {
  try {
    return route(path, definitions);
  } catch {
    return undefined;
  }
}

function verbOf(exchange: Pick<Exchange, 'method' | 'query' | 'header'>, target: Target | undefined): string {
  const { method, query } = exchange;
  if (target?.subresource === 'exec' || target?.subresource === 'attach') return 'CONNECT';
  if (method === 'PATCH') return exchange.header('content-type')?.startsWith(APPLY) ? 'APPLY' : 'PATCH';
  if (method === 'GET' || method === 'HEAD') {
    if (!target) return 'GET';
    if (target.watchPrefix || ['true', '1'].includes(query.get('watch') ?? '')) return 'WATCH';
    return target.name === undefined ? 'LIST' : 'GET';
  }
  if (method === 'DELETE') return target && target.name === undefined ? 'DELETECOLLECTION' : 'DELETE';
  return method === 'POST' || method === 'PUT' ? method : 'OTHER';
}

function scopeOf(target: Target | undefined): string {
  if (!target) return '';
  if (target.name !== undefined) return 'resource';
  return target.namespace === undefined ? 'cluster' : 'namespace';
}
