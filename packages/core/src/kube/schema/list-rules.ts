/**
 * How lists and maps merge. Source: the `x-kubernetes-patch-merge-key`, `x-kubernetes-patch-strategy`, `x-kubernetes-list-type`,
 * `x-kubernetes-list-map-keys` and `x-kubernetes-map-type` extensions of Kubernetes' OpenAPI (k8s.io/api `types.go` tags).
 */

/** Rules of one field, by `Type.field`. */
interface FieldRule {
  /** Key by which a strategic merge patch merges a list of objects. */
  readonly patchKey?: string;
  /** A strategic merge patch adds to a list of scalars instead of replacing it. */
  readonly mergeScalars?: boolean;
  /** `$retainKeys` is honoured. */
  readonly retainKeys?: boolean;
  /** Keys that identify an item of a list for server-side apply. */
  readonly mapKeys?: readonly string[];
  /** Server-side apply treats a list of scalars as a set. */
  readonly set?: boolean;
  /** Server-side apply owns the map or struct as a whole. */
  readonly atomic?: boolean;
}

const byKey = (key: string): FieldRule => ({ patchKey: key, mapKeys: [key] });
const conditions = byKey('type');
const container: Readonly<Record<string, FieldRule>> = {
  env: byKey('name'),
  ports: { patchKey: 'containerPort', mapKeys: ['containerPort', 'protocol'] },
  volumeMounts: byKey('mountPath'),
  volumeDevices: byKey('devicePath'),
};

const RULES: Readonly<Record<string, Readonly<Record<string, FieldRule>>>> = {
  'meta.v1.ObjectMeta': {
    ownerReferences: byKey('uid'),
    finalizers: { mergeScalars: true, set: true },
    managedFields: { atomic: true },
  },
  'meta.v1.LabelSelector': { matchExpressions: { atomic: true } },
  'core.v1.Container': container,
  'core.v1.EphemeralContainer': container,
  'core.v1.PodSpec': {
    containers: byKey('name'),
    initContainers: byKey('name'),
    ephemeralContainers: byKey('name'),
    volumes: { patchKey: 'name', mapKeys: ['name'], retainKeys: true },
    imagePullSecrets: byKey('name'),
    hostAliases: byKey('ip'),
    topologySpreadConstraints: { patchKey: 'topologyKey', mapKeys: ['topologyKey', 'whenUnsatisfiable'] },
    schedulingGates: byKey('name'),
    resourceClaims: { patchKey: 'name', mapKeys: ['name'], retainKeys: true },
    nodeSelector: { atomic: true },
  },
  'core.v1.PodStatus': {
    conditions,
    hostIPs: { patchKey: 'ip' },
    podIPs: byKey('ip'),
    resourceClaimStatuses: { patchKey: 'name', mapKeys: ['name'], retainKeys: true },
  },
  'core.v1.ResourceRequirements': { claims: { mapKeys: ['name'] } },
  'core.v1.ServiceSpec': {
    ports: { patchKey: 'port', mapKeys: ['port', 'protocol'] },
    selector: { atomic: true },
  },
  'core.v1.ServiceStatus': { conditions },
  'core.v1.ServiceAccount': { secrets: byKey('name') },
  'core.v1.NamespaceStatus': { conditions },
  'core.v1.NodeSpec': { podCIDRs: { mergeScalars: true, set: true } },
  'core.v1.NodeStatus': { conditions, addresses: byKey('type') },
  'core.v1.Secret': {},
  'apps.v1.DeploymentSpec': { strategy: { retainKeys: true } },
  'apps.v1.DeploymentStatus': { conditions },
  'apps.v1.ReplicaSetStatus': { conditions },
  'discovery.v1.Endpoint': { addresses: { set: true } },
};

/** Structs that server-side apply owns as a whole wherever they occur. */
const ATOMIC_STRUCTS: ReadonlySet<string> = new Set([
  'meta.v1.LabelSelector',
  'core.v1.ObjectReference',
  'core.v1.LocalObjectReference',
  'core.v1.SecretKeySelector',
  'core.v1.ConfigMapKeySelector',
  'core.v1.ObjectFieldSelector',
  'core.v1.ResourceFieldSelector',
  'core.v1.NodeSelector',
  'core.v1.NodeSelectorTerm',
  'core.v1.TypedLocalObjectReference',
  'core.v1.EndpointAddress',
  'core.v1.EndpointPort',
  'discovery.v1.EndpointPort',
]);

const NONE: FieldRule = {};

/** Rules of a field of a type; empty when it has none. */
export function fieldRule(type: string, field: string): FieldRule {
  const rules = RULES[type];
  return rules && Object.hasOwn(rules, field) ? (rules[field] ?? NONE) : NONE;
}

/** True when server-side apply owns values of this type as a whole. */
export function isAtomicStruct(type: string): boolean {
  return ATOMIC_STRUCTS.has(type);
}
