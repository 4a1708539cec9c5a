/** Services and their slices, joined as they change. */
import type { Service } from '../api/core.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL } from '../api/discovery.ts';
import type { KubeObject } from '../api/meta.ts';
import type { ResourceRef } from '../store/key.ts';
import type { StoreEvent } from '../store/store.ts';

/** A Service with its slices. */
export interface JoinedService {
  /** Undefined while only slices are known. */
  readonly service: Service | undefined;
  readonly slices: readonly EndpointSlice[];
}

/** Finds the slices of a service without looking at all of them. Owners are `namespace/name`. */
export class ServiceIndex {
  readonly #services = new Map<string, Service>();
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();

  /** Takes in what exists. Returns the owners concerned. */
  load(services: readonly Service[], slices: readonly EndpointSlice[]): string[] {
    for (const service of services) this.#services.set(ownerOf(service), service);
    for (const slice of slices) this.#putSlice(slice);
    return [...new Set([...this.#services.keys(), ...this.#slices.keys()])];
  }

  /** Takes in one change. Returns the owners whose rules may change; none for other kinds. */
  apply(event: StoreEvent): string[] {
    if (is(event.key, '', 'services')) {
      const owner = ownerOf(event.object);
      if (event.type === 'DELETED') this.#services.delete(owner);
      else this.#services.set(owner, event.object as Service);
      return [owner];
    }
    if (!is(event.key, 'discovery.k8s.io', 'endpointslices')) return [];
    const owners = new Set<string>();
    if (event.previous) owners.add(this.#dropSlice(event.previous as EndpointSlice));
    if (event.type !== 'DELETED') owners.add(this.#putSlice(event.object as EndpointSlice));
    return [...owners].filter((owner) => owner !== '');
  }

  /** A service and its slices. */
  get(owner: string): JoinedService {
    return { service: this.#services.get(owner), slices: [...(this.#slices.get(owner)?.values() ?? [])] };
  }

  #putSlice(slice: EndpointSlice): string {
    const owner = sliceOwner(slice);
    if (owner === '') return '';
    const slices = this.#slices.get(owner) ?? new Map<string, EndpointSlice>();
    slices.set(slice.metadata.name, slice);
    this.#slices.set(owner, slices);
    return owner;
  }

  #dropSlice(slice: EndpointSlice): string {
    const owner = sliceOwner(slice);
    const slices = this.#slices.get(owner);
    slices?.delete(slice.metadata.name);
    if (slices?.size === 0) this.#slices.delete(owner);
    return owner;
  }
}

function is(ref: ResourceRef, group: string, resource: string): boolean {
  return ref.group === group && ref.resource === resource;
}

function ownerOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** Owner by the slice's label; "" for a slice of no service. */
function sliceOwner({ metadata }: EndpointSlice): string {
  const name = metadata.labels?.[SERVICE_NAME_LABEL];
  return name ? `${metadata.namespace ?? ''}/${name}` : '';
}
