/** Columns of namespaces, nodes, configuration, events and MetalLB's resources. Source: kubernetes `pkg/printers/internalversion/printers.go`, metallb/metallb `api/v1beta1` markers. */
import type { ConfigMap, KubeEvent, Namespace, Node, Secret } from '../../api/core.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { IPAddressPool, L2Advertisement } from '../../api/metallb.ts';
import { ageOf } from './duration.ts';
import { column, type TableCells } from './table.ts';

const name = column('Name', 'Name of the object, unique within its namespace', { format: 'name' });
const age = column('Age', 'Time since the object was made');

/** Columns of `kubectl get namespaces`. */
export const NAMESPACE_COLUMNS = [name, column('Status', 'Active or Terminating'), age];

/** Cells of one Namespace. */
export function namespaceCells(ns: Namespace, nowMs: number): TableCells {
  return [ns.metadata.name, ns.status?.phase ?? 'Active', ageOf(ns.metadata.creationTimestamp, nowMs)];
}

/** Columns of `kubectl get nodes`. */
export const NODE_COLUMNS = [
  name,
  column('Status', 'Whether the node is ready, and whether pods may be placed on it'),
  column('Roles', 'Roles from the node-role.kubernetes.io labels'),
  age,
  column('Version', 'Version the node reports'),
  column('Internal-IP', 'Address inside the cluster', { wide: true }),
  column('External-IP', 'Address outside the cluster', { wide: true }),
  column('OS-Image', 'Operating system', { wide: true }),
  column('Kernel-Version', 'Kernel', { wide: true }),
  column('Container-Runtime', 'Container runtime', { wide: true }),
];

/** Cells of one Node. */
export function nodeCells(node: Node, nowMs: number): TableCells {
  const ready = (node.status?.conditions ?? []).find((c) => c.type === 'Ready');
  const status = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown'];
  if (node.spec?.unschedulable) status.push('SchedulingDisabled');
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith('node-role.kubernetes.io/')) return [key.slice('node-role.kubernetes.io/'.length)];
    return key === 'kubernetes.io/role' && value !== '' ? [value] : [];
  });
  const address = (type: string): string =>
    (node.status?.addresses ?? []).find((a) => a.type === type)?.address ?? '<none>';
  const info = node.status?.nodeInfo;
  return [
    node.metadata.name,
    status.join(','),
    roles.length === 0 ? '<none>' : roles.sort().join(','),
    ageOf(node.metadata.creationTimestamp, nowMs),
    info?.kubeletVersion ?? '',
    address('InternalIP'),
    address('ExternalIP'),
    info?.osImage || '<unknown>',
    info?.kernelVersion || '<unknown>',
    info?.containerRuntimeVersion || '<unknown>',
  ];
}

/** Columns of `kubectl get configmaps`. */
export const CONFIGMAP_COLUMNS = [name, column('Data', 'Number of entries', { type: 'integer' }), age];

/** Cells of one ConfigMap. */
export function configMapCells(map: ConfigMap, nowMs: number): TableCells {
  const entries = Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length;
  return [map.metadata.name, entries, ageOf(map.metadata.creationTimestamp, nowMs)];
}

/** Columns of `kubectl get secrets`. */
export const SECRET_COLUMNS = [
  name,
  column('Type', 'Type of the secret'),
  column('Data', 'Number of entries', { type: 'integer' }),
  age,
];

/** Cells of one Secret. */
export function secretCells(secret: Secret, nowMs: number): TableCells {
  return [
    secret.metadata.name,
    secret.type ?? 'Opaque',
    Object.keys(secret.data ?? {}).length,
    ageOf(secret.metadata.creationTimestamp, nowMs),
  ];
}

/** Columns of `kubectl get serviceaccounts`. */
export const SERVICEACCOUNT_COLUMNS = [name, column('Secrets', 'Number of secrets', { type: 'integer' }), age];

/** Cells of one ServiceAccount. */
export function serviceAccountCells(account: KubeObject, nowMs: number): TableCells {
  const secrets = (account as { secrets?: readonly unknown[] }).secrets ?? [];
  return [account.metadata.name, secrets.length, ageOf(account.metadata.creationTimestamp, nowMs)];
}

/** Columns of `kubectl get events`. */
export const EVENT_COLUMNS = [
  column('Last Seen', 'Time since it happened last'),
  column('Type', 'Normal or Warning'),
  column('Reason', 'Why, as one word'),
  column('Object', 'What it is about'),
  column('Subobject', 'Part of the object', { wide: true }),
  column('Source', 'Who reported it', { wide: true }),
  column('Message', 'What happened'),
  column('First Seen', 'Time since it happened first', { wide: true }),
  column('Count', 'How often it happened', { type: 'integer', wide: true }),
  column('Name', 'Name of the event', { format: 'name', wide: true }),
];

/** Cells of one Event. */
export function eventCells(event: KubeEvent, nowMs: number): TableCells {
  const first = event.firstTimestamp || event.eventTime;
  const last = event.lastTimestamp || first;
  const about = event.involvedObject;
  const source = [event.source?.component || event.reportingComponent, event.source?.host || event.reportingInstance];
  return [
    ageOf(last, nowMs),
    event.type ?? '',
    event.reason ?? '',
    about?.name ? `${(about.kind ?? '').toLowerCase()}/${about.name}` : (about?.kind ?? '').toLowerCase(),
    about?.fieldPath ?? '',
    source.filter((s) => s).join(', '),
    (event.message ?? '').trim(),
    ageOf(first, nowMs),
    event.count ?? 1,
    event.metadata.name,
  ];
}

/** Columns of `kubectl get ipaddresspools`. */
export const POOL_COLUMNS = [
  name,
  column('Auto Assign', 'Whether addresses are given out without being asked for', { type: 'boolean' }),
  column('Avoid Buggy IPs', 'Whether addresses ending in .0 and .255 are left out', { type: 'boolean' }),
  column('Addresses', 'Ranges of addresses'),
];

/** Cells of one IPAddressPool. */
export function poolCells(pool: IPAddressPool): TableCells {
  return [
    pool.metadata.name,
    pool.spec.autoAssign ?? true,
    pool.spec.avoidBuggyIPs ?? false,
    JSON.stringify(pool.spec.addresses),
  ];
}

/** Columns of `kubectl get l2advertisements`. */
export const L2ADVERTISEMENT_COLUMNS = [
  name,
  column('IPAddressPools', 'Pools it announces'),
  column('IPAddressPool Selectors', 'Labels of the pools it announces'),
  column('Interfaces', 'Interfaces it announces on'),
  column('Node Selectors', 'Labels of the nodes that announce', { wide: true }),
];

/** Cells of one L2Advertisement. */
export function l2AdvertisementCells(advertisement: L2Advertisement): TableCells {
  const text = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));
  const spec = advertisement.spec;
  return [
    advertisement.metadata.name,
    text(spec?.ipAddressPools),
    text(spec?.ipAddressPoolSelectors),
    text(spec?.interfaces),
    text(spec?.nodeSelectors),
  ];
}
