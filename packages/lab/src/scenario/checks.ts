/** The checkers over one run: gathers what they must know besides the timeline and the samples. */
import {
  CHECKS,
  type CheckName,
  type CheckResult,
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

/** What the API says about the Service under test and its pods. */
export interface Cluster {
  readonly service: Service;
  readonly pods: readonly Pod[];
}

/** Reads it. */
export async function readCluster(lab: LabConnection, scenario: Scenario): Promise<Cluster> {
  const { api } = await lab.service.status({ skipMemory: true });
  const { namespace, name } = scenario.target.service;
  const [service, { items }] = await Promise.all([
    readApi<Service>(lab, api, `/api/v1/namespaces/${namespace}/services/${name}`),
    readApi<{ items: Pod[] }>(lab, api, '/api/v1/pods'),
  ]);
  return { service, pods: items };
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
      own.flatMap((p) =>
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
