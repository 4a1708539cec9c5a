/**
 * SWIM membership with memberlist's refinements, as a state machine: datagrams and time go in, datagrams and events come out.
 * It never reads a clock and never sends; `nextDeadline` says when it wants to be advanced.
 *
 *     probe ─ ack ──────────────▶ alive
 *       └ no ack, no indirect ack ─▶ suspect ─ refuted ▶ alive
 *                                      └ timeout ─▶ dead ─ refuted ▶ alive
 *
 * Differs from memberlist in: state is exchanged by datagrams, not TCP, and there is no TCP fallback probe.
 */
import type { Random } from '../clock.ts';
import { BroadcastQueue, retransmitLimit } from './broadcast-queue.ts';
import type {
  Body,
  Member,
  MemberState,
  MembershipEvent,
  MembershipSettings,
  Packet,
  Send,
  Update,
} from './messages.ts';
import { type ProbeActions, Prober } from './prober.ts';
import { Suspicion, suspicionTimeout } from './suspicion.ts';

/** Updates that fit a datagram beside its body. */
const UPDATES_PER_PACKET = 12;

export interface MembershipOptions {
  readonly name: string;
  readonly address: string;
  readonly settings: MembershipSettings;
  readonly random: Random;
}

/** What came out of one step. */
export interface Effects {
  readonly sends: readonly Send[];
  readonly events: readonly MembershipEvent[];
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #members = new Map<string, Member>();
  readonly #suspicions = new Map<string, Suspicion>();
  readonly #lastAck = new Map<string, number>();
  readonly #queue = new BroadcastQueue();
  readonly #prober: Prober;
  #incarnation = 1;
  #leaving = false;
  #informed = false;
  /** Lifeguard's local health: 0 is healthy; each point stretches our own time-outs by one. */
  #health = 0;
  #nextGossip = Number.POSITIVE_INFINITY;
  #nextPushPull: number;
  #sends: Send[] = [];
  #events: MembershipEvent[] = [];

  constructor(options: MembershipOptions, now: number) {
    this.#options = options;
    this.#members.set(options.name, this.#self('alive', now));
    this.#nextPushPull = now + options.settings.pushPullInterval;
    const actions: ProbeActions = {
      members: () => this.members(),
      send: (address, body) => this.#send(address, body),
      ping: (target, seq) => {
        const accusation: Update = { ...this.#describe(target.name), kind: 'suspect', from: options.name };
        this.#send(
          target.address,
          { kind: 'ping', seq, target: target.name },
          target.state === 'suspect' ? [accusation] : [],
        );
      },
      newRound: (at) => this.#reap(at),
      failed: ({ name, address, incarnation }, at) =>
        this.#suspect({ kind: 'suspect', name, address, incarnation, from: options.name }, at),
      health: (change) => this.#adjustHealth(change),
      scale: (ms) => ms * (this.#health + 1),
      acked: (name, at) => void this.#lastAck.set(name, at),
    };
    this.#prober = new Prober(options, actions, now);
  }

  /** Everyone this member knows, itself included, sorted by name. */
  members(): Member[] {
    return [...this.#members.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  /** Names that count as members: alive or suspect. */
  present(): string[] {
    return this.members()
      .filter((m) => m.state === 'alive' || m.state === 'suspect')
      .map((m) => m.name);
  }
  get health(): number {
    return this.#health;
  }
  /** Whether a peer has told us all it knows: before that, the member list may hold just some of those that are there. */
  get informed(): boolean {
    return this.#informed;
  }

  /** This member was cut off from all others: what it knows may be old, so it counts as uninformed until a peer has told all it knows. */
  cutOff(): void {
    this.#informed = false;
  }

  /** Asks the members at `addresses` for their state and tells them ours. */
  join(addresses: readonly string[]): Effects {
    for (const address of addresses)
      if (address !== this.#options.address)
        this.#send(address, { kind: 'push-pull', reply: false, members: this.#state() });
    return this.#flush();
  }

  /** Tells everyone that we leave; the caller sends what comes out and may then end. */
  leave(now: number): Effects {
    this.#leaving = true;
    const self = this.#self('left', now);
    this.#members.set(self.name, self);
    const { name, address, incarnation } = self;
    const farewell: Update = { kind: 'dead', name, address, incarnation, from: name };
    // To each one directly: the queue would stop at its retransmit limit, and there is no later round to make up for it.
    for (const m of this.#others('alive', 'suspect')) this.#send(m.address, { kind: 'gossip' }, [farewell]);
    return this.#flush();
  }

  /** Takes a datagram. */
  receive(packet: Packet, address: string, now: number): Effects {
    if (packet.from === this.#options.name) return this.#flush();
    for (const update of packet.updates) this.#apply(update, now);
    const { body } = packet;
    switch (body.kind) {
      case 'ping':
        if (body.target === this.#options.name) this.#send(address, { kind: 'ack', seq: body.seq });
        break;
      case 'ping-req':
        this.#prober.relay({ ...body, requester: address }, now);
        break;
      case 'ack':
        this.#prober.ack(body.seq, now);
        break;
      case 'nack':
        this.#prober.nack(body.seq);
        break;
      case 'push-pull':
        this.#informed = true;
        for (const m of body.members) this.#merge(m, now);
        if (!body.reply) this.#send(address, { kind: 'push-pull', reply: true, members: this.#state() });
        break;
      case 'gossip':
        break;
    }
    return this.#flush(now);
  }

  /** When `advance` is wanted next. */
  nextDeadline(): number {
    const suspicion = Math.min(...[...this.#suspicions.values()].map((s) => s.deadline));
    return Math.min(suspicion, this.#prober.nextDeadline(), this.#nextGossip, this.#nextPushPull);
  }

  /** Does what is due. */
  advance(now: number): Effects {
    if (this.#leaving) return this.#flush();
    this.#prober.advance(now);
    for (const [name, suspicion] of [...this.#suspicions])
      if (now >= suspicion.deadline)
        this.#dead(
          { ...this.#describe(name), kind: 'dead', incarnation: suspicion.incarnation, from: this.#options.name },
          now,
        );
    if (now >= this.#nextGossip) this.#gossip(now);
    if (now >= this.#nextPushPull) this.#pushPull(now);
    return this.#flush(now);
  }

  /**
   * This process stood still for `ms` (its event loop was blocked, or it was not scheduled): what others may have answered meanwhile
   * has not been read in time, so everything that is being waited for gets that much longer, and our own health is worse.
   */
  stalled(ms: number): void {
    for (const s of this.#suspicions.values()) s.extend(ms);
    this.#prober.extend(ms);
    this.#adjustHealth(1);
  }

  #others(...states: MemberState[]): Member[] {
    return this.members().filter((m) => m.name !== this.#options.name && states.includes(m.state));
  }

  #self(state: MemberState, now: number): Member {
    const { name, address } = this.#options;
    return { name, address, incarnation: this.#incarnation, state, sinceMs: now };
  }

  #describe(name: string): { name: string; address: string; incarnation: number } {
    const m = this.#members.get(name);
    return { name, address: m?.address ?? '', incarnation: m?.incarnation ?? 0 };
  }

  #state(): Update[] {
    return this.members().map((m) => ({
      kind: m.state === 'alive' ? 'alive' : m.state === 'suspect' ? 'suspect' : 'dead',
      name: m.name,
      address: m.address,
      incarnation: m.incarnation,
      // A member that left is dead by its own word.
      from: m.state === 'left' ? m.name : this.#options.name,
    }));
  }

  /** @param own updates for this receiver alone */
  #send(address: string, body: Body, own: readonly Update[] = []): void {
    const limit = retransmitLimit(this.#options.settings.retransmitMult, this.#members.size);
    const queued = body.kind === 'push-pull' ? [] : this.#queue.take(UPDATES_PER_PACKET - own.length, limit);
    this.#sends.push({ address, packet: { from: this.#options.name, body, updates: [...own, ...queued] } });
  }

  #broadcast(update: Update): void {
    this.#queue.push(update);
  }

  #flush(now?: number): Effects {
    const idle = this.#nextGossip === Number.POSITIVE_INFINITY;
    // Without anyone to tell there is nothing to wake up for.
    if (now !== undefined && idle && this.#queue.size > 0 && this.#gossipTargets(now).length > 0)
      this.#nextGossip = now + this.#options.settings.gossipInterval;
    const effects = { sends: this.#sends, events: this.#events };
    this.#sends = [];
    this.#events = [];
    return effects;
  }

  #apply(update: Update, now: number): void {
    if (update.kind === 'alive') this.#alive(update, now);
    else if (update.kind === 'suspect') this.#suspect(update, now);
    else this.#dead(update, now);
  }

  /**
   * State from an exchange: somebody else's "dead" is only a suspicion, so that a member gets to refute it. It counts as ours, not as
   * one more witness: who told it has it from hearsay, perhaps. Source: memberlist `mergeState`.
   */
  #merge(update: Update, now: number): void {
    const hearsay = update.kind === 'suspect' || (update.kind === 'dead' && update.from !== update.name);
    if (hearsay) this.#suspect({ ...update, kind: 'suspect', from: this.#options.name }, now);
    else this.#apply(update, now);
  }

  #alive(update: Update, now: number): void {
    const { name, settings } = { name: this.#options.name, settings: this.#options.settings };
    const known = this.#members.get(update.name);
    if (update.name === name) {
      if (!this.#leaving && update.incarnation > this.#incarnation) this.#refute(update.incarnation, now);
      return;
    }
    if (known && update.incarnation <= known.incarnation) return;
    this.#suspicions.delete(update.name);
    this.#members.set(update.name, {
      name: update.name,
      address: update.address,
      incarnation: update.incarnation,
      state: 'alive',
      sinceMs: now,
    });
    this.#broadcast(update);
    if (!known) this.#prober.added(update.name);
    const back = known === undefined || known.state === 'dead' || known.state === 'left';
    if (back) this.#lastAck.set(update.name, now);
    if (back) this.#events.push({ type: 'joined', name: update.name, from: update.from });
    else if (known.state === 'suspect') this.#events.push({ type: 'alive', name: update.name, from: update.from });
    if (back && settings.pushPullInterval > 0) this.#send(update.address, { kind: 'gossip' });
  }

  #suspect(update: Update, now: number): void {
    const known = this.#members.get(update.name);
    if (!known || update.incarnation < known.incarnation) return;
    const running = this.#suspicions.get(update.name);
    if (running) {
      if (running.confirm(update.from)) this.#broadcast(update);
      return;
    }
    if (known.state !== 'alive') return;
    if (update.name === this.#options.name) {
      this.#refute(update.incarnation, now);
      return;
    }
    const s = this.#options.settings;
    const n = this.#members.size;
    const wanted = s.suspicionMult - 2;
    const min = suspicionTimeout(s.suspicionMult, n, s.probeInterval);
    this.#members.set(update.name, { ...known, incarnation: update.incarnation, state: 'suspect', sinceMs: now });
    this.#suspicions.set(
      update.name,
      new Suspicion({
        now,
        incarnation: update.incarnation,
        from: update.from,
        expected: n - 2 < wanted ? 0 : wanted,
        min,
        max: min * s.suspicionMaxTimeoutMult,
      }),
    );
    this.#broadcast(update);
    this.#events.push({ type: 'suspected', name: update.name, from: update.from, ...this.#ackOf(update.name) });
  }

  #dead(update: Update, now: number): void {
    const known = this.#members.get(update.name);
    if (!known || update.incarnation < known.incarnation || known.state === 'dead' || known.state === 'left') return;
    if (update.name === this.#options.name) {
      if (!this.#leaving) this.#refute(update.incarnation, now);
      return;
    }
    this.#suspicions.delete(update.name);
    const left = update.from === update.name;
    this.#members.set(update.name, {
      ...known,
      incarnation: update.incarnation,
      state: left ? 'left' : 'dead',
      sinceMs: now,
    });
    this.#broadcast(update);
    this.#events.push({
      type: left ? 'left' : 'dead',
      name: update.name,
      from: update.from,
      ...this.#ackOf(update.name),
    });
  }

  #ackOf(name: string): { lastAckMs?: number } {
    const at = this.#lastAck.get(name);
    return at === undefined ? {} : { lastAckMs: at };
  }

  /** Somebody doubts us: a higher incarnation proves that we live. */
  #refute(incarnation: number, now: number): void {
    this.#incarnation = Math.max(this.#incarnation, incarnation) + 1;
    const self = this.#self('alive', now);
    this.#members.set(self.name, self);
    this.#adjustHealth(1);
    this.#broadcast({
      kind: 'alive',
      name: self.name,
      address: self.address,
      incarnation: self.incarnation,
      from: self.name,
    });
  }

  #adjustHealth(change: number): void {
    const max = this.#options.settings.awarenessMaxMultiplier - 1;
    this.#health = Math.min(Math.max(0, this.#health + change), Math.max(0, max));
  }

  #gossip(now: number): void {
    const s = this.#options.settings;
    const targets = this.#gossipTargets(now);
    for (const m of pick(targets, s.gossipNodes, this.#options.random)) {
      if (this.#queue.size === 0) break;
      this.#send(m.address, { kind: 'gossip' });
    }
    this.#nextGossip = this.#queue.size > 0 && targets.length > 0 ? now + s.gossipInterval : Number.POSITIVE_INFINITY;
  }

  #gossipTargets(now: number): Member[] {
    const { gossipToTheDeadTime } = this.#options.settings;
    return this.#others('alive', 'suspect', 'dead').filter(
      (m) => m.state !== 'dead' || now - m.sinceMs < gossipToTheDeadTime,
    );
  }

  /** Forgets who has been gone for long, so that the member count means those there are. Source: memberlist `resetNodes`. */
  #reap(now: number): void {
    for (const m of this.#others('dead', 'left'))
      if (now - m.sinceMs > this.#options.settings.gossipToTheDeadTime) {
        this.#members.delete(m.name);
        this.#lastAck.delete(m.name);
      }
  }

  #pushPull(now: number): void {
    const [partner] = pick(this.#others('alive'), 1, this.#options.random);
    if (partner) this.#send(partner.address, { kind: 'push-pull', reply: false, members: this.#state() });
    this.#nextPushPull = now + this.#options.settings.pushPullInterval;
  }
}

/** `count` different ones, in random order. */
export function pick<T>(from: readonly T[], count: number, random: Random): T[] {
  const rest = [...from];
  const chosen: T[] = [];
  while (chosen.length < count && rest.length > 0)
    chosen.push(...rest.splice(Math.floor(random.next() * rest.length), 1));
  return chosen;
}
