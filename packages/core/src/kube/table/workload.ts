/** Columns of the apps group. Source: kubernetes `pkg/printers/internalversion/printers.go`. */
import type { Deployment, ReplicaSet } from '../../api/apps.ts';
import type { PodSpec } from '../../api/core.ts';
import { ageOf } from './duration.ts';
import { formatSelector } from './selector-text.ts';
import { column, type TableCells } from './table.ts';

const WIDE = [
  column('Containers', 'Names of the containers in the template', { wide: true }),
  column('Images', 'Images of the containers in the template', { wide: true }),
  column('Selector', 'Labels of the pods it manages', { wide: true }),
];

const containersOf = (spec: PodSpec): string[] => [
  spec.containers.map((c) => c.name).join(','),
  spec.containers.map((c) => c.image ?? '').join(','),
];

/** Columns of `kubectl get deployments`. */
export const DEPLOYMENT_COLUMNS = [
  column('Name', 'Name of the deployment, unique within its namespace', { format: 'name' }),
  column('Ready', 'Pods that are ready, of the pods wanted'),
  column('Up-to-date', 'Pods that have the present template'),
  column('Available', 'Pods that have been ready for minReadySeconds'),
  column('Age', 'Time since the deployment was made'),
  ...WIDE,
];

/** Cells of one Deployment. */
export function deploymentCells(d: Deployment, nowMs: number): TableCells {
  return [
    d.metadata.name,
    `${d.status?.readyReplicas ?? 0}/${d.spec.replicas ?? 0}`,
    d.status?.updatedReplicas ?? 0,
    d.status?.availableReplicas ?? 0,
    ageOf(d.metadata.creationTimestamp, nowMs),
    ...containersOf(d.spec.template.spec),
    formatSelector(d.spec.selector),
  ];
}

/** Columns of `kubectl get replicasets`. */
export const REPLICASET_COLUMNS = [
  column('Name', 'Name of the replica set, unique within its namespace', { format: 'name' }),
  column('Desired', 'Pods wanted', { type: 'integer' }),
  column('Current', 'Pods there are', { type: 'integer' }),
  column('Ready', 'Pods that are ready', { type: 'integer' }),
  column('Age', 'Time since the replica set was made'),
  ...WIDE,
];

/** Cells of one ReplicaSet. */
export function replicaSetCells(r: ReplicaSet, nowMs: number): TableCells {
  return [
    r.metadata.name,
    r.spec.replicas ?? 0,
    r.status?.replicas ?? 0,
    r.status?.readyReplicas ?? 0,
    ageOf(r.metadata.creationTimestamp, nowMs),
    ...containersOf(r.spec.template.spec),
    formatSelector(r.spec.selector),
  ];
}
