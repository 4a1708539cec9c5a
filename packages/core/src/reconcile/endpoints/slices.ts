/** The EndpointSlices of a Service, with as few writes as the change allows. Source: kubernetes `staging/src/k8s.io/endpointslice/reconciler.go`, KEP-0752. */
import type { Service } from '../../api/core.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL, type SliceEndpoint } from '../../api/discovery.ts';
import type { StringMap } from '../../api/meta.ts';
import { jsonEqual } from '../../kube/patch/merge-patch.ts';
import { canonicalJson, nameSuffix } from '../common/hash.ts';
import { controllerRef } from '../common/owner.ts';
import { endpointKey, type PodEndpoint, type SlicePorts } from './endpoint.ts';

/** Most endpoints of one slice. */
export const MAX_ENDPOINTS = 100;

export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.kubernetes.io';
export const HEADLESS = 'service.kubernetes.io/headless';

/** What is to be written. */
export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/** Endpoints of one address family that a Service should have. */
export interface DesiredEndpoints {
  readonly family: 'IPv4' | 'IPv6';
  readonly endpoints: readonly PodEndpoint[];
}

interface Group {
  readonly family: 'IPv4' | 'IPv6';
  readonly ports: SlicePorts;
  readonly wanted: Map<string, SliceEndpoint>;
}

/**
 * Plans the slices of one Service. Endpoints stay in the slice they are in; new ones fill slices with room, then new slices.
 * A Service without endpoints keeps one empty slice. New slices have names that follow from the Service and the ports,
 * so that a repeated attempt makes the same ones.
 * @param existing slices of the Service that this controller manages
 */
export function planSlices(
  service: Service,
  existing: readonly EndpointSlice[],
  desired: readonly DesiredEndpoints[],
): SlicePlan {
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const taken = new Set(existing.map((s) => s.metadata.name));
  const unused = new Set(existing);
  for (const group of groups(desired)) {
    const key = groupKey(group.family, group.ports);
    const own = existing.filter((s) => groupKey(s.addressType, s.ports ?? []) === key);
    const filled = fill(group, own);
    for (const [slice, endpoints] of filled.kept) {
      unused.delete(slice);
      const next = shaped(service, slice, endpoints);
      if (!jsonEqual(next, slice)) update.push(next);
    }
    // A slice of ports nobody has any more is taken over: one write less.
    for (const endpoints of filled.added) {
      const spare = [...unused].find((s) => s.addressType === group.family && !groupsHave(desired, s));
      if (spare) {
        unused.delete(spare);
        update.push(shaped(service, { ...spare, ports: group.ports }, endpoints));
      } else create.push(newSlice(service, group, endpoints, taken));
    }
  }
  return { create, update, remove: [...unused] };
}

const groupKey = (family: string, ports: SlicePorts): string => `${family}|${canonicalJson(ports)}`;

function groupsHave(desired: readonly DesiredEndpoints[], slice: EndpointSlice): boolean {
  const key = groupKey(slice.addressType, slice.ports ?? []);
  return groups(desired).some((g) => groupKey(g.family, g.ports) === key);
}

/** Endpoints by family and by the ports they have in common; a family without endpoints has one empty group. */
function groups(desired: readonly DesiredEndpoints[]): readonly Group[] {
  const found = new Map<string, Group>();
  for (const { family, endpoints } of desired) {
    if (endpoints.length === 0) found.set(family, { family, ports: [], wanted: new Map() });
    for (const { endpoint, ports } of endpoints) {
      const key = groupKey(family, ports);
      const group = found.get(key) ?? { family, ports, wanted: new Map() };
      group.wanted.set(endpointKey(endpoint), endpoint);
      found.set(key, group);
    }
  }
  return [...found.values()];
}

/** Spreads a group's endpoints over its slices: `kept` are slices that stay, `added` what goes into new ones. */
function fill(
  group: Group,
  own: readonly EndpointSlice[],
): {
  readonly kept: ReadonlyMap<EndpointSlice, readonly SliceEndpoint[]>;
  readonly added: readonly (readonly SliceEndpoint[])[];
} {
  const left = new Map(group.wanted);
  const present = own.map((slice) => {
    const endpoints: SliceEndpoint[] = [];
    for (const old of slice.endpoints ?? []) {
      const key = endpointKey(old);
      const next = left.get(key);
      if (!next) continue;
      endpoints.push(next);
      left.delete(key);
    }
    return { slice, endpoints, touched: !jsonEqual(endpoints, slice.endpoints ?? []) };
  });
  const rest = [...left.values()].sort((a, b) => (endpointKey(a) < endpointKey(b) ? -1 : 1));
  // Slices that are written anyway take new endpoints first, then the fullest with room.
  const order = [...present].sort(
    (a, b) => Number(b.touched) - Number(a.touched) || b.endpoints.length - a.endpoints.length,
  );
  for (const { endpoints } of order) endpoints.push(...rest.splice(0, Math.max(0, MAX_ENDPOINTS - endpoints.length)));
  const kept = new Map<EndpointSlice, readonly SliceEndpoint[]>();
  for (const { slice, endpoints } of present)
    if (endpoints.length > 0 || (group.wanted.size === 0 && kept.size === 0)) kept.set(slice, endpoints);
  const added: (readonly SliceEndpoint[])[] = [];
  while (rest.length > 0) added.push(rest.splice(0, MAX_ENDPOINTS));
  if (kept.size === 0 && added.length === 0) added.push([]);
  return { kept, added };
}

/** Labels of a Service's slices: the Service's own, and those that say whose they are. */
function labelsOf(service: Service): StringMap {
  const own = Object.entries(service.metadata.labels ?? {}).filter(
    ([key]) => key !== SERVICE_NAME_LABEL && key !== MANAGED_BY && key !== HEADLESS,
  );
  return {
    ...Object.fromEntries(own),
    [SERVICE_NAME_LABEL]: service.metadata.name,
    [MANAGED_BY]: MANAGER,
    ...(service.spec.clusterIP === 'None' ? { [HEADLESS]: '' } : {}),
  };
}

function shaped(service: Service, slice: EndpointSlice, endpoints: readonly SliceEndpoint[]): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels: labelsOf(service) }, endpoints };
}

function newSlice(
  service: Service,
  group: Group,
  endpoints: readonly SliceEndpoint[],
  taken: Set<string>,
): EndpointSlice {
  const { name, namespace = '', uid = '' } = service.metadata;
  const seed = `${uid}|${groupKey(group.family, group.ports)}`;
  let sliceName = '';
  for (let n = 0; sliceName === '' || taken.has(sliceName); n += 1)
    sliceName = `${name.slice(0, 57)}-${nameSuffix(`${seed}|${n}`)}`;
  taken.add(sliceName);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: sliceName,
      namespace,
      labels: labelsOf(service),
      ownerReferences: [controllerRef(service)],
    },
    addressType: group.family,
    endpoints,
    ports: group.ports,
  };
}

/** What changed about the ready endpoints of a Service. */
export interface ReadyDifference {
  /** Names of the objects that became ready endpoints, and of those that ceased to be. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Where each added one is: `name=address@node`. */
  readonly places: readonly string[];
}

/** Compares the slices of a Service before and after a change. */
export function readyDifference(before: readonly EndpointSlice[], after: readonly EndpointSlice[]): ReadyDifference {
  const was = readyEndpoints(before);
  const is = readyEndpoints(after);
  const added = [...is.keys()].filter((n) => !was.has(n));
  return {
    added,
    removed: [...was.keys()].filter((n) => !is.has(n)),
    places: added.map((n) => `${n}=${is.get(n)?.addresses[0] ?? ''}@${is.get(n)?.nodeName ?? ''}`),
  };
}

function readyEndpoints(slices: readonly EndpointSlice[]): ReadonlyMap<string, SliceEndpoint> {
  return new Map(
    slices
      .flatMap((slice) => slice.endpoints ?? [])
      .filter((e) => e.conditions?.ready ?? true)
      .map((e) => [e.targetRef?.name ?? e.addresses[0] ?? '', e] as const)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
}
