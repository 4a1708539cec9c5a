/**
 * Names of objects in the store: one JetStream KV bucket for all kinds, so that the stream sequence is a resourceVersion
 * that is totally ordered over every kind (KEP-5504).
 */

/** A resource, as in URLs: the group ("" for core) and the lower-case plural. */
export interface ResourceRef {
  readonly group: string;
  readonly resource: string;
}

/** Where one object lives. `namespace` is "" for cluster-scoped kinds. */
export interface ObjectKey extends ResourceRef {
  readonly namespace: string;
  readonly name: string;
}

const CORE = 'core';
const NONE = '_';

/** Encodes one part of a key so that it is one NATS subject token: what is not a letter, digit, `-` or `_` becomes `=XX` (hex, UTF-16 unit). */
export function encodeSegment(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, (c) => `=${c.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`);
}

/** The inverse of {@link encodeSegment}. */
export function decodeSegment(text: string): string {
  return text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** `services` of core in `default` named `web` -> `core.services.default.web`; cluster-scoped objects have `_` as the namespace. */
export function encodeKey(key: ObjectKey): string {
  return [
    encodeSegment(key.group === '' ? CORE : key.group),
    encodeSegment(key.resource),
    key.namespace === '' ? NONE : encodeSegment(key.namespace),
    encodeSegment(key.name),
  ].join('.');
}

/** The inverse of {@link encodeKey}; undefined for a key no svclab process writes. */
export function decodeKey(text: string): ObjectKey | undefined {
  const [group, resource, namespace, name, ...rest] = text.split('.');
  if (!group || !resource || !namespace || !name || rest.length > 0) return undefined;
  return {
    group: group === CORE ? '' : decodeSegment(group),
    resource: decodeSegment(resource),
    namespace: namespace === NONE ? '' : decodeSegment(namespace),
    name: decodeSegment(name),
  };
}

/** Key filter (`core.pods.>`) that matches every object of one resource. */
export function resourceFilter(ref: ResourceRef): string {
  return `${encodeSegment(ref.group === '' ? CORE : ref.group)}.${encodeSegment(ref.resource)}.>`;
}

/** The resources of this product's built-in kinds, by the name the code uses. */
export const RESOURCES = {
  namespaces: { group: '', resource: 'namespaces' },
  nodes: { group: '', resource: 'nodes' },
  pods: { group: '', resource: 'pods' },
  services: { group: '', resource: 'services' },
  endpoints: { group: '', resource: 'endpoints' },
  configmaps: { group: '', resource: 'configmaps' },
  secrets: { group: '', resource: 'secrets' },
  serviceaccounts: { group: '', resource: 'serviceaccounts' },
  events: { group: '', resource: 'events' },
  deployments: { group: 'apps', resource: 'deployments' },
  replicasets: { group: 'apps', resource: 'replicasets' },
  endpointslices: { group: 'discovery.k8s.io', resource: 'endpointslices' },
  leases: { group: 'coordination.k8s.io', resource: 'leases' },
  statefulsets: { group: 'apps', resource: 'statefulsets' },
  daemonsets: { group: 'apps', resource: 'daemonsets' },
  controllerrevisions: { group: 'apps', resource: 'controllerrevisions' },
  jobs: { group: 'batch', resource: 'jobs' },
  cronjobs: { group: 'batch', resource: 'cronjobs' },
  persistentvolumeclaims: { group: '', resource: 'persistentvolumeclaims' },
  persistentvolumes: { group: '', resource: 'persistentvolumes' },
  resourcequotas: { group: '', resource: 'resourcequotas' },
  limitranges: { group: '', resource: 'limitranges' },
  storageclasses: { group: 'storage.k8s.io', resource: 'storageclasses' },
  poddisruptionbudgets: { group: 'policy', resource: 'poddisruptionbudgets' },
  priorityclasses: { group: 'scheduling.k8s.io', resource: 'priorityclasses' },
  ingresses: { group: 'networking.k8s.io', resource: 'ingresses' },
  ingressclasses: { group: 'networking.k8s.io', resource: 'ingressclasses' },
  networkpolicies: { group: 'networking.k8s.io', resource: 'networkpolicies' },
  roles: { group: 'rbac.authorization.k8s.io', resource: 'roles' },
  rolebindings: { group: 'rbac.authorization.k8s.io', resource: 'rolebindings' },
  clusterroles: { group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  clusterrolebindings: { group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  customresourcedefinitions: { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
  ipaddresspools: { group: 'metallb.io', resource: 'ipaddresspools' },
  l2advertisements: { group: 'metallb.io', resource: 'l2advertisements' },
  servicel2statuses: { group: 'metallb.io', resource: 'servicel2statuses' },
  /** Allocations are keys of their own: created or refused, never read-modify-written. */
  allocations: { group: 'svclab.dev', resource: 'allocations' },
} as const satisfies Record<string, ResourceRef>;

/** The lease of the control loops, under the name kube-controller-manager gives it. */
export const LEADER_LEASE: ObjectKey = {
  ...RESOURCES.leases,
  namespace: 'kube-system',
  name: 'kube-controller-manager',
};
