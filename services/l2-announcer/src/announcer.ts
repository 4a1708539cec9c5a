/** The loop: the store and the member list in, verdicts out, announcements and stamps as their effect. */
import {
  type Cache,
  type Clock,
  type ElectionInput,
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
  readonly responder: Pick<Responder, 'reaches' | 'announce' | 'limit' | 'release'>;
  readonly clock: Clock;
  /** Names of the members, alive or suspect. */
  readonly members: () => readonly string[];
  readonly stamp: (
    type: TimelineType,
    options: { cause?: string; attrs: Record<string, string>; atNs?: bigint },
  ) => void;
  /** Called when what this node announces has changed: with what it has gained, and what it owns but cannot announce from now on. */
  readonly onChange: (gained: readonly Verdict[], failed: readonly Verdict[]) => void;
}

interface Held {
  readonly verdict: Verdict;
  readonly announcing: boolean;
  /** It is this node's, which has none of the interfaces the advertisements name. Nobody else steps in, as in MetalLB. */
  readonly failed: boolean;
  /** Since when this owner, as seen here. */
  readonly sinceNs: bigint;
  readonly sinceWall: number;
}

/** What every election of one moment looks at. */
type View = Pick<ElectionInput, 'nodes' | 'pools' | 'advertisements' | 'members'>;

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
  enable(cause: string): void {
    this.#enabled = true;
    this.resync(cause);
  }

  /** Elects anew for every Service, and announces again what this node keeps. */
  resync(cause: string): void {
    if (!this.#enabled) return;
    const view = this.#view();
    for (const service of this.#options.cache.list<Service>(RESOURCES.services)) this.#sync(service, cause, view);
  }

  /** Gives everything up and elects no more, until it is enabled again. */
  disable(cause: string): void {
    this.#enabled = false;
    let dropped = false;
    for (const { verdict } of [...this.#held.values()])
      dropped = this.#drop(verdict.namespace, verdict.service, [], cause) || dropped;
    if (dropped) this.#options.onChange([], []);
  }

  /** Follows one change of the store. */
  apply(event: StoreEvent): void {
    const { resource } = event.key;
    if (resource === RESOURCES.services.resource) {
      if (event.type !== 'DELETED') this.#sync(event.object as Service, 'Service changed');
      else if (this.#drop(event.key.namespace, event.key.name, [], 'Service deleted')) this.#options.onChange([], []);
    } else if (resource === RESOURCES.endpointslices.resource) this.#applySlice(event as StoreEvent<EndpointSlice>);
    else if (matters(event)) this.resync(`${event.object.kind} ${event.key.name} changed`);
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

  #view(): View {
    const { cache, members } = this.#options;
    return {
      nodes: new Map(cache.list<Node>(RESOURCES.nodes).map((n) => [n.metadata.name, n])),
      pools: cache.list<IPAddressPool>(RESOURCES.ipaddresspools),
      advertisements: cache.list<L2Advertisement>(RESOURCES.l2advertisements),
      members: members(),
    };
  }

  /** A slice whose label has moved it to another Service changes both. */
  #applySlice(event: StoreEvent<EndpointSlice>): void {
    if (event.previous) this.#index(event.previous, true);
    this.#index(event.object, event.type === 'DELETED');
    for (const name of new Set([ownerOf(event.previous), ownerOf(event.object)])) {
      const key = { ...RESOURCES.services, namespace: event.key.namespace, name: name ?? '' };
      const service = name === undefined ? undefined : this.#options.cache.get<Service>(key);
      if (service) this.#sync(service, 'endpoints changed');
    }
  }

  #index(slice: EndpointSlice, deleted: boolean): void {
    const id = `${slice.metadata.namespace}/${ownerOf(slice)}`;
    const slices = this.#slices.get(id) ?? new Map<string, EndpointSlice>();
    if (deleted) slices.delete(slice.metadata.name);
    else slices.set(slice.metadata.name, slice);
    if (slices.size > 0) this.#slices.set(id, slices);
    else this.#slices.delete(id);
  }

  #sync(service: Service, cause: string, view?: View): void {
    if (!this.#enabled) return;
    const namespace = service.metadata.namespace ?? '';
    const { name } = service.metadata;
    const verdicts =
      service.spec.type === 'LoadBalancer'
        ? elect({
            ...(view ?? this.#view()),
            self: this.#options.self,
            service,
            slices: [...(this.#slices.get(`${namespace}/${name}`)?.values() ?? [])],
            sha256,
          })
        : [];
    const before = verdicts.map((v) => this.#held.get(idOf(v)));
    for (const verdict of verdicts) this.#take(verdict, cause);
    const dropped = this.#drop(namespace, name, verdicts.map(idOf), cause);
    const after = verdicts.map((v) => this.#held.get(idOf(v)));
    const gained = verdicts.filter((_, i) => after[i]?.announcing && !before[i]?.announcing);
    const failed = verdicts.filter((_, i) => after[i]?.failed && !before[i]?.failed);
    const changed = verdicts.some((_, i) => told(before[i]) !== told(after[i]));
    if (changed || dropped || failed.length > 0) this.#options.onChange(gained, failed);
  }

  /** Takes a verdict on: announces, stops, or keeps. */
  #take(verdict: Verdict, cause: string): void {
    const { clock, responder, self } = this.#options;
    const id = idOf(verdict);
    const before = this.#held.get(id);
    const electedNs = clock.nowNs();
    const mine = verdict.owner === self;
    const announcing = mine && responder.reaches(verdict.interfaces);
    // First the wire, then the books.
    if (announcing) responder.announce(verdict.vip, union([verdict, ...this.#sharers(id, verdict.vip)]));
    else if (before?.announcing) this.#giveUp(id, verdict.vip);
    const moved = before?.verdict.owner !== verdict.owner || before?.verdict.reason !== verdict.reason;
    this.#held.set(id, {
      verdict,
      announcing,
      failed: mine && !announcing,
      sinceNs: moved ? electedNs : (before?.sinceNs ?? electedNs),
      sinceWall: moved ? clock.wall() : (before?.sinceWall ?? clock.wall()),
    });
    if (moved) this.#stampElected(verdict, { previous: before?.verdict.owner ?? '', cause, atNs: electedNs });
    if (before?.announcing && !announcing) this.#stampReleased(verdict, cause);
  }

  /** Other verdicts by which this node announces an address: Services may share one. */
  #sharers(id: string, vip: string): Verdict[] {
    return [...this.#held]
      .filter(([other, h]) => other !== id && h.verdict.vip === vip && h.announcing)
      .map(([, h]) => h.verdict);
  }

  /** Stops announcing an address for one Service; the last one takes it off the wire. */
  #giveUp(id: string, vip: string): void {
    const others = this.#sharers(id, vip);
    if (others.length === 0) this.#options.responder.release(vip);
    else this.#options.responder.limit(vip, union(others));
  }

  #drop(namespace: string, name: string, keep: readonly string[], cause: string): boolean {
    let dropped = false;
    for (const [id, held] of [...this.#held]) {
      if (held.verdict.namespace !== namespace || held.verdict.service !== name || keep.includes(id)) continue;
      this.#held.delete(id);
      if (!held.announcing) continue;
      this.#giveUp(id, held.verdict.vip);
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

function ownerOf(slice: EndpointSlice | undefined): string | undefined {
  return slice?.metadata.labels?.[SERVICE_NAME_LABEL];
}

/** Interfaces to announce on for several Services; empty: all. */
function union(verdicts: readonly Verdict[]): readonly string[] {
  if (verdicts.some((v) => v.interfaces.length === 0)) return [];
  return [...new Set(verdicts.flatMap((v) => v.interfaces))].sort();
}

/** What the controller is told of an address. */
function told(held: Held | undefined): string {
  return held?.announcing ? held.verdict.interfaces.join(',') || 'all' : 'none';
}

/**
 * Whether a Node, pool or advertisement has changed in what an election reads. Heartbeats and counters in a status must not trigger bursts.
 */
function matters(event: StoreEvent): boolean {
  if (event.type === 'DELETED') return true;
  const read =
    event.key.resource === RESOURCES.nodes.resource
      ? (node: Node | undefined) => node?.status?.conditions?.find((c) => c.type === 'NetworkUnavailable')?.status ?? ''
      : (config: IPAddressPool | L2Advertisement | undefined) => config?.spec;
  const view = (object: StoreEvent['object'] | undefined): string =>
    JSON.stringify([object?.metadata.labels ?? {}, read(object as never)]);
  return view(event.object) !== view(event.previous);
}
