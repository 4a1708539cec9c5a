/** What the store holds, read at a scrape. Names as in the API server and in kube-state-metrics where they mean the same. */
import {
  type Cache,
  type Clock,
  type EndpointSlice,
  LEADER_LEASE,
  type Node,
  RESOURCES,
  SERVICE_NAME_LABEL,
} from '@svclab/core';
import type { Metrics, Sample } from '@svclab/runtime';
import { QueueMetrics } from './reconcilers/queue-metrics.ts';
import type { Definitions } from './registry/definition.ts';

const STATUSES = ['true', 'false', 'unknown'];
const CONDITIONS = ['ready', 'serving', 'terminating'] as const;
type EndpointLabel = 'namespace' | 'service' | 'condition';

/** What outlives a term of leadership: whether this process leads, and the queues of what a leader runs. */
export class ControllerMetrics {
  /** Whether this process leads now. */
  leads: () => boolean = () => false;
  readonly queues: QueueMetrics | undefined;

  constructor(metrics: Metrics, clock: Pick<Clock, 'now'>) {
    this.queues = metrics.enabled ? new QueueMetrics(metrics, clock) : undefined;
    metrics.gauge({
      name: 'leader_election_master_status',
      help: 'Whether this controller leads (1) or stands by (0)',
      labels: ['name'],
      read: () => [{ labels: { name: LEADER_LEASE.name }, value: this.leads() ? 1 : 0 }],
    });
  }
}

/** Declares the metrics of the objects. */
export function objectMetrics(
  metrics: Metrics,
  options: { cache: Pick<Cache, 'list'>; definitions: Definitions },
): void {
  const { cache, definitions } = options;
  metrics.gauge({
    name: 'apiserver_storage_objects',
    help: 'Objects in the store by resource',
    labels: ['resource'],
    read: () =>
      definitions.all
        .filter((d) => d.view === undefined)
        .map((d) => ({
          labels: { resource: d.group === '' ? d.resource : `${d.resource}.${d.group}` },
          value: cache.list(d).length,
        })),
  });
  metrics.gauge({
    name: 'kube_node_status_condition',
    help: '1 for the status that a condition of a node has, 0 for the others',
    labels: ['node', 'condition', 'status'],
    read: () =>
      cache.list<Node>(RESOURCES.nodes).flatMap((node) => {
        const ready = node.status?.conditions?.find((c) => c.type === 'Ready')?.status.toLowerCase();
        return STATUSES.map((status) => ({
          labels: { node: node.metadata.name, condition: 'Ready', status },
          value: status === ready ? 1 : 0,
        }));
      }),
  });
  metrics.gauge({
    name: 'svclab_service_endpoints',
    help: 'Endpoints of a Service in its slices for which a condition holds',
    labels: ['namespace', 'service', 'condition'],
    read: () => endpointSamples(cache.list<EndpointSlice>(RESOURCES.endpointslices)),
  });
}

/** Counts by Service. An absent condition holds, save for `terminating` (KEP-1672). */
export function endpointSamples(slices: readonly EndpointSlice[]): Sample<EndpointLabel>[] {
  const counts = new Map<string, Record<(typeof CONDITIONS)[number], number>>();
  for (const { metadata, endpoints = [] } of slices) {
    const key = `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
    const count = counts.get(key) ?? { ready: 0, serving: 0, terminating: 0 };
    counts.set(key, count);
    for (const { conditions } of endpoints) {
      const ready = conditions?.ready ?? true;
      if (ready) count.ready += 1;
      if (conditions?.serving ?? ready) count.serving += 1;
      if (conditions?.terminating ?? false) count.terminating += 1;
    }
  }
  return [...counts].flatMap(([key, count]) => {
    const [namespace = '', service = ''] = key.split('/');
    return CONDITIONS.map((condition) => ({ labels: { namespace, service, condition }, value: count[condition] }));
  });
}
