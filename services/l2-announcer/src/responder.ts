/** Answers ARP for the addresses this node announces, and sends their gratuitous bursts. */
import { arpReply, type Cancel, type Clock, decodeArp, encodeArp, gratuitousRound } from '@svclab/core';
import type { Logger, PacketSocket } from '@svclab/runtime';

/** One interface that carries announcements. */
export interface Link {
  readonly name: string;
  readonly mac: string;
  readonly socket: Pick<PacketSocket, 'send'>;
}

interface Announced {
  /** Interfaces to announce on; empty: all. */
  interfaces: readonly string[];
  /** When the last trigger was, ms. */
  triggeredAt: number;
  round: number;
  /** Ends the burst; undefined when none runs. */
  cancel: Cancel | undefined;
}

/** One round that went out. */
export interface Round {
  readonly vip: string;
  readonly round: number;
  readonly interfaces: readonly string[];
  /** CLOCK_MONOTONIC ns just before the first frame. */
  readonly atNs: bigint;
}

/** One ARP request that was answered. */
export interface Answer {
  readonly vip: string;
  /** Address of the host that asked. */
  readonly asker: string;
  readonly interface: string;
}

export interface ResponderOptions {
  /** The links there are now; those of the named interfaces only, if any are named. */
  readonly links: (names: readonly string[]) => readonly Link[];
  /** Between two rounds, and how long rounds go on after the last trigger, ms. */
  readonly interval: number;
  readonly duration: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRound: (round: Round) => void;
  /** Told of answers, at most once a second for the same asker and address. */
  readonly onAnswer?: (answer: Answer) => void;
}

/** Least time between two answers to the same asker that are told of, ms. */
const TOLD_INTERVAL = 1000;
/** Most askers that are remembered. */
const ASKERS = 1000;

/** ARP frames about one address: requests received, replies and gratuitous frames sent. */
export interface ArpCounters {
  requests: number;
  replies: number;
  gratuitous: number;
}

/** Rules: metallb/metallb `internal/layer2/announcer.go` (spamLoop, gratuitous), `arp.go`. */
export class Responder {
  /** ARP frames since start, by address. */
  readonly counters = new Map<string, ArpCounters>();
  readonly #options: ResponderOptions;
  readonly #announced = new Map<string, Announced>();
  /** When an answer was last told of, by address and asker, ms. */
  readonly #told = new Map<string, number>();

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** Whether there is an interface to announce on: any when none is named. Without a name there need be none yet. */
  reaches(interfaces: readonly string[]): boolean {
    return interfaces.length === 0 || this.#options.links(interfaces).length > 0;
  }

  /**
   * Announces an address from now on, or again. A burst begins with a round at once; while one runs, it only goes on for longer, so that
   * a Service whose endpoints change all the time sends no more than a round per interval.
   */
  announce(vip: string, interfaces: readonly string[]): void {
    const triggeredAt = this.#options.clock.now();
    const known = this.#announced.get(vip);
    if (known?.cancel) {
      known.interfaces = interfaces;
      known.triggeredAt = triggeredAt;
      return;
    }
    const entry: Announced = { interfaces, triggeredAt, round: 0, cancel: undefined };
    this.#announced.set(vip, entry);
    this.#burst(vip, entry);
  }

  /** Changes the interfaces of an announced address; nothing is sent for it. */
  limit(vip: string, interfaces: readonly string[]): void {
    const known = this.#announced.get(vip);
    if (known) known.interfaces = interfaces;
  }

  /** Stops answering; nothing is sent. */
  release(vip: string): void {
    this.#announced.get(vip)?.cancel?.();
    this.#announced.delete(vip);
  }

  /** Takes a frame that came in on a link. */
  receive(bytes: Uint8Array, link: Link): void {
    const frame = decodeArp(bytes);
    if (frame?.operation !== 'request' || frame.senderMac === link.mac) return;
    const reply = arpReply(frame, link.mac, (ip) => {
      const entry = this.#announced.get(ip);
      return entry !== undefined && (entry.interfaces.length === 0 || entry.interfaces.includes(link.name));
    });
    if (!reply) return;
    this.#counted(reply.senderIP).requests += 1;
    this.#send(link, encodeArp(reply), reply.senderIP, 'replies');
    this.#tell({ vip: reply.senderIP, asker: reply.targetIP, interface: link.name });
  }

  close(): void {
    for (const vip of [...this.#announced.keys()]) this.release(vip);
  }

  #burst(vip: string, entry: Announced): void {
    const { clock, duration, interval } = this.#options;
    const links = this.#options.links(entry.interfaces);
    const atNs = clock.nowNs();
    for (const link of links)
      for (const frame of gratuitousRound(vip, link.mac)) this.#send(link, encodeArp(frame), vip, 'gratuitous');
    this.#options.onRound({ vip, round: entry.round, interfaces: links.map((l) => l.name), atNs });
    entry.round += 1;
    // Whether there is a next round is known when it is due: a trigger may have come by then.
    entry.cancel = clock.after(interval, () => {
      entry.cancel = undefined;
      if (clock.now() - entry.triggeredAt < duration) this.#burst(vip, entry);
    });
  }

  #tell(answer: Answer): void {
    const { clock, onAnswer } = this.#options;
    if (!onAnswer) return;
    const key = `${answer.vip} ${answer.asker}`;
    const now = clock.now();
    const last = this.#told.get(key);
    if (last !== undefined && now - last < TOLD_INTERVAL) return;
    if (this.#told.size >= ASKERS) this.#told.clear();
    this.#told.set(key, now);
    onAnswer(answer);
  }

  /** Frames of a kind since start, of all addresses. */
  total(kind: keyof ArpCounters): number {
    return [...this.counters.values()].reduce((sum, counted) => sum + counted[kind], 0);
  }

  #counted(vip: string): ArpCounters {
    let counted = this.counters.get(vip);
    if (!counted) {
      counted = { requests: 0, replies: 0, gratuitous: 0 };
      this.counters.set(vip, counted);
    }
    return counted;
  }

  #send(link: Link, frame: Uint8Array, vip: string, kind: 'replies' | 'gratuitous'): void {
    try {
      link.socket.send(frame);
      this.#counted(vip)[kind] += 1;
    } catch (err) {
      this.#options.log.warn({ event: 'send-failed', interface: link.name, err });
    }
  }
}
