/** What the supervisor tells of the lab, and where the other processes tell of themselves. */
import { type HostSpec, type LabConfig, METRICS_PORTS, type MetricsComponent, type TimelineType } from '@svclab/core';
import { type Bus, busMetrics, type Logger, type Metrics, serveMetrics } from '@svclab/runtime';
import { supervisorIP } from '../plan/plan.ts';
import { COMPONENTS } from '../state/secrets.ts';

/** The lab as it is at a scrape. */
export interface LabView {
  /** Hosts come and go while it runs. */
  hosts(): readonly { readonly spec: HostSpec; readonly up: boolean }[];
  processes(): Promise<readonly ProcessView[]> | readonly ProcessView[];
  /** Events of the timeline by type. */
  events(): ReadonlyMap<TimelineType, number>;
}

/** One process as it is at a scrape. */
export interface ProcessView {
  readonly component: string;
  readonly host: string;
  readonly ready: boolean;
  readonly restarts: number;
}

/** Targets as Prometheus' HTTP service discovery takes them (its documentation, "Writing HTTP Service Discovery"). */
export interface ScrapeTarget {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Serves the supervisor's metrics and the list of targets (`/targets`), in a lab that has metrics. */
export async function serveLabMetrics(options: {
  readonly lab: LabConfig;
  readonly bus: Pick<Bus, 'connected' | 'onState'>;
  readonly log: Logger;
  readonly view: LabView;
}): Promise<void> {
  const { lab, bus, log, view } = options;
  if (!lab.metrics) return;
  const { metrics } = await serveMetrics({
    host: supervisorIP(lab),
    port: METRICS_PORTS.supervisor,
    component: 'supervisor',
    node: 'lab',
    log,
    pages: { '/targets': () => scrapeTargets(view.hosts().map((h) => h.spec)) },
  });
  busMetrics(metrics, bus);
  labMetrics(metrics, view);
}

/** Every process that serves metrics, as `job` its component and as `instance` its host. The supervisor is not among them: it is the one asked. */
export function scrapeTargets(hosts: readonly HostSpec[]): ScrapeTarget[] {
  return hosts.flatMap(({ name, role, controlIP }) =>
    controlIP === undefined
      ? []
      : COMPONENTS[role].filter(servesMetrics).map((component) => ({
          targets: [`${controlIP}:${METRICS_PORTS[component]}`],
          labels: { job: component, instance: name },
        })),
  );
}

const servesMetrics = (component: string): component is MetricsComponent => Object.hasOwn(METRICS_PORTS, component);

/** Declares the supervisor's metrics. */
export function labMetrics(metrics: Metrics, view: LabView): void {
  metrics.gauge({
    name: 'svclab_host_up',
    help: 'Whether a host of the lab is powered on (1) or off (0)',
    labels: ['host', 'role'],
    read: () =>
      view.hosts().map(({ spec: { name, role }, up }) => ({ labels: { host: name, role }, value: up ? 1 : 0 })),
  });
  metrics.gauge({
    name: 'svclab_process_ready',
    help: 'Whether a process of the lab serves (1) or not (0)',
    labels: ['component', 'host'],
    read: async () =>
      (await view.processes()).map(({ component, host, ready }) => ({
        labels: { component, host },
        value: ready ? 1 : 0,
      })),
  });
  metrics.countOf({
    name: 'svclab_process_restarts_total',
    help: 'Times a process of the lab was started again',
    labels: ['component', 'host'],
    read: async () =>
      (await view.processes()).map(({ component, host, restarts }) => ({
        labels: { component, host },
        value: restarts,
      })),
  });
  metrics.countOf({
    name: 'svclab_timeline_events_total',
    help: 'Events on the timeline by type: faults, elections, announcements, endpoints, rules',
    labels: ['type'],
    read: () => [...view.events()].map(([type, value]) => ({ labels: { type }, value })),
  });
}
