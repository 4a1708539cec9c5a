import { describe, expect, it } from 'vitest';
import type { Lease, LeaseSpec } from '../api/coordination.ts';
import { LeaderElection, type LeaseAttempt } from './leader-election.ts';

const TIMES = { leaseMs: 1200, renewMs: 900, retryMs: 150 };

/** The lease in a store: compare-and-set, revisions. */
class LeaseStore {
  lease: Lease | undefined;
  revision = 0;

  write({ expected, spec }: LeaseAttempt): boolean {
    if (Number(this.lease?.metadata.resourceVersion ?? 0) !== expected) return false;
    this.put(spec);
    return true;
  }

  put(spec: LeaseSpec): void {
    this.revision += 1;
    const metadata = { name: 'l', resourceVersion: String(this.revision) };
    this.lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
  }
}

const candidate = (host: string, process = '1'): LeaderElection =>
  new LeaderElection({ identity: `${host}_${process}`, times: TIMES, random: () => 0.5, timeText: String });

/** One candidate looks, tries and learns what came of it, all at `nowMs`. */
function turn(election: LeaderElection, store: LeaseStore, nowMs: number): LeaseAttempt | undefined {
  election.observe(store.lease, nowMs);
  const attempt = election.step(nowMs, nowMs);
  if (attempt) {
    const stored = store.write(attempt);
    election.observe(store.lease, nowMs);
    election.done(attempt, stored, nowMs);
  }
  return attempt;
}

describe('a candidate', () => {
  it('takes a lease that does not exist at once', () => {
    const a = candidate('a');
    const store = new LeaseStore();
    expect(turn(a, store, 0)).toEqual({
      kind: 'acquire',
      sentMs: 0,
      expected: 0,
      spec: { holderIdentity: 'a_1', leaseDurationSeconds: 2, acquireTime: '0', renewTime: '0', leaseTransitions: 0 },
    });
    expect(a.leads(0)).toBe(true);
    expect(a.news()).toEqual([{ type: 'gained', term: 0 }]);
  });

  it.each<{ what: string; spec: LeaseSpec; takesAtMs: number }>([
    { what: 'held by another, from when it was seen', spec: { holderIdentity: 'b_1' }, takesAtMs: 1200 },
    {
      what: 'whose times say that it ended long ago',
      spec: { holderIdentity: 'b_1', renewTime: '1970-01-01T00:00:00Z', leaseDurationSeconds: 1 },
      takesAtMs: 1200,
    },
    {
      what: 'whose times lie in the future',
      spec: { holderIdentity: 'b_1', renewTime: '2999-01-01T00:00:00Z', leaseDurationSeconds: 3600 },
      takesAtMs: 1200,
    },
    { what: 'that was given up', spec: { holderIdentity: '' }, takesAtMs: 0 },
    { what: 'of an earlier process of its host', spec: { holderIdentity: 'a_0' }, takesAtMs: 0 },
    { what: 'of a host whose name begins like its own', spec: { holderIdentity: 'a1_1' }, takesAtMs: 1200 },
  ])('takes a lease $what', ({ spec, takesAtMs }) => {
    const a = candidate('a');
    const store = new LeaseStore();
    store.put({ leaseTransitions: 4, ...spec });
    let takenMs = -1;
    for (let ms = 0; takenMs < 0 && ms < 5000; ms += 1) if (turn(a, store, ms)) takenMs = ms;
    // It comes up to one retry period later, so that not all candidates come at once.
    expect(takenMs).toBeGreaterThanOrEqual(takesAtMs);
    expect(takenMs).toBeLessThanOrEqual(takesAtMs + TIMES.retryMs);
    expect(store.lease?.spec).toMatchObject({ holderIdentity: 'a_1', leaseTransitions: 5 });
  });

  it('waits anew each time it sees the lease renewed', () => {
    const a = candidate('a');
    const store = new LeaseStore();
    for (let ms = 0; ms < 10_000; ms += 1) {
      if (ms % 1100 === 0) store.put({ holderIdentity: 'b_1', leaseTransitions: 0 });
      expect(turn(a, store, ms)).toBeUndefined();
    }
  });

  it('does not lead when another was first, though it believed the lease free', () => {
    const a = candidate('a');
    const b = candidate('b');
    const store = new LeaseStore();
    const [first, second] = [a.step(0, 0), b.step(0, 0)] as [LeaseAttempt, LeaseAttempt];
    a.done(first, store.write(first), 1);
    b.done(second, store.write(second), 1);
    expect([a.leads(1), b.leads(1)]).toEqual([true, false]);
  });

  it('does not lead by an answer that comes after the time it would have led', () => {
    const a = candidate('a');
    const store = new LeaseStore();
    const attempt = a.step(0, 0) as LeaseAttempt;
    expect(store.write(attempt)).toBe(true);
    a.done(attempt, true, TIMES.renewMs);
    expect(a.leads(TIMES.renewMs)).toBe(false);
    expect(a.news()).toEqual([]);
    // The lease is in its name: it need not wait for its end.
    for (let ms = TIMES.renewMs; !a.leads(ms) && ms < 5000; ms += 1) turn(a, store, ms);
    expect(store.lease?.spec).toMatchObject({ holderIdentity: 'a_1', leaseTransitions: 1 });
  });
});

describe('a leader', () => {
  it('renews each retry period, in the same term', () => {
    const a = candidate('a');
    const store = new LeaseStore();
    const sent: number[] = [];
    for (let ms = 0; ms < 1000; ms += 1) if (turn(a, store, ms)) sent.push(ms);
    expect(sent).toEqual([0, 150, 300, 450, 600, 750, 900]);
    expect(store.lease?.spec).toMatchObject({ leaseTransitions: 0, acquireTime: '0', renewTime: '900' });
  });

  it('stops when it has not renewed for the deadline, counted from when the last renewal was sent', () => {
    const a = candidate('a');
    const store = new LeaseStore();
    turn(a, store, 0);
    const renewal = a.step(150, 150) as LeaseAttempt;
    store.write(renewal);
    a.done(renewal, true, 800);
    const late = a.step(950, 950) as LeaseAttempt;
    expect(a.leads(150 + TIMES.renewMs - 1)).toBe(true);
    expect(a.leads(150 + TIMES.renewMs)).toBe(false);
    expect(a.dueMs).toBe(150 + TIMES.renewMs);
    a.step(1050, 1050);
    expect(a.news()).toEqual([
      { type: 'gained', term: 0 },
      { type: 'lost', term: 0, reason: 'lease was not renewed for 900 ms' },
    ]);
    // The answer that comes now makes it no leader again.
    a.done(late, true, 1060);
    expect(a.leads(1060)).toBe(false);
  });

  it.each([
    ['by another', { holderIdentity: 'b_1', leaseTransitions: 1 }, 'lease is held by b_1'],
    ['by nobody', { holderIdentity: '', leaseTransitions: 0 }, 'lease is held by nobody'],
    [
      'in its name, in a term that is not its own',
      { holderIdentity: 'a_1', leaseTransitions: 7 },
      'lease is held by a_1',
    ],
  ])('stops when it sees the lease held %s', (_, spec, reason) => {
    const a = candidate('a');
    const store = new LeaseStore();
    turn(a, store, 0);
    store.put(spec);
    a.observe(store.lease, 10);
    expect(a.leads(10)).toBe(false);
    expect(a.news()[1]).toEqual({ type: 'lost', term: 0, reason });
  });

  it('gives the lease up so that the next one need not wait', () => {
    const [a, b] = [candidate('a'), candidate('b')];
    const store = new LeaseStore();
    turn(a, store, 0);
    turn(b, store, 1);
    const last = a.release(100, 100) as LeaseAttempt;
    expect(a.leads(100)).toBe(false);
    store.write(last);
    turn(b, store, 101);
    expect(b.leads(101)).toBe(true);
    expect(b.release(99_999, 0)).toBeUndefined();
  });
});

/** mulberry32 */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('three candidates through pauses, slow writes and outages of the store', () => {
  /** A write on its way: reaches the store, then its answer the candidate. */
  interface Flight {
    readonly i: number;
    readonly attempt: LeaseAttempt;
    readonly arrivesMs: number;
    readonly answersMs: number;
    stored: boolean | undefined;
  }

  it.each(Array.from({ length: 15 }, (_, seed) => seed + 1))(
    'seed %i: never two leaders, and always one again',
    (seed) => {
      const random = chance(seed);
      const store = new LeaseStore();
      const elections = ['a', 'b', 'c'].map(
        (host) => new LeaderElection({ identity: `${host}_1`, times: TIMES, random, timeText: String }),
      );
      const pausedUntil = [0, 0, 0];
      /** What each has seen of the lease, which comes late. */
      const seenLagMs = [1, 5, 20];
      const history: { readonly atMs: number; readonly lease: Lease | undefined }[] = [];
      let flights: Flight[] = [];
      let outageUntil = 0;
      let led = 0;
      const calmFrom = 60_000;
      for (let ms = 0; ms < calmFrom + 10_000; ms += 5) {
        if (ms < calmFrom) {
          for (const i of [0, 1, 2]) if (random() < 0.0005) pausedUntil[i] = ms + random() * 5000;
          if (random() < 0.0003) outageUntil = ms + random() * 6000;
        }
        for (const flight of flights)
          if (flight.stored === undefined && flight.arrivesMs <= ms && ms >= outageUntil)
            flight.stored = store.write(flight.attempt);
        if (history.at(-1)?.lease !== store.lease) history.push({ atMs: ms, lease: store.lease });
        for (const [i, election] of elections.entries()) {
          if (ms < (pausedUntil[i] ?? 0)) continue;
          election.observe(history.findLast((h) => h.atMs <= ms - (seenLagMs[i] ?? 0))?.lease, ms);
          for (const flight of flights.filter((f) => f.i === i && f.stored !== undefined && f.answersMs <= ms)) {
            // As in the store's client: the copy has the write before its caller is told.
            if (flight.stored) election.observe(store.lease, ms);
            election.done(flight.attempt, flight.stored ?? false, ms);
            flights = flights.filter((f) => f !== flight);
          }
          const attempt = election.step(ms, ms);
          const delay = random() * 30;
          if (attempt)
            flights.push({ i, attempt, arrivesMs: ms + delay, answersMs: ms + 2 * delay, stored: undefined });
        }
        // A paused process does nothing; what its clock would say when it goes on is what counts.
        const leaders = elections.filter((e) => e.leads(ms)).length;
        expect(leaders).toBeLessThanOrEqual(1);
        if (leaders === 1) led += 1;
      }
      expect(elections.filter((e) => e.leads(calmFrom + 9995))).toHaveLength(1);
      expect(led).toBeGreaterThan(5000);
    },
  );
});
