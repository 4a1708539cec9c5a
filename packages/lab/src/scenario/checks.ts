/** The checkers over one run: gathers what they must know besides the timeline and the samples. */
import {
  CHECKS,
  type CheckName,
  type CheckResult,
  type EndpointSlice,
  type HistoryFacts,
  type HistoryFault,
  type Pod,
  runCheckers,
  type Service,
} from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { readApi } from '../driver/cluster-ready.ts';
import type { ExperimentResult } from './experiment.ts';
import type { Scenario } from './scenario-file.ts';
import type { ServiceRef } from './steady.ts';

/** What the API says about the Service under test and its pods. */
export interface Cluster {
  readonly service: Service;
  readonly pods: readonly Pod[];
  /** Services whose names are looked up, with the addresses that are right now. */
  readonly names: readonly NamedService[];
}

/** What a name must answer. */
export interface NamedService {
  readonly service: ServiceRef;
  readonly kind: 'endpoints' | 'fixed';
  readonly addresses: readonly string[];
}

/** Reads it. */
export async function readCluster(lab: LabConnection, scenario: Scenario): Promise<Cluster> {
  const { api } = await lab.service.status({ skipMemory: true });
  const { namespace, name } = scenario.target.service;
  const [service, { items }] = await Promise.all([
    readApi<Service>(lab, api, `/api/v1/namespaces/${namespace}/services/${name}`),
    readApi<{ items: Pod[] }>(lab, api, '/api/v1/pods'),
  ]);
  const names = await Promise.all(scenario.dns.flatMap((d) => (d.service ? [namedService(lab, api, d.service)] : [])));
  return { service, pods: items, names };
}

/** A headless Service answers with its ready endpoints, any other with its own address. */
async function namedService(lab: LabConnection, api: string, service: ServiceRef): Promise<NamedService> {
  const { namespace, name } = service;
  const { spec } = await readApi<Service>(lab, api, `/api/v1/namespaces/${namespace}/services/${name}`);
  if (spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None')
    return { service, kind: 'fixed', addresses: [spec.clusterIP] };
  const { items } = await readApi<{ items: EndpointSlice[] }>(
    lab,
    api,
    `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=kubernetes.io/service-name%3D${name}`,
  );
  const ready = items.flatMap((s) => s.endpoints.filter((e) => e.conditions?.ready !== false));
  return { service, kind: 'endpoints', addresses: ready.flatMap((e) => e.addresses) };
}

/** Node a pod runs on, by pod name. */
export function podNodesOf(pods: readonly Pod[]): Record<string, string> {
  return Object.fromEntries(
    pods.flatMap((p) =>
      p.metadata.name === undefined || p.spec.nodeName === undefined ? [] : [[p.metadata.name, p.spec.nodeName]],
    ),
  );
}

/** Runs the checkers over a run. `before` is the cluster as it was when the run began. */
export function checkRun(
  result: ExperimentResult,
  lab: LabConnection,
  scenario: Scenario,
  before: Cluster,
): CheckResult[] {
  return runCheckers({
    events: result.events,
    run: result.run,
    endNs: result.endNs,
    facts: facts(result, lab, scenario, before),
    faults: faultsOf(result),
    dns: result.dns.flatMap((d) => {
      const known = before.names.find(
        (n) => n.service.name === d.spec.service?.name && n.service.namespace === d.spec.service.namespace,
      );
      if (!known) return [];
      const { service, kind, addresses } = known;
      return [{ run: d.run, service: `${service.namespace}/${service.name}`, kind, addresses }];
    }),
  });
}

function facts(
  { target }: ExperimentResult,
  lab: LabConnection,
  scenario: Scenario,
  { service, pods }: Cluster,
): HistoryFacts {
  const { namespace, name } = target.service;
  const selector = Object.entries(service.spec.selector ?? {});
  const own = pods.filter(
    (p) =>
      p.metadata.namespace === namespace &&
      selector.length > 0 &&
      selector.every(([k, v]) => p.metadata.labels?.[k] === v),
  );
  const entry = /^nodeport\//.test(scenario.target.via)
    ? lab.config.hosts.find((h) => h.lanIP === new URL(target.url).hostname)?.name
    : undefined;
  const timeout = service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  return {
    vip: target.vip,
    service: `${namespace}/${name}`,
    nodes: lab.config.hosts.filter((h) => h.role === 'node').map((h) => h.name),
    pods: Object.fromEntries(
      // All of the lab: one of another Service must not answer for this one, and names of others may be probed.
      pods.flatMap((p) =>
        p.metadata.name === undefined || p.status?.podIP === undefined || p.spec.nodeName === undefined
          ? []
          : [[p.metadata.name, { ip: p.status.podIP, node: p.spec.nodeName }]],
      ),
    ),
    endpoints: own
      .filter((p) => p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'))
      .flatMap((p) => p.metadata.name ?? []),
    owner: target.vip === '' ? undefined : target.owner,
    entryNode: entry,
    knobs: lab.config.knobs,
    affinityTimeoutMs: service.spec.sessionAffinity === 'ClientIP' ? (timeout ?? AFFINITY_S) * 1000 : undefined,
    externalTrafficPolicy: service.spec.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    expects: CHECKS.filter((c): c is CheckName => scenario.expectViolation.includes(c)),
  };
}

/** Kubernetes' default session affinity timeout, s (core/v1, ClientIPConfig). */
const AFFINITY_S = 10_800;

/** The faults the timeline holds. */
function faultsOf({ events }: ExperimentResult): HistoryFault[] {
  return events
    .filter((e) => e.type === 'fault.effective')
    .map((e) => ({ verb: e.attrs.fault ?? '', target: e.attrs.target ?? '', fromNs: e.atNs }));
}
