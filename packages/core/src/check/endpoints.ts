/** Which endpoints a Service had when, and since when each node's rules say so. */
import type { HistoryView, Stamp } from './view.ts';

/** A stretch during which an endpoint was ready, by the controller's stamps. */
export interface EndpointSpan {
  /** The pod's name. */
  readonly name: string;
  readonly fromMs: number;
  /** Infinity while it still is. */
  readonly toMs: number;
  /** Revision that added it; undefined when it was there from the beginning. */
  readonly added: number | undefined;
  /** Revision that removed it; undefined while it is there. */
  readonly removed: number | undefined;
}

interface Change {
  readonly ms: number;
  readonly revision: number;
  readonly name: string;
  readonly ready: boolean;
}

const names = (text: string | undefined): string[] => (text ?? '').split(',').filter((n) => n !== '');

/** Endpoint stamps of a Service. */
export function endpointStamps(view: HistoryView, service: string): readonly Stamp[] {
  return view.of('endpoints.changed').filter((s) => (s.attrs.service ?? service) === service);
}

function changesOf(view: HistoryView, service: string): Change[] {
  return endpointStamps(view, service).flatMap((s) => {
    const at = { ms: s.ms, revision: Number(s.attrs.revision ?? '0') };
    return [
      ...names(s.attrs.removed).map((name) => ({ ...at, name, ready: false })),
      ...names(s.attrs.added).map((name) => ({ ...at, name, ready: true })),
    ];
  });
}

/** All stretches of all endpoints of a Service. `initial` is believed unless the events contradict it. */
export function endpointSpans(
  view: HistoryView,
  service: string,
  initial: readonly string[] | undefined,
): readonly EndpointSpan[] {
  const changes = changesOf(view, service);
  const firsts = new Map<string, boolean>();
  for (const c of changes) if (!firsts.has(c.name)) firsts.set(c.name, c.ready);
  const open = new Map<string, { fromMs: number; added: number | undefined }>();
  const beginning = { fromMs: Number.NEGATIVE_INFINITY, added: undefined };
  for (const name of initial ?? []) if (firsts.get(name) !== true) open.set(name, beginning);
  for (const [name, ready] of firsts) if (!ready) open.set(name, beginning);
  const spans: EndpointSpan[] = [];
  for (const { ms, revision, name, ready } of changes) {
    const now = open.get(name);
    if (ready && !now) open.set(name, { fromMs: ms, added: revision });
    if (ready || !now) continue;
    spans.push({ name, ...now, toMs: ms, removed: revision });
    open.delete(name);
  }
  for (const [name, now] of open) spans.push({ name, ...now, toMs: Number.POSITIVE_INFINITY, removed: undefined });
  return spans.sort((a, b) => a.fromMs - b.fromMs);
}

/** Addresses and nodes of endpoints, from what is known and from what the events add: `name=ip@node`. */
export function endpointPlaces(view: HistoryView): ReadonlyMap<string, { readonly ip: string; readonly node: string }> {
  const places = new Map(Object.entries(view.facts.pods));
  for (const s of view.of('endpoints.changed'))
    for (const text of names(s.attrs.places)) {
      const [name = '', place = ''] = text.split('=');
      const [ip = '', node = ''] = place.split('@');
      places.set(name, { ip, node });
    }
  return places;
}

/** Reads each node's `rules.programmed`. */
export class Programmed {
  readonly #view: HistoryView;
  readonly #byNode = new Map<string, { ms: number; revision: number }[]>();
  readonly #known = new Map<string, number>();

  constructor(view: HistoryView) {
    this.#view = view;
    for (const s of view.of('rules.programmed')) {
      const entry = { ms: s.ms, revision: Number(s.attrs.revision ?? '0') };
      const list = this.#byNode.get(s.node);
      if (list) list.push(entry);
      else this.#byNode.set(s.node, [entry]);
    }
  }

  /** First time a node's kernel, as it runs at `atMs`, held a revision. -Infinity for what was there before the events; Infinity for never. */
  since(node: string, revision: number | undefined, atMs: number): number {
    const booted = this.#view.bootedMs(node, atMs);
    if (revision === undefined && booted === Number.NEGATIVE_INFINITY) return booted;
    // Asked for each sample, and the same for most.
    const key = `${node} ${revision ?? 0} ${booted}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#byNode.get(node)?.find((e) => e.ms >= booted && e.revision >= (revision ?? 0));
    const since = found?.ms ?? Number.POSITIVE_INFINITY;
    this.#known.set(key, since);
    return since;
  }

  /** First time any node held it. */
  first(revision: number): number {
    return Math.min(...this.#view.facts.nodes.map((node) => this.since(node, revision, Number.NEGATIVE_INFINITY)));
  }

  /**
   * Until when a node may still send new connections to an endpoint that was removed: until its rules say so, and no longer than it takes a node
   * that hears of it.
   */
  lastUse(node: string, span: EndpointSpan): number {
    const allowed = this.#view.followsFrom(node, span.toMs) + this.#view.bounds.programMs;
    return Math.min(this.since(node, span.removed, span.toMs), allowed);
  }
}
