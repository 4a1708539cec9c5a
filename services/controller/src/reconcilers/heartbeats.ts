import { SUBJECTS } from '@svclab/core';
import type { Bus } from '@svclab/runtime';
import { DnsHeartbeat, NodeHeartbeat } from '@svclab/wire';

/** The part of the bus that heartbeats need. */
export type HeartbeatBus = Pick<Bus, 'subscribe' | 'connected'>;

/** Ends a subscription. */
type End = () => void;

/** Heartbeats of nodes and DNS servers, given to whoever wants them. Reports count as heartbeats of their node. */
export class Heartbeats {
  readonly #bus: HeartbeatBus;
  readonly #nodeListeners = new Set<(node: string) => void>();
  readonly #dnsListeners = new Set<(beat: DnsHeartbeat) => void>();
  readonly #ends: End[];
  readonly #fresh: () => boolean;

  /** @param fresh false while the store cannot be reached: what is heard then is not to be acted upon */
  constructor(bus: HeartbeatBus, fresh: () => boolean) {
    this.#bus = bus;
    this.#fresh = fresh;
    this.#ends = [
      bus.subscribe(SUBJECTS.all.heartbeat, (payload) => this.node(NodeHeartbeat.decode(payload).node)),
      bus.subscribe(SUBJECTS.all.dnsHeartbeat, (payload) => {
        const beat = DnsHeartbeat.decode(payload);
        for (const listener of this.#dnsListeners) listener(beat);
      }),
    ];
  }

  /** True while silence means something: the bus and the store can be reached. */
  get connected(): boolean {
    return this.#bus.connected && this.#fresh();
  }

  /** Takes in a sign of life of a node. */
  node(name: string): void {
    for (const listener of this.#nodeListeners) listener(name);
  }

  onNode(listener: (node: string) => void): End {
    this.#nodeListeners.add(listener);
    return () => void this.#nodeListeners.delete(listener);
  }

  onDns(listener: (beat: DnsHeartbeat) => void): End {
    this.#dnsListeners.add(listener);
    return () => void this.#dnsListeners.delete(listener);
  }

  stop(): void {
    for (const end of this.#ends) end();
  }
}
