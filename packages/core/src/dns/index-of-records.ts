/**
 * What the DNS server knows, kept so that each question costs a few map look-ups. Updated from store events.
 * Source of the rules: Kubernetes DNS specification 1.1.0; CoreDNS `plugin/kubernetes`.
 */
import type { Namespace, Service } from '../api/core.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL, type SliceEndpoint } from '../api/discovery.ts';
import { RESOURCES, type ResourceRef } from '../store/key.ts';
import type { StoreEvent } from '../store/store.ts';
import { canonicalAddress, dashedAddress } from './address.ts';

/** An endpoint as DNS sees it: ready, with the name it has under its Service. */
export interface NamedEndpoint {
  readonly address: string;
  /** Its hostname, else its dashed address; lower case. */
  readonly name: string;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
}

/** The resources a DNS server watches. */
export const DNS_RESOURCES: readonly ResourceRef[] = [
  RESOURCES.namespaces,
  RESOURCES.services,
  RESOURCES.endpointslices,
];

const isIn = (key: ResourceRef, ref: ResourceRef): boolean => key.group === ref.group && key.resource === ref.resource;

/** `ns/name` -> object, with the reverse directions. */
export class RecordIndex {
  readonly #namespaces = new Set<string>();
  /** `ns/name` -> Service */
  readonly #services = new Map<string, Service>();
  /** canonical clusterIP -> `ns/name` */
  readonly #clusterIPs = new Map<string, string>();
  /** `ns/service` -> slice name -> slice */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  /** `ns/slice` -> `ns/service` */
  readonly #sliceOwners = new Map<string, string>();
  /** `ns/service` -> ready endpoints, computed once per change */
  readonly #endpoints = new Map<string, readonly NamedEndpoint[]>();
  /** canonical endpoint address -> `ns/service`, counted by slices */
  readonly #endpointOwners = new Map<string, Map<string, number>>();

  /** Applies one change of the store. */
  apply(event: StoreEvent): void {
    const object = event.object;
    if (isIn(event.key, RESOURCES.namespaces)) this.#applyNamespace(object as Namespace, event.type === 'DELETED');
    else if (isIn(event.key, RESOURCES.services)) this.#applyService(object as Service, event.type === 'DELETED');
    else if (isIn(event.key, RESOURCES.endpointslices))
      this.#applySlice(object as EndpointSlice, event.type === 'DELETED');
  }

  hasNamespace(namespace: string): boolean {
    return this.#namespaces.has(namespace);
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  /** Ready endpoints of a Service (slice condition `ready` true or absent), without duplicates. */
  endpoints(namespace: string, name: string): readonly NamedEndpoint[] {
    const id = `${namespace}/${name}`;
    const known = this.#endpoints.get(id);
    if (known) return known;
    const seen = new Map<string, NamedEndpoint>();
    for (const slice of this.#slices.get(id)?.values() ?? [])
      for (const endpoint of slice.endpoints ?? [])
        for (const named of namedEndpoints(slice, endpoint)) seen.set(`${named.name} ${named.address}`, named);
    const list = [...seen.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
    this.#endpoints.set(id, list);
    return list;
  }

  /** The Service (`ns/name`) whose clusterIP this is. `address` in canonical form. */
  serviceOfClusterIP(address: string): string | undefined {
    return this.#clusterIPs.get(address);
  }

  /** The Services (`ns/name`, sorted) that have this endpoint. `address` in canonical form. */
  servicesOfEndpoint(address: string): readonly string[] {
    return [...(this.#endpointOwners.get(address)?.keys() ?? [])].sort();
  }

  #applyNamespace(object: Namespace, deleted: boolean): void {
    if (deleted) this.#namespaces.delete(object.metadata.name);
    else this.#namespaces.add(object.metadata.name);
  }

  #applyService(service: Service, deleted: boolean): void {
    const id = `${service.metadata.namespace ?? ''}/${service.metadata.name}`;
    for (const ip of clusterIPs(this.#services.get(id)))
      if (this.#clusterIPs.get(ip) === id) this.#clusterIPs.delete(ip);
    if (deleted) {
      this.#services.delete(id);
      return;
    }
    this.#services.set(id, service);
    for (const ip of clusterIPs(service)) this.#clusterIPs.set(ip, id);
  }

  #applySlice(slice: EndpointSlice, deleted: boolean): void {
    const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    const namespace = slice.metadata.namespace ?? '';
    const sliceId = `${namespace}/${slice.metadata.name}`;
    this.#forgetSlice(sliceId, slice.metadata.name);
    if (deleted || name === undefined) return;
    const id = `${namespace}/${name}`;
    const slices = this.#slices.get(id) ?? new Map<string, EndpointSlice>();
    this.#slices.set(id, slices);
    slices.set(slice.metadata.name, slice);
    this.#sliceOwners.set(sliceId, id);
    this.#endpoints.delete(id);
    this.#count(id, slice, 1);
  }

  #forgetSlice(sliceId: string, sliceName: string): void {
    const id = this.#sliceOwners.get(sliceId);
    if (id === undefined) return;
    const slices = this.#slices.get(id);
    const old = slices?.get(sliceName);
    if (old) this.#count(id, old, -1);
    slices?.delete(sliceName);
    if (slices?.size === 0) this.#slices.delete(id);
    this.#sliceOwners.delete(sliceId);
    this.#endpoints.delete(id);
  }

  #count(id: string, slice: EndpointSlice, by: 1 | -1): void {
    for (const endpoint of slice.endpoints ?? [])
      for (const { address } of namedEndpoints(slice, endpoint)) {
        const canonical = canonicalAddress(address) ?? address;
        const owners = this.#endpointOwners.get(canonical) ?? new Map<string, number>();
        const count = (owners.get(id) ?? 0) + by;
        if (count > 0) owners.set(id, count);
        else owners.delete(id);
        if (owners.size > 0) this.#endpointOwners.set(canonical, owners);
        else this.#endpointOwners.delete(canonical);
      }
  }
}

function clusterIPs(service: Service | undefined): string[] {
  const all = service?.spec.clusterIPs ?? (service?.spec.clusterIP === undefined ? [] : [service.spec.clusterIP]);
  return all.flatMap((ip) => canonicalAddress(ip) ?? []);
}

function namedEndpoints(slice: EndpointSlice, endpoint: SliceEndpoint): NamedEndpoint[] {
  if (endpoint.conditions?.ready === false || slice.addressType === 'FQDN') return [];
  const ports = (slice.ports ?? []).flatMap((p) =>
    p.port === undefined
      ? []
      : [{ name: (p.name ?? '').toLowerCase(), port: p.port, protocol: (p.protocol ?? 'TCP').toLowerCase() }],
  );
  return endpoint.addresses.map((address) => ({
    address,
    name: (endpoint.hostname ?? dashedAddress(address)).toLowerCase(),
    ports,
  }));
}
