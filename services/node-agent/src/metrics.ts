/**
 * kube-proxy's and the kubelet's metrics, with their names, labels and buckets, and what only this agent has.
 * Source: kubernetes `pkg/proxy/metrics/metrics.go`, `pkg/kubelet/metrics/metrics.go`.
 */
import {
  type Cache,
  type Clock,
  type EndpointSlice,
  LAST_CHANGE_TRIGGER_TIME,
  RESOURCES,
  SERVICE_NAME_LABEL,
  type StoreEvent,
} from '@svclab/core';
import {
  type Count,
  exponentialBuckets,
  linearBuckets,
  type Metrics,
  type Observe,
  type Sample,
  single,
} from '@svclab/runtime';
import type { PodManager } from './pods/pod-manager.ts';
import type { Proxier, SyncReport } from './proxy/proxier.ts';

/** From 0.25 s to 5 min, a second apart up to the minute. */
const PROGRAMMING_SECONDS = [
  ...linearBuckets(0.25, 0.25, 2),
  ...linearBuckets(1, 1, 59),
  ...linearBuckets(60, 5, 12),
  ...linearBuckets(120, 30, 7),
];
/** The states of kubelet's containers, from those of pod-host. */
const CONTAINER_STATES = { created: 'waiting', running: 'running', exited: 'terminated' } as const;

/** What the proxy tells, from its syncs and from the changes it will see. */
export class ProxyMetrics {
  readonly #metrics: Metrics;
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #startedMs: number;
  readonly #seconds: Observe<never>;
  readonly #programming: Observe<never>;
  readonly #failures: Count<never>;
  readonly #serviceChanges: Count<never>;
  readonly #endpointChanges: Count<never>;
  /** Service -> trigger times of changes that no sync has contained yet, ms. */
  readonly #waiting = new Map<string, { revision: number; atMs: number }[]>();
  #lastMs: number | undefined;

  constructor(metrics: Metrics, options: { cache: Pick<Cache, 'subscribe'>; clock: Pick<Clock, 'wall'> }) {
    this.#metrics = metrics;
    this.#clock = options.clock;
    this.#startedMs = options.clock.wall();
    this.#seconds = metrics.histogram({
      name: 'kubeproxy_sync_proxy_rules_duration_seconds',
      help: 'How long it took to bring the rules up to date',
      buckets: exponentialBuckets(0.001, 2, 15),
    });
    this.#programming = metrics.histogram({
      name: 'kubeproxy_network_programming_duration_seconds',
      help: 'From the change of a pod or Service to rules that contain it',
      buckets: PROGRAMMING_SECONDS,
    });
    this.#failures = metrics.counter({
      name: 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
      help: 'Transactions that nftables refused, and other failed syncs',
    });
    this.#serviceChanges = metrics.counter({
      name: 'kubeproxy_sync_proxy_rules_service_changes_total',
      help: 'Changes of Services seen',
    });
    this.#endpointChanges = metrics.counter({
      name: 'kubeproxy_sync_proxy_rules_endpoint_changes_total',
      help: 'Changes of EndpointSlices seen',
    });
    if (metrics.enabled) options.cache.subscribe((event) => this.#onEvent(event));
  }

  /** Declares what is read from the proxier at a scrape. */
  follow(proxier: Pick<Proxier, 'services' | 'operations' | 'pending' | 'programmedRevision'>): void {
    const metrics = this.#metrics;
    metrics.gauge({
      name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
      help: 'When the rules were last brought up to date, Unix time',
      read: () => (this.#lastMs === undefined ? [] : single(this.#lastMs / 1000)),
    });
    metrics.gauge({
      name: 'svclab_proxy_services',
      help: 'Services the rules in the kernel contain',
      read: () => single(proxier.services),
    });
    metrics.gauge({
      name: 'svclab_proxy_services_pending',
      help: 'Services whose rules wait for the next sync',
      read: () => single(proxier.pending),
    });
    metrics.gauge({
      name: 'svclab_proxy_programmed_revision',
      help: 'Revision of the store that the rules in the kernel contain',
      read: () => single(proxier.programmedRevision),
    });
    metrics.countOf({
      name: 'svclab_proxy_operations_total',
      help: 'Elements and chains added to the kernel or removed from it',
      read: () => single(proxier.operations),
    });
  }

  /** A sync has ended well. */
  synced({ revision, tookUs }: SyncReport): void {
    if (!this.#metrics.enabled) return;
    this.#seconds({}, tookUs / 1e6);
    this.#lastMs = this.#clock.wall();
    for (const [service, changes] of this.#waiting) {
      const left = changes.filter((change) => change.revision > revision);
      for (const { revision: at, atMs } of changes)
        if (at <= revision) this.#programming({}, (this.#lastMs - atMs) / 1000);
      if (left.length > 0) this.#waiting.set(service, left);
      else this.#waiting.delete(service);
    }
  }

  /** A sync has failed. */
  failed(): void {
    this.#failures({});
  }

  #onEvent(event: StoreEvent): void {
    const { group, resource } = event.key;
    if (resource === RESOURCES.services.resource && group === '') this.#serviceChanges({});
    if (resource !== RESOURCES.endpointslices.resource || group !== RESOURCES.endpointslices.group) return;
    this.#endpointChanges({});
    this.#noteTrigger(event as StoreEvent<EndpointSlice>);
  }

  /** Changes from before the start say nothing about this proxy; a slice that goes takes its trigger times along. */
  #noteTrigger({ type, key, object, previous, revision }: StoreEvent<EndpointSlice>): void {
    const service = `${key.namespace}/${object.metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
    if (type === 'DELETED') {
      this.#waiting.delete(service);
      return;
    }
    const trigger = object.metadata.annotations?.[LAST_CHANGE_TRIGGER_TIME];
    const atMs = Date.parse(trigger ?? '');
    if (
      Number.isNaN(atMs) ||
      atMs <= this.#startedMs ||
      trigger === previous?.metadata.annotations?.[LAST_CHANGE_TRIGGER_TIME]
    )
      return;
    this.#waiting.set(service, [...(this.#waiting.get(service) ?? []), { revision, atMs }]);
  }
}

/** What the kubelet's part of the agent tells. */
export function kubeletMetrics(metrics: Metrics, node: string, pods: Pick<PodManager, 'hosted'>): void {
  metrics.gauge({
    name: 'kubelet_node_name',
    help: "Always 1: the node's name",
    labels: ['node'],
    read: () => [{ labels: { node }, value: 1 }],
  });
  metrics.gauge({
    name: 'kubelet_running_pods',
    help: 'Pods of this node that have a network namespace',
    read: () => single([...pods.hosted()].length),
  });
  metrics.gauge({
    name: 'kubelet_running_containers',
    help: 'Containers of this node by state',
    labels: ['container_state'],
    read() {
      const states = [...pods.hosted()].flatMap((pod) => pod.containers.map((c) => c.state));
      return Object.entries(CONTAINER_STATES).map(
        ([name, state]): Sample<'container_state'> => ({
          labels: { container_state: name },
          value: states.filter((s) => s === state).length,
        }),
      );
    },
  });
}
