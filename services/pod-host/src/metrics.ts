/** What pod-host tells of the pods it holds. */
import type { Metrics } from '@svclab/runtime';
import { single } from '@svclab/runtime';
import type { PodTable } from './pod/pod-table.ts';

const STATES = ['waiting', 'running', 'terminated'];

/** Declares the metrics of this node's pods. */
export function podHostMetrics(metrics: Metrics, table: Pick<PodTable, 'list'>): void {
  metrics.gauge({
    name: 'svclab_pod_host_pods',
    help: 'Pods whose network namespace this process holds',
    read: () => single(table.list().length),
  });
  metrics.gauge({
    name: 'svclab_pod_host_containers',
    help: 'Emulated containers by state',
    labels: ['state'],
    read() {
      const states = table.list().flatMap((pod) => pod.describe().containers.map((c) => c.state));
      return STATES.map((state) => ({ labels: { state }, value: states.filter((s) => s === state).length }));
    },
  });
  metrics.countOf({
    name: 'svclab_pod_host_container_restarts_total',
    help: 'Times a container of a pod that is still here was started again',
    labels: ['namespace', 'pod', 'container'],
    read: () =>
      table.list().flatMap((pod) => {
        const { namespace, name, containers } = pod.describe();
        return containers.map((c) => ({ labels: { namespace, pod: name, container: c.name }, value: c.restartCount }));
      }),
  });
}
