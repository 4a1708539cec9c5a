/**
 * Which of several controllers leads: a lease in the store, taken and renewed by compare-and-set.
 * Source of the rules: k8s.io/client-go `tools/leaderelection/leaderelection.go`. As there, no clock but the local monotonic one counts,
 * and a lease runs from when *this process saw it change*, not from the times written into it.
 */
import type { Lease, LeaseSpec } from '../api/coordination.ts';

/** Times of an election, milliseconds; lease > renew > retry. */
export interface ElectionTimes {
  /** How long a lease that nobody is seen to renew is respected (LeaseDuration). */
  readonly leaseMs: number;
  /** How long a leader that cannot renew goes on leading (RenewDeadline). */
  readonly renewMs: number;
  /** Time between two tries (RetryPeriod). */
  readonly retryMs: number;
}

/** A write of the lease to be tried. */
export interface LeaseAttempt {
  readonly kind: 'acquire' | 'renew';
  /** When it was decided on: leadership counts from here, before the store has it, so that it ends here before it ends for others. */
  readonly sentMs: number;
  /** Revision the lease must still have; 0: it must not exist. */
  readonly expected: number;
  readonly spec: LeaseSpec;
}

/** What changed in who leads, as this process knows it. `term` is the lease's count of holders. */
export type ElectionNews =
  | { readonly type: 'gained'; readonly term: number }
  | { readonly type: 'lost'; readonly term: number; readonly reason: string };

/** What an election is told at its start. */
export interface ElectionOptions {
  /** Unlike that of any other process, ever: `HOST_UUID`. */
  readonly identity: string;
  readonly times: ElectionTimes;
  /** Uniform in [0, 1): spreads the tries of the candidates. */
  readonly random: () => number;
  /** Wall clock to text, for the lease's times. */
  readonly timeText: (wallMs: number) => string;
}

/** client-go spreads tries to acquire over RetryPeriod x 1 to 2.2. */
const JITTER = 1.2;

/** The lease as this process last saw it change. */
interface Observed {
  readonly revision: number;
  readonly spec: LeaseSpec;
  readonly atMs: number;
}

/**
 * One candidate. It is told what the lease looks like (`observe`), asked what to try (`step`) and told what came of it (`done`).
 * It leads from when a try to acquire was sent until `renewMs` after the last try that succeeded was sent. Others respect the lease for
 * `leaseMs` from when they saw it, which is later: by these clocks there are never two leaders. (That a process paused between asking
 * `leads` and writing does no harm is the fence's part, see `FencedStore`.)
 *
 * A lease held by an earlier process of the same host is free: a host runs one controller at a time.
 */
export class LeaderElection {
  readonly #options: ElectionOptions;
  #observed: Observed | undefined;
  /** Term this process leads in, and when the last try that succeeded was sent. */
  #leading: { readonly term: number; readonly sinceMs: number } | undefined;
  #trying = false;
  #nextMs = 0;
  readonly #news: ElectionNews[] = [];

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  /** Whether this process may act as the leader at this instant. */
  leads(nowMs: number): boolean {
    return this.#leading !== undefined && nowMs < this.#leading.sinceMs + this.#options.times.renewMs;
  }

  /** Holder of the lease as last seen; empty when nobody. */
  get holder(): string {
    return this.#observed?.spec.holderIdentity ?? '';
  }

  /** What has changed since this was last asked. */
  news(): ElectionNews[] {
    return this.#news.splice(0);
  }

  /** Takes in the lease as the copy of the store has it now; undefined when there is none. */
  observe(lease: Lease | undefined, nowMs: number): void {
    const revision = Number(lease?.metadata.resourceVersion ?? 0);
    if (revision === (this.#observed?.revision ?? 0)) return;
    const spec = lease?.spec ?? {};
    this.#observed = revision === 0 ? undefined : { revision, spec, atMs: nowMs };
    if (this.#leading) {
      const isOurs = spec.holderIdentity === this.#options.identity && spec.leaseTransitions === this.#leading.term;
      if (!isOurs) this.#lose(`lease is held by ${spec.holderIdentity || 'nobody'}`, nowMs);
    } else
      this.#nextMs = this.#isFree(nowMs)
        ? nowMs
        : this.#expiryMs() + this.#options.random() * this.#options.times.retryMs;
  }

  /** What to write now, if anything; ask again at `dueMs`, after `observe` and after `done`. */
  step(nowMs: number, wallMs: number): LeaseAttempt | undefined {
    const { times } = this.#options;
    if (this.#leading && !this.leads(nowMs)) this.#lose(`lease was not renewed for ${times.renewMs} ms`, nowMs);
    if (this.#trying || nowMs < this.#nextMs) return undefined;
    if (!this.#leading && !this.#isFree(nowMs)) {
      this.#nextMs = this.#expiryMs();
      return undefined;
    }
    this.#trying = true;
    return this.#attempt(nowMs, this.#options.timeText(wallMs));
  }

  /** When to ask `step` again, at the latest. */
  get dueMs(): number {
    const endMs = this.#leading ? this.#leading.sinceMs + this.#options.times.renewMs : Number.POSITIVE_INFINITY;
    return this.#trying ? endMs : Math.min(this.#nextMs, endMs);
  }

  /** Takes in what came of a try: whether the lease is stored as tried. */
  done(attempt: LeaseAttempt, stored: boolean, nowMs: number): void {
    const { retryMs } = this.#options.times;
    this.#trying = false;
    if (attempt.kind === 'renew') {
      this.#nextMs = nowMs + retryMs;
      // Lost meanwhile, it is not found again by a late answer.
      if (stored && this.#leading) this.#leading = { ...this.#leading, sinceMs: attempt.sentMs };
      return;
    }
    this.#nextMs = nowMs + retryMs * (1 + JITTER * this.#options.random());
    if (!stored) return;
    const term = attempt.spec.leaseTransitions ?? 0;
    this.#leading = { term, sinceMs: attempt.sentMs };
    if (!this.leads(nowMs)) {
      this.#leading = undefined;
      return;
    }
    this.#nextMs = nowMs + retryMs;
    this.#news.push({ type: 'gained', term });
  }

  /** Ends leadership before the lease ends; what to write so that others need not wait, if this process led. */
  release(nowMs: number, wallMs: number): LeaseAttempt | undefined {
    if (!this.#leading || !this.leads(nowMs) || !this.#observed) return undefined;
    const { term } = this.#leading;
    this.#lose('lease is given up', nowMs);
    const time = this.#options.timeText(wallMs);
    // As client-go does: a lease of one second without a holder.
    const spec = {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: time,
      renewTime: time,
      leaseTransitions: term,
    };
    return { kind: 'renew', sentMs: nowMs, expected: this.#observed.revision, spec };
  }

  #attempt(nowMs: number, time: string): LeaseAttempt {
    const { identity, times } = this.#options;
    const before = this.#observed?.spec;
    const renew = this.#leading !== undefined;
    return {
      kind: renew ? 'renew' : 'acquire',
      sentMs: nowMs,
      expected: this.#observed?.revision ?? 0,
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.max(1, Math.ceil(times.leaseMs / 1000)),
        acquireTime: renew ? (before?.acquireTime ?? time) : time,
        renewTime: time,
        leaseTransitions: renew ? (before?.leaseTransitions ?? 0) : before ? (before.leaseTransitions ?? 0) + 1 : 0,
      },
    };
  }

  #expiryMs(): number {
    return (this.#observed?.atMs ?? 0) + this.#options.times.leaseMs;
  }

  #isFree(nowMs: number): boolean {
    const { holder } = this;
    return (
      !this.#observed || holder === '' || hostOf(holder) === hostOf(this.#options.identity) || nowMs >= this.#expiryMs()
    );
  }

  #lose(reason: string, nowMs: number): void {
    if (!this.#leading) return;
    this.#news.push({ type: 'lost', term: this.#leading.term, reason });
    this.#leading = undefined;
    this.#nextMs = Math.max(this.#nextMs, nowMs + this.#options.times.retryMs);
  }
}

/** `controller-1_6f0c...` -> `controller-1`. */
function hostOf(identity: string): string {
  return identity.split('_')[0] ?? identity;
}
