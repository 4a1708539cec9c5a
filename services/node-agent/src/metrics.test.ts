import type { Cache, EndpointSlice, StoreEvent, StoreListener } from '@svclab/core';
import { recordedMetrics } from '@svclab/testkit';
import type { HostedPod } from '@svclab/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import { kubeletMetrics, ProxyMetrics } from './metrics.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const at = (s: number): string => new Date(START + s * 1000).toISOString();

describe('ProxyMetrics', () => {
  let now = START;
  let tell: StoreListener;
  let recorded = recordedMetrics();
  let proxy: ProxyMetrics;
  beforeEach(() => {
    now = START;
    recorded = recordedMetrics();
    const cache = {
      subscribe: (listener: StoreListener) => {
        tell = listener;
        return () => undefined;
      },
    } as unknown as Pick<Cache, 'subscribe'>;
    proxy = new ProxyMetrics(recorded.metrics, { cache, clock: { wall: () => now } });
  });
  const slice = (revision: number, trigger: string | undefined, type: StoreEvent['type'] = 'ADDED'): void => {
    const object = {
      metadata: {
        name: 'web-1',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'web' },
        ...(trigger ? { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': trigger } } : {}),
      },
    } as EndpointSlice;
    const key = { group: 'discovery.k8s.io', resource: 'endpointslices', namespace: 'default', name: 'web-1' };
    tell({ type, key, object, revision } as StoreEvent);
  };
  const sync = (revision: number): void => proxy.synced({ revision, services: 1, operations: 1, tookUs: 2000 });
  const sum = (): Promise<number | undefined> => recorded.value('kubeproxy_network_programming_duration_seconds_sum');

  it('measures a change until the sync that contains it', async () => {
    slice(5, at(1));
    now = START + 3000;
    sync(4);
    expect(await sum()).toBeUndefined();
    now = START + 4000;
    sync(5);
    expect(await sum()).toBe(3);
    sync(6);
    expect(await recorded.value('kubeproxy_network_programming_duration_seconds_count')).toBe(1);
  });
  it.each<[string, () => void]>([
    ['from before the start', () => slice(5, at(-1))],
    ['without a time', () => slice(5, undefined)],
    [
      'whose slice has gone since',
      () => {
        slice(5, at(1));
        slice(6, at(1), 'DELETED');
      },
    ],
  ])('does not measure a change %s', async (_, change) => {
    change();
    sync(9);
    expect(await sum()).toBeUndefined();
  });
  it('counts changes, syncs and failures', async () => {
    slice(5, undefined);
    tell({ type: 'ADDED', key: { group: '', resource: 'services' }, object: {}, revision: 6 } as unknown as StoreEvent);
    tell({ type: 'ADDED', key: { group: '', resource: 'nodes' }, object: {}, revision: 7 } as unknown as StoreEvent);
    sync(7);
    proxy.failed();
    expect(await recorded.value('kubeproxy_sync_proxy_rules_endpoint_changes_total')).toBe(1);
    expect(await recorded.value('kubeproxy_sync_proxy_rules_service_changes_total')).toBe(1);
    expect(await recorded.value('kubeproxy_sync_proxy_rules_duration_seconds_sum')).toBe(0.002);
    expect(await recorded.value('kubeproxy_sync_proxy_rules_nftables_sync_failures_total')).toBe(1);
  });
  it('tells when the last sync was, once there was one', async () => {
    proxy.follow({ services: 2, operations: 3, pending: 1, programmedRevision: 9 });
    const last = (): Promise<number | undefined> => recorded.value('kubeproxy_sync_proxy_rules_last_timestamp_seconds');
    expect(await last()).toBeUndefined();
    now = START + 500;
    sync(9);
    expect(await last()).toBe((START + 500) / 1000);
    expect(await recorded.value('svclab_proxy_programmed_revision')).toBe(9);
  });
});

describe('kubeletMetrics', () => {
  it('counts pods, and containers by state', async () => {
    const { metrics, value } = recordedMetrics();
    const pod = (...states: string[]): HostedPod => ({ containers: states.map((state) => ({ state })) }) as HostedPod;
    kubeletMetrics(metrics, 'node-1', { hosted: () => [pod('running', 'terminated'), pod('running', 'waiting')] });
    expect(await value('kubelet_running_pods')).toBe(2);
    expect(await value('kubelet_running_containers', { container_state: 'running' })).toBe(2);
    expect(await value('kubelet_running_containers', { container_state: 'exited' })).toBe(1);
    expect(await value('kubelet_running_containers', { container_state: 'created' })).toBe(1);
    expect(await value('kubelet_node_name', { node: 'node-1' })).toBe(1);
  });
});
