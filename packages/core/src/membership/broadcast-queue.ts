import type { Update } from './messages.ts';

interface Queued {
  readonly update: Update;
  transmits: number;
}

/**
 * Updates that still have to be told around: each is sent a limited number of times, the least sent first, and a newer one about
 * the same member replaces it. Source: hashicorp/memberlist `queue.go`.
 */
export class BroadcastQueue {
  #queue: Queued[] = [];

  get size(): number {
    return this.#queue.length;
  }

  /** Queues an update, in place of an older one about the same member. */
  push(update: Update): void {
    this.#queue = this.#queue.filter((q) => q.update.name !== update.name);
    this.#queue.unshift({ update, transmits: 0 });
  }

  /** At most `count` updates to send now; those sent `limit` times are dropped. */
  take(count: number, limit: number): Update[] {
    const chosen = [...this.#queue].sort((a, b) => a.transmits - b.transmits).slice(0, count);
    for (const q of chosen) q.transmits += 1;
    this.#queue = this.#queue.filter((q) => q.transmits < limit);
    return chosen.map((q) => q.update);
  }
}

/** How often one update is sent: multiplier x ceil(log10(members + 1)). */
export function retransmitLimit(mult: number, members: number): number {
  return mult * Math.ceil(Math.log10(members + 1));
}
