/** The served resources. A new kind is one entry here, its strategy, its columns and its field tree. */
import * as core from '@svclab/core';
import type { ServiceRanges } from './allocators/service-allocator.ts';
import { type Definition, type Definitions, makeDefinitions } from './definition.ts';
import { EVENT_VIEW } from './event-view.ts';
import { l2AdvertisementStrategy, poolStrategy } from './strategies/metallb.ts';
import * as plain from './strategies/plain.ts';
import { serviceStrategy } from './strategies/service.ts';
import { deploymentStrategy, podStrategy, replicaSetStrategy } from './strategies/workload.ts';

/** What the strategies need from the lab. */
export interface DefinitionOptions {
  readonly ranges: ServiceRanges;
  /** Seconds a pod stays on a node that is not ready or unreachable. */
  readonly evictionSeconds: number;
}

type Optional =
  | 'singular'
  | 'shortNames'
  | 'categories'
  | 'namespaced'
  | 'status'
  | 'scale'
  | 'custom'
  | 'selectable'
  | 'strategy';

function define<T extends core.KubeObject>(
  d: Omit<Definition, Optional | 'cells' | 'selectable'> &
    Partial<Pick<Definition, Exclude<Optional, 'selectable'>>> & {
      cells(object: T, nowMs: number): core.TableCells;
      selectable?(object: T): Readonly<Record<string, string>>;
    },
): Definition {
  return {
    singular: d.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    status: false,
    scale: false,
    custom: false,
    strategy: {},
    selectable: () => ({}),
    ...d,
  } as unknown as Definition;
}

const eventFields = (event: core.KubeEvent): Record<string, string> => {
  const about = event.involvedObject ?? {};
  const source = event.source?.component ?? event.reportingComponent ?? '';
  return {
    'involvedObject.kind': about.kind ?? '',
    'involvedObject.namespace': about.namespace ?? '',
    'involvedObject.name': about.name ?? '',
    'involvedObject.uid': about.uid ?? '',
    'involvedObject.apiVersion': about.apiVersion ?? '',
    'involvedObject.resourceVersion': about.resourceVersion ?? '',
    'involvedObject.fieldPath': about.fieldPath ?? '',
    reason: event.reason ?? '',
    reportingComponent: event.reportingComponent ?? '',
    source,
    type: event.type ?? '',
  };
};

const podFields = (pod: core.Pod): Record<string, string> => ({
  'spec.nodeName': pod.spec.nodeName ?? '',
  'spec.restartPolicy': pod.spec.restartPolicy ?? '',
  'spec.schedulerName': (pod.spec as { schedulerName?: string }).schedulerName ?? '',
  'spec.serviceAccountName': pod.spec.serviceAccountName ?? '',
  'spec.hostNetwork': String(pod.spec.hostNetwork ?? false),
  'status.phase': pod.status?.phase ?? '',
  'status.podIP': pod.status?.podIP ?? '',
  'status.nominatedNodeName': '',
});

function coreDefinitions(options: DefinitionOptions): Definition[] {
  const v1 = { version: 'v1' } as const;
  return [
    define<core.ConfigMap>({
      ...core.RESOURCES.configmaps,
      ...v1,
      kind: 'ConfigMap',
      shortNames: ['cm'],
      schema: 'core.v1.ConfigMap',
      columns: core.CONFIGMAP_COLUMNS,
      cells: core.configMapCells,
      strategy: plain.configMapStrategy,
    }),
    define<core.Endpoints>({
      ...core.RESOURCES.endpoints,
      ...v1,
      kind: 'Endpoints',
      shortNames: ['ep'],
      schema: 'core.v1.Endpoints',
      columns: core.ENDPOINTS_COLUMNS,
      cells: core.endpointsCells,
      strategy: plain.endpointsStrategy,
    }),
    define<core.KubeEvent>({
      ...core.RESOURCES.events,
      ...v1,
      kind: 'Event',
      shortNames: ['ev'],
      schema: 'core.v1.Event',
      columns: core.EVENT_COLUMNS,
      cells: core.eventCells,
      selectable: eventFields,
    }),
    define<core.Namespace>({
      ...core.RESOURCES.namespaces,
      ...v1,
      kind: 'Namespace',
      shortNames: ['ns'],
      namespaced: false,
      status: true,
      schema: 'core.v1.Namespace',
      columns: core.NAMESPACE_COLUMNS,
      cells: core.namespaceCells,
      selectable: (ns) => ({ 'status.phase': ns.status?.phase ?? '' }),
      strategy: plain.namespaceStrategy,
    }),
    define<core.Node>({
      ...core.RESOURCES.nodes,
      ...v1,
      kind: 'Node',
      shortNames: ['no'],
      namespaced: false,
      status: true,
      schema: 'core.v1.Node',
      columns: core.NODE_COLUMNS,
      cells: core.nodeCells,
      selectable: (node) => ({ 'spec.unschedulable': String(node.spec?.unschedulable ?? false) }),
    }),
    define<core.Pod>({
      ...core.RESOURCES.pods,
      ...v1,
      kind: 'Pod',
      shortNames: ['po'],
      categories: ['all'],
      status: true,
      schema: 'core.v1.Pod',
      columns: core.POD_COLUMNS,
      cells: core.podCells,
      selectable: podFields,
      strategy: podStrategy(options.evictionSeconds),
    }),
    define<core.Secret>({
      ...core.RESOURCES.secrets,
      ...v1,
      kind: 'Secret',
      schema: 'core.v1.Secret',
      columns: core.SECRET_COLUMNS,
      cells: core.secretCells,
      selectable: (secret) => ({ type: secret.type ?? '' }),
      strategy: plain.secretStrategy,
    }),
    define<core.KubeObject>({
      ...core.RESOURCES.serviceaccounts,
      ...v1,
      kind: 'ServiceAccount',
      shortNames: ['sa'],
      schema: 'core.v1.ServiceAccount',
      columns: core.SERVICEACCOUNT_COLUMNS,
      cells: core.serviceAccountCells,
    }),
    define<core.Service>({
      ...core.RESOURCES.services,
      ...v1,
      kind: 'Service',
      shortNames: ['svc'],
      categories: ['all'],
      status: true,
      schema: 'core.v1.Service',
      columns: core.SERVICE_COLUMNS,
      cells: core.serviceCells,
      selectable: (svc) => ({ 'spec.clusterIP': svc.spec.clusterIP ?? '', 'spec.type': svc.spec.type ?? '' }),
      strategy: serviceStrategy(options.ranges),
    }),
  ];
}

function groupDefinitions(): Definition[] {
  const apps = { version: 'v1', categories: ['all'], status: true, scale: true } as const;
  const metallb = { version: 'v1beta1', custom: true, status: true } as const;
  return [
    define<core.Deployment>({
      ...core.RESOURCES.deployments,
      ...apps,
      kind: 'Deployment',
      shortNames: ['deploy'],
      schema: 'apps.v1.Deployment',
      columns: core.DEPLOYMENT_COLUMNS,
      cells: core.deploymentCells,
      strategy: deploymentStrategy,
    }),
    define<core.ReplicaSet>({
      ...core.RESOURCES.replicasets,
      ...apps,
      kind: 'ReplicaSet',
      shortNames: ['rs'],
      schema: 'apps.v1.ReplicaSet',
      columns: core.REPLICASET_COLUMNS,
      cells: core.replicaSetCells,
      selectable: (rs) => ({ 'status.replicas': String(rs.status?.replicas ?? 0) }),
      strategy: replicaSetStrategy,
    }),
    define<core.EndpointSlice>({
      ...core.RESOURCES.endpointslices,
      version: 'v1',
      kind: 'EndpointSlice',
      schema: 'discovery.v1.EndpointSlice',
      columns: core.SLICE_COLUMNS,
      cells: core.sliceCells,
      strategy: plain.endpointSliceStrategy,
    }),
    define<core.KubeEvent>({
      group: 'events.k8s.io',
      resource: 'events',
      version: 'v1',
      kind: 'Event',
      shortNames: ['ev'],
      schema: 'events.v1.Event',
      columns: core.EVENT_COLUMNS,
      cells: core.eventCells,
      selectable: eventFields,
      view: EVENT_VIEW,
    }),
    define<core.IPAddressPool>({
      ...core.RESOURCES.ipaddresspools,
      ...metallb,
      kind: 'IPAddressPool',
      schema: 'metallb.v1beta1.IPAddressPool',
      columns: core.POOL_COLUMNS,
      cells: core.poolCells,
      strategy: poolStrategy,
    }),
    define<core.L2Advertisement>({
      ...core.RESOURCES.l2advertisements,
      ...metallb,
      kind: 'L2Advertisement',
      schema: 'metallb.v1beta1.L2Advertisement',
      columns: core.L2ADVERTISEMENT_COLUMNS,
      cells: core.l2AdvertisementCells,
      strategy: l2AdvertisementStrategy,
    }),
  ];
}

/** All definitions, in the order discovery lists them. */
export function definitions(options: DefinitionOptions): Definitions {
  return makeDefinitions([...coreDefinitions(options), ...groupDefinitions()]);
}
