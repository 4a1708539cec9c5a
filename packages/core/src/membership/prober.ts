/** The probing half of SWIM: one member after the other, directly, then through others. Source: hashicorp/memberlist `state.go` probeNode, handlePing*. */
import type { Random } from '../clock.ts';
import type { Body, Member, MembershipSettings } from './messages.ts';

/** What probing does to the rest. */
export interface ProbeActions {
  members(): readonly Member[];
  send(address: string, body: Body): void;
  /** Pings a member; a suspect one hears of the suspicion with it, so that it can refute (Lifeguard's buddy system). */
  ping(target: Member, seq: number): void;
  /** Nobody got an answer out of a member, as it was when it was asked: it may have come back as a new one since. */
  failed(target: Member, now: number): void;
  /** Our own health got better (negative) or worse. */
  health(change: number): void;
  /** Everyone has been probed once more. */
  newRound(now: number): void;
  /** Stretches a time by our own health. */
  scale(ms: number): number;
  acked(name: string, now: number): void;
}

interface Probe {
  readonly seq: number;
  readonly target: Member;
  /** When to ask others. */
  timeoutAt: number;
  /** When to give up. */
  deadline: number;
  asked: number;
  nacks: number;
}

/** A ping made for somebody else. */
interface Relay {
  readonly seq: number;
  readonly requester: string;
  nackAt: number;
}

export class Prober {
  readonly #name: string;
  readonly #settings: MembershipSettings;
  readonly #random: Random;
  readonly #actions: ProbeActions;
  readonly #relays = new Map<number, Relay>();
  #round: string[] = [];
  #current: Probe | undefined;
  #nextAt: number;
  #seq = 0;

  constructor(
    options: { name: string; settings: MembershipSettings; random: Random },
    actions: ProbeActions,
    now: number,
  ) {
    this.#name = options.name;
    this.#settings = options.settings;
    this.#random = options.random;
    this.#actions = actions;
    // Members that start together do not probe in step.
    this.#nextAt = now + options.settings.probeInterval * (0.5 + 0.5 * options.random.next());
    this.#seq = Math.floor(options.random.next() * 2 ** 30);
  }

  /** Gives a new member a random place in the current round. */
  added(name: string): void {
    this.#round.splice(Math.floor(this.#random.next() * (this.#round.length + 1)), 0, name);
  }

  nextDeadline(): number {
    const relay = Math.min(...[...this.#relays.values()].map((r) => r.nackAt));
    const probe = this.#current;
    return Math.min(relay, probe ? Math.min(probe.timeoutAt, probe.deadline) : this.#nextAt);
  }

  advance(now: number): void {
    for (const [seq, relay] of [...this.#relays])
      if (now >= relay.nackAt) {
        this.#relays.delete(seq);
        this.#actions.send(relay.requester, { kind: 'nack', seq: relay.seq });
      }
    const probe = this.#current;
    if (probe && now >= probe.deadline) this.#giveUp(probe, now);
    else if (probe && now >= probe.timeoutAt) this.#askOthers(probe);
    if (!this.#current && now >= this.#nextAt) this.#begin(now);
  }

  ack(seq: number, now: number): void {
    const relay = this.#relays.get(seq);
    if (relay) {
      this.#relays.delete(seq);
      this.#actions.send(relay.requester, { kind: 'ack', seq: relay.seq });
      return;
    }
    const probe = this.#current;
    if (probe?.seq !== seq) return;
    this.#current = undefined;
    this.#actions.acked(probe.target.name, now);
    this.#actions.health(-1);
  }

  nack(seq: number): void {
    if (this.#current?.seq === seq) this.#current.nacks += 1;
  }

  /** Pings `target` for the requester, who hears of an ack at once and of silence after the probe timeout. */
  relay(request: { seq: number; target: string; address: string; requester: string }, now: number): void {
    const seq = this.#nextSeq();
    this.#relays.set(seq, {
      seq: request.seq,
      requester: request.requester,
      nackAt: now + this.#settings.probeTimeout,
    });
    this.#actions.send(request.address, { kind: 'ping', seq, target: request.target });
  }

  /** Grants everything that is being waited for `ms` more. */
  extend(ms: number): void {
    if (this.#current) {
      this.#current.timeoutAt += ms;
      this.#current.deadline += ms;
    }
    for (const relay of this.#relays.values()) relay.nackAt += ms;
  }

  #nextSeq(): number {
    this.#seq = (this.#seq + 1) % 2 ** 31;
    return this.#seq;
  }

  #begin(now: number): void {
    this.#nextAt = now + this.#settings.probeInterval;
    const target = this.#next(now);
    if (!target) return;
    const scaled = this.#actions.scale(this.#settings.probeInterval);
    this.#current = {
      seq: this.#nextSeq(),
      target,
      timeoutAt: now + this.#actions.scale(this.#settings.probeTimeout),
      deadline: now + scaled,
      asked: 0,
      nacks: 0,
    };
    this.#actions.ping(target, this.#current.seq);
  }

  /** The next of the round; a new round is in new random order. */
  #next(now: number): Member | undefined {
    const candidates = new Map(
      this.#actions
        .members()
        .filter((m) => m.name !== this.#name && (m.state === 'alive' || m.state === 'suspect'))
        .map((m) => [m.name, m]),
    );
    if (candidates.size === 0) return undefined;
    for (;;) {
      if (this.#round.length === 0) {
        this.#actions.newRound(now);
        this.#round = shuffle([...candidates.keys()], this.#random);
      }
      const found = candidates.get(this.#round.shift() ?? '');
      if (found) return found;
    }
  }

  #askOthers(probe: Probe): void {
    probe.timeoutAt = Number.POSITIVE_INFINITY;
    const helpers = shuffle(
      this.#actions
        .members()
        .filter((m) => m.name !== this.#name && m.name !== probe.target.name && m.state === 'alive'),
      this.#random,
    ).slice(0, this.#settings.indirectChecks);
    probe.asked = helpers.length;
    for (const helper of helpers)
      this.#actions.send(helper.address, {
        kind: 'ping-req',
        seq: probe.seq,
        target: probe.target.name,
        address: probe.target.address,
      });
  }

  #giveUp(probe: Probe, now: number): void {
    this.#current = undefined;
    // Helpers that did not even say no make us doubt ourselves (Lifeguard). Without helpers we cannot tell.
    const missing = probe.asked - probe.nacks;
    if (probe.asked > 0) this.#actions.health(Math.max(0, missing));
    else this.#actions.health(1);
    this.#actions.failed(probe.target, now);
  }
}

function shuffle<T>(items: readonly T[], random: Random): T[] {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
}
