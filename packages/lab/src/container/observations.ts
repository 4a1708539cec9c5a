/** What a host notices of itself, kept for a watcher that comes late or comes back. */

/** Something noticed. */
export interface Observation {
  readonly id: bigint;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly atNs: bigint;
  /** A process of the host ended (attrs: process, code, signal). */
  readonly kind: 'exited';
  readonly attrs: Readonly<Record<string, string>>;
}

/** Observations kept. */
const KEPT = 256;

/** The networks a host has its address on right now. */
export interface Networks {
  readonly lan: boolean;
  readonly control: boolean;
}

/** Keeps what was noticed, numbered from 1. */
export class Observations {
  readonly #kept: Observation[] = [];
  #last = 0n;

  add(kind: Observation['kind'], atNs: bigint, attrs: Readonly<Record<string, string>>): void {
    this.#last += 1n;
    this.#kept.push({ id: this.#last, kind, atNs, attrs });
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  /** Observations after `id`, oldest first. */
  after(id: bigint): readonly Observation[] {
    return this.#kept.filter((o) => o.id > id);
  }
}
