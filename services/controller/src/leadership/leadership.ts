import {
  type Cache,
  type Cancel,
  type Clock,
  type ElectionNews,
  type ElectionTimes,
  type FencedStore,
  type KubeObject,
  LEADER_LEASE,
  LeaderElection,
  type Lease,
  type LeaseAttempt,
  microTime,
  type Random,
  type Store,
} from '@svclab/core';
import type { Logger, Timeline } from '@svclab/runtime';

/** One time of leading. */
export interface Term {
  readonly number: number;
  /** Whether this process still leads in this term, by its own clock and its copy of the lease. */
  holds(): boolean;
  /** Writes that the store refuses once another has the lease, see `FencedStore`. */
  readonly store: Store;
}

/** What the leader runs. */
export interface Led {
  /** Ends it; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** What a candidate needs. */
export interface LeadershipOptions {
  readonly store: FencedStore;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<Logger, 'info' | 'warn' | 'debug'>;
  readonly timeline: Pick<Timeline, 'stamp'>;
  /** `HOST_UUID`, new with each process. */
  readonly identity: string;
  readonly uid: string;
  readonly times: ElectionTimes;
  /** Starts what a leader runs. */
  readonly lead: (term: Term) => Led;
}

/** Longest wait for a write of the lease that is under way when the process stops, milliseconds. */
const LAST_WRITE_MS = 300;

/**
 * Carries an election out: watches the lease, writes it, and runs what a leader runs while it leads. Leadership that is lost ends those
 * loops and not the process: its API server goes on for whoever watches there. (Users of client-go exit, because nothing else keeps
 * what still runs from writing; here the fence does.)
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #election: LeaderElection;
  readonly #unsubscribe: () => void;
  #cancelTimer: Cancel = () => undefined;
  /** A write of the lease under way. */
  #writing: Promise<void> = Promise.resolve();
  #led: Led | undefined;
  /** Starts and stops of what a leader runs, one after the other. */
  #changes: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    const { identity, times, random } = options;
    this.#election = new LeaderElection({ identity, times, random: () => random.next(), timeText: microTime });
    this.#unsubscribe = options.cache.subscribe(({ key }) => {
      if (key.resource === LEADER_LEASE.resource && key.name === LEADER_LEASE.name) this.#drive();
    });
    this.#drive();
  }

  /** Whether this process leads. */
  get leads(): boolean {
    return this.#election.leads(this.#options.clock.now());
  }

  /** Takes no part any more: ends what a leader runs, then gives the lease back, so that nobody has to wait for its end. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await Promise.race([this.#writing, this.#pause(LAST_WRITE_MS)]);
    this.#change(async () => this.#endLed());
    await this.#changes;
    const { clock } = this.#options;
    this.#election.observe(this.#lease(), clock.now());
    const last = this.#election.release(clock.now(), clock.wall());
    this.#unsubscribe();
    if (last) await Promise.race([this.#write(last), this.#pause(LAST_WRITE_MS)]);
    this.#tell();
  }

  #lease(): Lease | undefined {
    return this.#options.cache.get<Lease>(LEADER_LEASE);
  }

  /** Looks at the lease and the clock, and does what is due. */
  #drive(): void {
    const { clock } = this.#options;
    this.#cancelTimer();
    this.#election.observe(this.#lease(), clock.now());
    const attempt = this.#stopped ? undefined : this.#election.step(clock.now(), clock.wall());
    this.#tell();
    if (attempt) this.#writing = this.#try(attempt);
    const waitMs = this.#election.dueMs - clock.now();
    if (!this.#stopped && Number.isFinite(waitMs))
      this.#cancelTimer = clock.after(Math.max(1, waitMs), () => this.#drive());
  }

  async #try(attempt: LeaseAttempt): Promise<void> {
    const written = await this.#write(attempt);
    const { clock } = this.#options;
    this.#election.observe(this.#lease(), clock.now());
    // What another has written over is no lease.
    const spec = this.#lease()?.spec;
    const { holderIdentity, leaseTransitions } = attempt.spec;
    const stands = spec?.holderIdentity === holderIdentity && spec?.leaseTransitions === leaseTransitions;
    this.#election.done(attempt, written && stands, clock.now());
    this.#drive();
  }

  /** Writes the lease; false when it is not known to be stored. */
  async #write({ spec, expected, kind }: LeaseAttempt): Promise<boolean> {
    const { store, uid, clock, log } = this.#options;
    const before = this.#lease();
    const { namespace, name } = LEADER_LEASE;
    const metadata = { uid, creationTimestamp: microTime(clock.wall()).replace(/\.\d+Z$/, 'Z'), ...before?.metadata };
    const { resourceVersion: _old, ...kept } = { resourceVersion: undefined, ...metadata };
    const lease: KubeObject & Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...kept, name, namespace },
      spec,
    };
    try {
      if (expected === 0) await store.create(LEADER_LEASE, lease);
      else await store.update(LEADER_LEASE, lease, expected);
      return true;
    } catch (err) {
      log.debug({ event: 'lease-not-written', kind, err });
      return false;
    }
  }

  #tell(): void {
    for (const news of this.#election.news()) {
      this.#stamp(news);
      if (news.type === 'gained') this.#change(async () => this.#begin(news.term));
      else this.#change(async () => this.#endLed());
    }
  }

  #stamp(news: ElectionNews): void {
    const { log, timeline, identity } = this.#options;
    const reason = news.type === 'lost' ? news.reason : 'lease acquired';
    const attrs = { term: String(news.term), identity, reason };
    timeline.stamp(news.type === 'gained' ? 'leader.elected' : 'leader.lost', { cause: reason, attrs });
    log[news.type === 'gained' ? 'info' : 'warn']({ event: `leadership-${news.type}`, term: news.term, reason });
  }

  #change(change: () => Promise<void>): void {
    this.#changes = this.#changes.then(change).catch((err: unknown) => {
      this.#options.log.warn({ event: 'leadership-change-failed', err });
    });
  }

  async #begin(number: number): Promise<void> {
    const { clock, store, identity, lead } = this.#options;
    const holds = (): boolean => {
      const spec = this.#lease()?.spec;
      return this.#election.leads(clock.now()) && spec?.holderIdentity === identity && spec.leaseTransitions === number;
    };
    if (this.#stopped || !holds()) return;
    this.#led = lead({ number, holds, store: store.fenced(holds) });
  }

  async #endLed(): Promise<void> {
    const led = this.#led;
    this.#led = undefined;
    await led?.stop();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }
}
