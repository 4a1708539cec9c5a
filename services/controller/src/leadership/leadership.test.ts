import type { FencedStore, Lease, Store } from '@svclab/core';
import { FencedError, LEADER_LEASE, RESOURCES, TimeoutError } from '@svclab/core';
import { createLogger } from '@svclab/runtime';
import { type FakeClock, fakeClock, type MemoryStore, memoryStore } from '@svclab/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { Leadership, type Term } from './leadership.ts';

const TIMES = { leaseMs: 1200, renewMs: 900, retryMs: 150 };
const log = createLogger({ component: 'controller', host: 'test', level: 'silent' });
const KEY = { ...RESOURCES.configmaps, namespace: 'default', name: 'x' };
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'default' } };

let clock: FakeClock;
let memory: MemoryStore;
beforeEach(() => {
  clock = fakeClock();
  memory = memoryStore({ clock });
});

/** A candidate, and what it did. Its store fails while `cut`. */
class Candidate {
  readonly terms: Term[] = [];
  readonly stamps: string[] = [];
  cut = false;
  running = 0;
  readonly leadership: Leadership;

  constructor(host: string) {
    const guarded = (store: Store): Store => ({
      create: (key, value) => this.#guard(() => store.create(key, value)),
      update: (key, value, expected) => this.#guard(() => store.update(key, value, expected)),
      delete: (key, expected) => this.#guard(() => store.delete(key, expected)),
    });
    const store: FencedStore = { ...guarded(memory.store), fenced: (holds) => guarded(memory.store.fenced(holds)) };
    this.leadership = new Leadership({
      store,
      cache: memory.cache,
      clock,
      random: { next: () => 0.5 },
      log,
      timeline: { stamp: (type) => void this.stamps.push(type) },
      identity: `${host}_1`,
      uid: 'u',
      times: TIMES,
      lead: (term) => {
        this.terms.push(term);
        this.running += 1;
        return {
          stop: async () => {
            this.running -= 1;
          },
        };
      },
    });
  }

  async #guard<T>(write: () => Promise<T>): Promise<T> {
    if (this.cut) throw new TimeoutError('cut off');
    return write();
  }
}

const holder = (): string | undefined => memory.cache.get<Lease>(LEADER_LEASE)?.spec?.holderIdentity;

describe('Leadership', () => {
  it('leads without a wait when nobody does, and one alone leads', async () => {
    const [a, b] = [new Candidate('a'), new Candidate('b')];
    await clock.advanceAsync(0);
    expect([a.running, b.running]).toEqual([1, 0]);
    await clock.advanceAsync(10_000);
    expect([a.running, b.running, holder()]).toEqual([1, 0, 'a_1']);
    expect(a.stamps).toEqual(['leader.elected']);
  });

  it('passes on when the leader cannot renew; the old one has ended its loops before, and comes back as a candidate', async () => {
    const [a, b] = [new Candidate('a'), new Candidate('b')];
    await clock.advanceAsync(100);
    a.cut = true;
    await clock.advanceAsync(TIMES.renewMs + 150);
    expect([a.running, b.running]).toEqual([0, 0]);
    await clock.advanceAsync(TIMES.leaseMs);
    expect([a.running, b.running, holder()]).toEqual([0, 1, 'b_1']);
    a.cut = false;
    await clock.advanceAsync(5000);
    expect([a.running, b.running, holder()]).toEqual([0, 1, 'b_1']);
    expect(a.stamps).toEqual(['leader.elected', 'leader.lost']);
  });

  it('lets nothing of an ended term be written, nor of a term when another has the lease', async () => {
    const a = new Candidate('a');
    await clock.advanceAsync(0);
    const [term] = a.terms as [Term];
    expect(term.holds()).toBe(true);
    await term.store.create(KEY, object);
    const lease = memory.cache.get<Lease>(LEADER_LEASE) as Lease;
    const taken = { ...lease, spec: { ...lease.spec, holderIdentity: 'b_1', leaseTransitions: 1 } };
    await memory.store.update(LEADER_LEASE, taken, Number(lease.metadata.resourceVersion));
    expect(term.holds()).toBe(false);
    await expect(term.store.delete(KEY)).rejects.toThrow(FencedError);
    expect(memory.cache.get(KEY)).toBeDefined();
  });

  it('gives the lease back when it stops: the next one need not wait', async () => {
    const [a, b] = [new Candidate('a'), new Candidate('b')];
    await clock.advanceAsync(500);
    const stopping = a.leadership.stop();
    await clock.advanceAsync(0);
    await clock.advanceAsync(1);
    expect([a.running, b.running, holder()]).toEqual([0, 1, 'b_1']);
    await clock.advanceAsync(1000);
    await stopping;
  });

  it('leads anew in a later term when a write of its own name was lost', async () => {
    const a = new Candidate('a');
    await clock.advanceAsync(100);
    a.cut = true;
    await clock.advanceAsync(TIMES.renewMs + 200);
    a.cut = false;
    await clock.advanceAsync(500);
    expect(a.terms.map((t) => t.number)).toEqual([0, 1]);
    expect(a.terms.map((t) => t.holds())).toEqual([false, true]);
    await expect(a.terms[0]?.store.create(KEY, object)).rejects.toThrow(FencedError);
  });
});
