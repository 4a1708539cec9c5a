/** Answers ARP for the addresses this node announces, and sends their gratuitous bursts. */
import { arpReply, type Cancel, type Clock, decodeArp, encodeArp, gratuitousRound } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import { type Link, Links } from './links.ts';

interface Announced {
  /** Interfaces to announce on; empty: all. */
  readonly interfaces: readonly string[];
  /** When the last trigger was, ms. */
  triggeredAt: number;
  round: number;
  cancel: Cancel;
}

/** One round that went out. */
export interface Round {
  readonly vip: string;
  readonly round: number;
  readonly interfaces: readonly string[];
  /** CLOCK_MONOTONIC ns just before the first frame. */
  readonly atNs: bigint;
}

export interface ResponderOptions {
  readonly controlIP: string | undefined;
  /** Between two rounds, and how long rounds go on after the last trigger, ms. */
  readonly interval: number;
  readonly duration: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRound: (round: Round) => void;
}

export class Responder {
  readonly links: Links;
  /** ARP frames since start. */
  readonly counters = { requests: 0, replies: 0, gratuitous: 0 };
  readonly #options: ResponderOptions;
  readonly #announced = new Map<string, Announced>();

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.links = new Links({
      controlIP: options.controlIP,
      log: options.log,
      onFrame: (frame, link) => this.#frame(frame, link),
    });
  }

  /** Announces an address from now on, or again: one round at once, the rest of the burst after it. */
  announce(vip: string, interfaces: readonly string[]): void {
    const now = this.#options.clock.now();
    const running = this.#announced.get(vip);
    running?.cancel();
    const entry: Announced = { interfaces, triggeredAt: now, round: 0, cancel: () => {} };
    this.#announced.set(vip, entry);
    this.#burst(vip, entry);
  }

  /** Stops answering; nothing is sent. */
  release(vip: string): void {
    this.#announced.get(vip)?.cancel();
    this.#announced.delete(vip);
  }

  close(): void {
    for (const a of this.#announced.values()) a.cancel();
    this.#announced.clear();
    this.links.close();
  }

  #burst(vip: string, entry: Announced): void {
    const links = this.links.list(entry.interfaces);
    const atNs = this.#options.clock.nowNs();
    for (const link of links)
      for (const frame of gratuitousRound(vip, link.mac)) this.#send(link, encodeArp(frame), 'gratuitous');
    this.#options.onRound({ vip, round: entry.round, interfaces: links.map((l) => l.name), atNs });
    entry.round += 1;
    const elapsed = this.#options.clock.now() + this.#options.interval - entry.triggeredAt;
    if (elapsed < this.#options.duration)
      entry.cancel = this.#options.clock.after(this.#options.interval, () => this.#burst(vip, entry));
  }

  #frame(bytes: Uint8Array, link: Link): void {
    const frame = decodeArp(bytes);
    if (frame?.operation !== 'request' || frame.senderMac === link.mac) return;
    const reply = arpReply(frame, link.mac, (ip) => {
      const entry = this.#announced.get(ip);
      return entry !== undefined && (entry.interfaces.length === 0 || entry.interfaces.includes(link.name));
    });
    if (!reply) return;
    this.counters.requests += 1;
    this.#send(link, encodeArp(reply), 'replies');
  }

  #send(link: Link, frame: Uint8Array, kind: 'replies' | 'gratuitous'): void {
    try {
      link.socket.send(frame);
      this.counters[kind] += 1;
    } catch (err) {
      this.#options.log.warn({ event: 'send-failed', interface: link.name, err });
    }
  }
}
