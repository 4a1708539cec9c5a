/** The loop: the store and the member list in, verdicts out, announcements and stamps as their effect. */
import {
  type Cache,
  type Clock,
  type EndpointSlice,
  elect,
  type IPAddressPool,
  type L2Advertisement,
  type Node,
  RESOURCES,
  SERVICE_NAME_LABEL,
  type Service,
  type StoreEvent,
  sha256,
  type TimelineType,
  type Verdict,
} from '@svclab/core';
import type { VipState } from '@svclab/wire';
import type { Responder } from './responder.ts';

/** The resources an announcer watches. */
export const ANNOUNCER_RESOURCES = [
  RESOURCES.services,
  RESOURCES.endpointslices,
  RESOURCES.nodes,
  RESOURCES.ipaddresspools,
  RESOURCES.l2advertisements,
];

export interface AnnouncerOptions {
  readonly self: string;
  readonly cache: Cache;
  readonly responder: Responder;
  readonly clock: Clock;
  /** Names of the members, alive or suspect. */
  readonly members: () => readonly string[];
  readonly stamp: (
    type: TimelineType,
    options: { cause?: string; attrs: Record<string, string>; atNs?: bigint },
  ) => void;
  /** Called when what this node announces has changed. */
  readonly onChange: (gained: readonly Verdict[]) => void;
}

interface Held {
  readonly verdict: Verdict;
  readonly announcing: boolean;
  /** Since when this owner, as seen here. */
  readonly sinceNs: bigint;
  readonly sinceWall: number;
}

const idOf = (v: Verdict): string => `${v.namespace}/${v.service} ${v.vip}`;

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #held = new Map<string, Held>();
  /** `ns/service` -> its slices; kept from events so that an election scans nothing. */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  #enabled = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    for (const slice of options.cache.list<EndpointSlice>(RESOURCES.endpointslices)) this.#index(slice, false);
  }

  /** Begins to elect: the member list is believed from now on. */
  enable(): void {
    this.#enabled = true;
    this.resync('start');
  }

  /** Elects anew for every Service, and announces again what this node keeps. */
  resync(cause: string): void {
    for (const service of this.#options.cache.list<Service>(RESOURCES.services)) this.#sync(service, cause);
  }

  /** Follows one change of the store. */
  apply(event: StoreEvent): void {
    const { resource } = event.key;
    if (resource === RESOURCES.services.resource) {
      if (event.type === 'DELETED') this.#drop(event.key.namespace, event.key.name, [], 'Service deleted');
      else this.#sync(event.object as Service, 'Service changed');
      return;
    }
    if (resource !== RESOURCES.endpointslices.resource) {
      if (resource === RESOURCES.nodes.resource && !nodeMatters(event)) return;
      this.resync(`${event.object.kind} ${event.key.name} changed`);
      return;
    }
    const slice = event.object as EndpointSlice;
    this.#index(slice, event.type === 'DELETED');
    const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    const service = name === undefined ? undefined : this.#service(event.key.namespace, name);
    if (service) this.#sync(service, 'endpoints changed');
  }

  /** The state of every address, for `svclab vip`. */
  states(): VipState[] {
    return [...this.#held.values()].map(({ verdict, announcing, sinceNs, sinceWall }) => ({
      vip: verdict.vip,
      namespace: verdict.namespace,
      service: verdict.service,
      owner: verdict.owner,
      announcing,
      reason: verdict.reason,
      order: [...verdict.order],
      sinceNs,
      sinceWallMs: BigInt(Math.round(sinceWall)),
    }));
  }

  /** What this node announces. */
  announced(): Verdict[] {
    return [...this.#held.values()].filter((h) => h.announcing).map((h) => h.verdict);
  }

  #service(namespace: string, name: string): Service | undefined {
    return this.#options.cache.get<Service>({ ...RESOURCES.services, namespace, name });
  }

  #index(slice: EndpointSlice, deleted: boolean): void {
    const id = `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME_LABEL]}`;
    const slices = this.#slices.get(id) ?? new Map<string, EndpointSlice>();
    if (deleted) slices.delete(slice.metadata.name);
    else slices.set(slice.metadata.name, slice);
    if (slices.size > 0) this.#slices.set(id, slices);
    else this.#slices.delete(id);
  }

  #sync(service: Service, cause: string): void {
    if (!this.#enabled) return;
    const { cache, self } = this.#options;
    const namespace = service.metadata.namespace ?? '';
    const { name } = service.metadata;
    const verdicts =
      service.spec.type === 'LoadBalancer'
        ? elect({
            self,
            service,
            slices: [...(this.#slices.get(`${namespace}/${name}`)?.values() ?? [])],
            nodes: new Map(cache.list<Node>(RESOURCES.nodes).map((n) => [n.metadata.name, n])),
            pools: cache.list<IPAddressPool>(RESOURCES.ipaddresspools),
            advertisements: cache.list<L2Advertisement>(RESOURCES.l2advertisements),
            members: this.#options.members(),
            sha256,
          })
        : [];
    const gained = verdicts.filter((v) => this.#take(v, cause));
    const dropped = this.#drop(namespace, name, verdicts.map(idOf), cause);
    if (gained.length > 0 || dropped) this.#options.onChange(gained);
  }

  /** Takes a verdict on: announces, stops, or keeps. True when this node has just gained the address. */
  #take(verdict: Verdict, cause: string): boolean {
    const { clock, responder, self } = this.#options;
    const id = idOf(verdict);
    const before = this.#held.get(id);
    const electedNs = clock.nowNs();
    const mine = verdict.owner === self;
    // First the wire, then the books.
    if (mine) responder.announce(verdict.vip, verdict.interfaces);
    else if (before?.announcing && !this.#sharedElsewhere(id, verdict.vip)) responder.release(verdict.vip);
    const moved = before?.verdict.owner !== verdict.owner || before?.verdict.reason !== verdict.reason;
    this.#held.set(id, {
      verdict,
      announcing: mine,
      sinceNs: moved ? electedNs : (before?.sinceNs ?? electedNs),
      sinceWall: moved ? clock.wall() : (before?.sinceWall ?? clock.wall()),
    });
    if (moved) this.#stampElected(verdict, { previous: before?.verdict.owner ?? '', cause, atNs: electedNs });
    if (before?.announcing && !mine) this.#stampReleased(verdict, cause);
    return mine && !before?.announcing;
  }

  #sharedElsewhere(id: string, vip: string): boolean {
    return [...this.#held].some(([other, h]) => other !== id && h.verdict.vip === vip && h.announcing);
  }

  #drop(namespace: string, name: string, keep: readonly string[], cause: string): boolean {
    let dropped = false;
    for (const [id, held] of [...this.#held]) {
      if (held.verdict.namespace !== namespace || held.verdict.service !== name || keep.includes(id)) continue;
      this.#held.delete(id);
      if (!held.announcing) continue;
      if (!this.#sharedElsewhere(id, held.verdict.vip)) this.#options.responder.release(held.verdict.vip);
      this.#stampReleased({ ...held.verdict, owner: '' }, cause);
      dropped = true;
    }
    return dropped;
  }

  #stampElected(verdict: Verdict, more: { previous: string; cause: string; atNs: bigint }): void {
    this.#options.stamp('vip.elected', {
      cause: more.cause,
      atNs: more.atNs,
      attrs: {
        vip: verdict.vip,
        service: `${verdict.namespace}/${verdict.service}`,
        owner: verdict.owner,
        previous: more.previous,
        reason: verdict.reason,
      },
    });
  }

  #stampReleased(verdict: Verdict, cause: string): void {
    this.#options.stamp('vip.released', {
      cause,
      attrs: {
        vip: verdict.vip,
        service: `${verdict.namespace}/${verdict.service}`,
        owner: verdict.owner,
        reason: verdict.reason,
      },
    });
  }
}

/** Labels and NetworkUnavailable are all that matters of a Node: heartbeats must not trigger bursts. */
function nodeMatters(event: StoreEvent): boolean {
  const view = (node: Node | undefined): string =>
    JSON.stringify([
      node?.metadata.labels ?? {},
      node?.status?.conditions?.find((c) => c.type === 'NetworkUnavailable')?.status ?? '',
    ]);
  return event.type === 'DELETED' || view(event.object as Node) !== view(event.previous as Node | undefined);
}
