/** What a host notices of itself: that none of its processes ran for a while, and that it has lost a network. */
import type { HostSpec } from '@svclab/core';

/** Something noticed. Times are CLOCK_MONOTONIC, nanoseconds; `toNs` is 0 while it lasts. */
export interface Observation {
  readonly id: bigint;
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly kind: 'frozen' | 'lan-lost' | 'control-lost' | 'exited';
  readonly attrs: Readonly<Record<string, string>>;
}

/** A pause between two looks that is longer than this means that the host was stopped, ms. A busy machine delays a look by less. */
export const FROZEN_MS = 400;
/** Observations kept for a watcher that comes late. */
const KEPT = 256;

/** The networks a host has an address on right now. */
export interface Networks {
  readonly lan: boolean;
  readonly control: boolean;
}

/** Keeps what was noticed, numbered, for watchers that come and go. */
export class Observations {
  readonly #kept: Observation[] = [];
  readonly #host: HostSpec;
  #last = 0n;
  #lookedNs: bigint | undefined;
  readonly #lostSince = new Map<'lan' | 'control', bigint>();

  constructor(host: HostSpec) {
    this.#host = host;
  }

  /** Adds something noticed. */
  add(kind: Observation['kind'], fromNs: bigint, toNs: bigint, attrs: Readonly<Record<string, string>> = {}): void {
    this.#last += 1n;
    this.#kept.push({ id: this.#last, kind, fromNs, toNs, attrs });
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  /** One look at the clock and the networks; call it every few milliseconds. */
  look(nowNs: bigint, networks: Networks): void {
    const before = this.#lookedNs;
    this.#lookedNs = nowNs;
    if (before !== undefined && nowNs - before > BigInt(FROZEN_MS) * 1_000_000n) this.add('frozen', before, nowNs);
    this.#follow('lan', this.#host.lanIP !== undefined, networks.lan, nowNs);
    this.#follow('control', this.#host.controlIP !== undefined, networks.control, nowNs);
  }

  /** Observations after `id`, oldest first. */
  after(id: bigint): readonly Observation[] {
    return this.#kept.filter((o) => o.id > id);
  }

  #follow(network: 'lan' | 'control', belongs: boolean, there: boolean, nowNs: bigint): void {
    if (!belongs) return;
    const since = this.#lostSince.get(network);
    if (!there && since === undefined) {
      this.#lostSince.set(network, nowNs);
      this.add(`${network}-lost`, nowNs, 0n);
    } else if (there && since !== undefined) {
      this.#lostSince.delete(network);
      this.add(`${network}-lost`, since, nowNs);
    }
  }
}
