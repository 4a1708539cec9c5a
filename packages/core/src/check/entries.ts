/** By which nodes a client's requests may come in. */
import { type Claim, claimsOf } from './claims.ts';
import type { HistoryView } from './view.ts';

interface Announcement {
  readonly ms: number;
  readonly node: string;
}

/**
 * A client sends to whoever last told it where the address is, which need not be the owner: its neighbour entry stays as it is until an announcement
 * or an answer changes it, and it ignores those within a second of the last (ARP locktime). The node it points at forwards all the same.
 */
export class Entries {
  readonly #view: HistoryView;
  readonly #claims: readonly Claim[];
  readonly #announcements: readonly Announcement[];
  readonly #windowMs: number;

  constructor(view: HistoryView) {
    this.#view = view;
    this.#claims = claimsOf(view);
    this.#windowMs = view.facts.knobs['announcer.garpInterval'] + view.bounds.handoverMs;
    this.#announcements = [
      ...this.#claims.filter((c) => c.fromMs === Number.NEGATIVE_INFINITY).map((c) => ({ ms: c.fromMs, node: c.node })),
      ...view
        .of('vip.announced', 'vip.answered')
        .filter((s) => s.attrs.vip === view.facts.vip)
        .map((s) => ({ ms: s.ms, node: s.node })),
    ];
  }

  /** Nodes a request sent between two times may have come in by. */
  between(fromMs: number, toMs: number): readonly string[] {
    const { entryNode, nodes } = this.#view.facts;
    if (entryNode !== undefined) return [entryNode];
    const recent = this.#announcements.filter((a) => a.ms > fromMs - this.#windowMs && a.ms <= toMs);
    const before = this.#announcements.filter((a) => a.ms <= fromMs - this.#windowMs).pop();
    const owners = this.#claims.filter((c) => c.fromMs <= toMs && c.toMs >= fromMs);
    const found = new Set([...recent, ...(before ? [before] : []), ...owners].map((e) => e.node));
    const up = (node: string): boolean => !this.#view.isDown(node, fromMs) || !this.#view.isDown(node, toMs);
    const possible = [...found].filter(up);
    return possible.length > 0 ? possible : nodes.filter(up);
  }
}
