import {
  type Cache,
  type EndpointSlice,
  MANAGED_BY,
  MANAGER,
  RESOURCES,
  SERVICE_NAME_LABEL,
  type StoreEvent,
} from '@svclab/core';
import { isAbout } from './keys.ts';

/** The slices this controller manages, by their Service: a lab may have thousands, and each change asks for those of one. */
export class SliceIndex {
  /** `namespace/service` -> name -> slice. */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #unsubscribe: () => void;

  constructor(cache: Pick<Cache, 'list' | 'subscribe'>) {
    for (const slice of cache.list<EndpointSlice>(RESOURCES.endpointslices)) this.#put(slice);
    this.#unsubscribe = cache.subscribe((event) => this.#onEvent(event));
  }

  /** The slices of a Service, by name. */
  of(namespace: string, service: string): readonly EndpointSlice[] {
    const slices = [...(this.#slices.get(`${namespace}/${service}`)?.values() ?? [])];
    return slices.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  stop(): void {
    this.#unsubscribe();
  }

  #onEvent(event: StoreEvent): void {
    if (!isAbout(event, RESOURCES.endpointslices)) return;
    if (event.previous) this.#remove(event.previous as EndpointSlice);
    if (event.type !== 'DELETED') this.#put(event.object as EndpointSlice);
  }

  #put(slice: EndpointSlice): void {
    const key = keyOf(slice);
    if (key === undefined) return;
    const slices = this.#slices.get(key) ?? new Map<string, EndpointSlice>();
    this.#slices.set(key, slices.set(slice.metadata.name, slice));
  }

  #remove(slice: EndpointSlice): void {
    const key = keyOf(slice);
    const slices = key === undefined ? undefined : this.#slices.get(key);
    if (key === undefined || !slices) return;
    slices.delete(slice.metadata.name);
    if (slices.size === 0) this.#slices.delete(key);
  }
}

/** `namespace/service`; undefined for slices that others manage. */
function keyOf({ metadata: { namespace = '', labels = {} } }: EndpointSlice): string | undefined {
  const service = labels[SERVICE_NAME_LABEL];
  return service !== undefined && labels[MANAGED_BY] === MANAGER ? `${namespace}/${service}` : undefined;
}
