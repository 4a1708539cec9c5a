import {
  AlreadyExistsError,
  type Cache,
  ConflictError,
  FencedError,
  type FencedStore,
  type KubeObject,
  NotFoundError,
  type ObjectKey,
  RESOURCES,
  STORE_OBJECT_LIMIT,
  type StoreEvent,
  TooLargeError,
} from '@svclab/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A store under test, empty at first. */
export interface StoreUnderTest {
  readonly store: FencedStore;
  readonly cache: Cache;
  close(): Promise<void>;
}

const key = (name: string, namespace = 'default'): ObjectKey => ({ ...RESOURCES.services, namespace, name });
const service = (name: string, labels: Record<string, string> = {}, namespace = 'default'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, labels },
});
const revisionOf = (object: KubeObject | undefined): number => Number(object?.metadata.resourceVersion);
const record = (cache: Cache): StoreEvent[] => {
  const events: StoreEvent[] = [];
  cache.subscribe((event) => events.push(event));
  return events;
};

/** What every implementation of `Store` and `Cache` must do; run on the fake and on the real one. `open` is called for each test. */
export function describeStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, () => {
    let under: StoreUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.close());
    describe('writes', () => describeWrites(() => under));
    describe('fenced writes', () => describeFenced(() => under));
    describe('cache', () => describeCache(() => under));
    describe('changes', () => describeChanges(() => under));
  });
}

function describeWrites(under: () => StoreUnderTest): void {
  it('creates an object and returns it with its revision, above 0 and in the cache', async () => {
    const { store, cache } = under();
    const created = await store.create(key('web'), service('web'));
    expect(revisionOf(created)).toBeGreaterThan(0);
    expect(cache.get(key('web'))).toEqual(created);
    expect(cache.revision).toBeGreaterThanOrEqual(revisionOf(created));
    expect(cache.fresh).toBe(true);
  });

  it('refuses to create what exists', async () => {
    const { store } = under();
    await store.create(key('web'), service('web'));
    await expect(store.create(key('web'), service('web'))).rejects.toThrow(AlreadyExistsError);
  });

  it('lets exactly one of many creators win', async () => {
    const { store } = under();
    const tries = Array.from({ length: 8 }, () => store.create(key('web'), service('web')));
    const results = await Promise.allSettled(tries);
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
    for (const r of results) if (r.status === 'rejected') expect(r.reason).toBeInstanceOf(AlreadyExistsError);
  });

  it('updates only what has the expected revision', async () => {
    const { store, cache } = under();
    const first = await store.create(key('web'), service('web'));
    const second = await store.update(key('web'), service('web', { a: '1' }), revisionOf(first));
    expect(revisionOf(second)).toBeGreaterThan(revisionOf(first));
    await expect(store.update(key('web'), service('web'), revisionOf(first))).rejects.toThrow(ConflictError);
    await expect(store.update(key('web'), service('web'), revisionOf(second) + 100)).rejects.toThrow(ConflictError);
    await expect(store.update(key('web'), service('web'), 0)).rejects.toThrow(ConflictError);
    expect(cache.get(key('web'))).toEqual(second);
  });

  it('loses no update of concurrent writers', async () => {
    const { store, cache } = under();
    await store.create(key('counter'), service('counter', { n: '0' }));
    const increment = async (): Promise<void> => {
      for (;;) {
        const seen = cache.get(key('counter'));
        const next = service('counter', { n: String(Number(seen?.metadata.labels?.n) + 1) });
        try {
          await store.update(key('counter'), next, revisionOf(seen));
          return;
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: 10 }, increment));
    expect(cache.get(key('counter'))?.metadata.labels?.n).toBe('10');
  });

  it('refuses to update or delete what does not exist, before and after it existed', async () => {
    const { store } = under();
    await expect(store.update(key('web'), service('web'), 1)).rejects.toThrow(NotFoundError);
    await expect(store.delete(key('web'))).rejects.toThrow(NotFoundError);
    await store.create(key('web'), service('web'));
    const deletion = await store.delete(key('web'));
    await expect(store.update(key('web'), service('web'), deletion)).rejects.toThrow(NotFoundError);
    await expect(store.delete(key('web'))).rejects.toThrow(NotFoundError);
    await expect(store.delete(key('web'), deletion)).rejects.toThrow(NotFoundError);
  });

  it('deletes at the expected revision only, and at any when none is given', async () => {
    const { store, cache } = under();
    const first = await store.create(key('web'), service('web'));
    const second = await store.update(key('web'), service('web', { a: '1' }), revisionOf(first));
    await expect(store.delete(key('web'), revisionOf(first))).rejects.toThrow(ConflictError);
    expect(await store.delete(key('web'), revisionOf(second))).toBeGreaterThan(revisionOf(second));
    expect(cache.get(key('web'))).toBeUndefined();
    await store.create(key('api'), service('api'));
    await store.delete(key('api'));
    expect(cache.list(RESOURCES.services)).toEqual([]);
  });

  it('creates over the marker a deletion leaves, again and again', async () => {
    const { store, cache } = under();
    let last = 0;
    for (let round = 0; round < 3; round++) {
      const made = await store.create(key('web'), service('web', { round: String(round) }));
      expect(revisionOf(made)).toBeGreaterThan(last);
      expect(cache.get(key('web'))?.metadata.labels?.round).toBe(String(round));
      last = await store.delete(key('web'));
      expect(last).toBeGreaterThan(revisionOf(made));
    }
  });

  it('refuses objects that are too large and leaves no trace of them', async () => {
    const { store, cache } = under();
    const big = service('web', { big: 'x'.repeat(STORE_OBJECT_LIMIT) });
    await expect(store.create(key('web'), big)).rejects.toThrow(TooLargeError);
    const small = await store.create(key('web'), service('web', { big: 'x'.repeat(STORE_OBJECT_LIMIT - 1000) }));
    await expect(store.update(key('web'), big, revisionOf(small))).rejects.toThrow(TooLargeError);
    expect(cache.get(key('web'))).toEqual(small);
  });

  it('takes names with every character Kubernetes allows', async () => {
    const { store, cache } = under();
    const allocation = { ...RESOURCES.allocations, namespace: '', name: 'ip/10.96.0.10' };
    await store.create(allocation, {
      apiVersion: 'svclab.dev/v1',
      kind: 'Allocation',
      metadata: { name: 'ip/10.96.0.10' },
    });
    await store.create(key('a.b-c', 'kube-system'), service('a.b-c', {}, 'kube-system'));
    expect(cache.get(allocation)?.kind).toBe('Allocation');
    expect(cache.get(key('a.b-c', 'kube-system'))?.kind).toBe('Service');
  });
}

function describeFenced(under: () => StoreUnderTest): void {
  /** A view whose writes happen while the object `lease` says so. */
  const whileHeld = async () => {
    const { store, cache } = under();
    const lease = await store.create(key('lease'), service('lease', { holder: 'me' }));
    const fenced = store.fenced(() => cache.get(key('lease'))?.metadata.labels?.holder === 'me');
    const pass = () => store.update(key('lease'), service('lease', { holder: 'other' }), revisionOf(lease));
    return { fenced, pass, store, cache };
  };

  it('do what other writes do, with the same refusals', async () => {
    const { fenced, cache } = await whileHeld();
    const first = await fenced.create(key('web'), service('web'));
    expect(cache.get(key('web'))).toEqual(first);
    await expect(fenced.create(key('web'), service('web'))).rejects.toThrow(AlreadyExistsError);
    const second = await fenced.update(key('web'), service('web', { a: '1' }), revisionOf(first));
    await expect(fenced.update(key('web'), service('web'), revisionOf(first))).rejects.toThrow(ConflictError);
    await expect(fenced.delete(key('web'), revisionOf(first))).rejects.toThrow(ConflictError);
    expect(await fenced.delete(key('web'), revisionOf(second))).toBeGreaterThan(revisionOf(second));
    await expect(fenced.update(key('web'), service('web'), revisionOf(second))).rejects.toThrow(NotFoundError);
    await fenced.create(key('web'), service('web'));
    await fenced.delete(key('web'));
    expect(cache.get(key('web'))).toBeUndefined();
    await expect(fenced.delete(key('web'))).rejects.toThrow(NotFoundError);
  });

  it('all happen when many are under way between writes of others', async () => {
    const { fenced, store, cache } = await whileHeld();
    const made = Array.from({ length: 60 }, (_, i) =>
      (i % 3 === 0 ? store : fenced).create(key(`w${i}`), service(`w${i}`)),
    );
    const revisions = (await Promise.all(made)).map(revisionOf);
    expect(new Set(revisions).size).toBe(60);
    expect(cache.list(RESOURCES.services)).toHaveLength(61);
  });

  it('to one key follow each other', async () => {
    const { fenced } = await whileHeld();
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => fenced.create(key('web'), service('web'))),
    );
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
    for (const r of results) if (r.status === 'rejected') expect(r.reason).toBeInstanceOf(AlreadyExistsError);
  });

  it('never follow the write that took the right away, however many are under way', async () => {
    const { fenced, pass, cache } = await whileHeld();
    const before = Array.from({ length: 30 }, (_, i) => fenced.create(key(`a${i}`), service(`a${i}`)));
    const passing = pass();
    const after = Array.from({ length: 30 }, (_, i) => fenced.create(key(`b${i}`), service(`b${i}`)));
    const results = await Promise.allSettled([...before, ...after]);
    const end = revisionOf(await passing);
    await expect(fenced.create(key('late'), service('late'))).rejects.toThrow(FencedError);
    const written = cache.list(RESOURCES.services).filter((o) => o.metadata.name !== 'lease');
    expect(written).toHaveLength(results.filter((r) => r.status === 'fulfilled').length);
    for (const object of written) expect(revisionOf(object)).toBeLessThan(end);
    for (const r of results) if (r.status === 'rejected') expect(r.reason).toBeInstanceOf(FencedError);
  });
}

function describeCache(under: () => StoreUnderTest): void {
  it('lists by namespace, then name, and only what is asked for', async () => {
    const { store, cache } = under();
    for (const [namespace, name] of [
      ['b', 'z'],
      ['a', 'y'],
      ['b', 'a'],
      ['a', 'x10'],
      ['a', 'x9'],
    ] as const)
      await store.create(key(name, namespace), service(name, {}, namespace));
    await store.create({ ...RESOURCES.pods, namespace: 'a', name: 'p' }, { ...service('p', {}, 'a'), kind: 'Pod' });
    const names = (namespace?: string): string[] =>
      cache.list(RESOURCES.services, namespace).map((o) => `${o.metadata.namespace}/${o.metadata.name}`);
    expect(names()).toEqual(['a/x10', 'a/x9', 'a/y', 'b/a', 'b/z']);
    expect(names('b')).toEqual(['b/a', 'b/z']);
    expect(names('c')).toEqual([]);
    expect(cache.list(RESOURCES.nodes)).toEqual([]);
  });

  it('hands out objects nobody can change, and lists that are copies', async () => {
    const { store, cache } = under();
    const input = service('web', { a: '1' });
    await store.create(key('web'), input);
    const held = cache.get(key('web'));
    expect(Object.isFrozen(held) && Object.isFrozen(held?.metadata.labels)).toBe(true);
    (input.metadata.labels as Record<string, string>).a = '2';
    expect(cache.get(key('web'))?.metadata.labels?.a).toBe('1');
    const before = cache.list(RESOURCES.services);
    await store.delete(key('web'));
    expect(before).toHaveLength(1);
  });

  it('waits for revisions, and says when one does not come', async () => {
    const { store, cache } = under();
    const now = cache.revision;
    await cache.waitFor(now, 1);
    const coming = cache.waitFor(now + 1, 60_000);
    await store.create(key('web'), service('web'));
    await coming;
    const never = cache.waitFor(cache.revision + 1000, 60_000);
    let settled = false;
    void never.then(
      () => {
        settled = true;
      },
      () => undefined,
    );
    await store.delete(key('web'));
    expect(settled).toBe(false);
  });
}

function describeChanges(under: () => StoreUnderTest): void {
  it('tells every change once, in revision order, with what was before', async () => {
    const { store, cache } = under();
    const events = record(cache);
    const made = await store.create(key('web'), service('web'));
    const changed = await store.update(key('web'), service('web', { a: '1' }), revisionOf(made));
    const deletion = await store.delete(key('web'));
    expect(events.map((e) => [e.type, e.revision])).toEqual([
      ['ADDED', revisionOf(made)],
      ['MODIFIED', revisionOf(changed)],
      ['DELETED', deletion],
    ]);
    expect(events.map((e) => e.key)).toEqual([key('web'), key('web'), key('web')]);
    expect(events[0]?.previous).toBeUndefined();
    expect(events[1]?.previous).toEqual(made);
    expect(events[2]?.object).toEqual({
      ...changed,
      metadata: { ...changed.metadata, resourceVersion: String(deletion) },
    });
  });

  it('keeps one order over all kinds', async () => {
    const { store, cache } = under();
    const events = record(cache);
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => {
        const ref = i % 2 ? RESOURCES.pods : RESOURCES.services;
        return store.create({ ...ref, namespace: 'default', name: `n${i}` }, service(`n${i}`));
      }),
    );
    const revisions = events.map((e) => e.revision);
    expect(new Set(revisions).size).toBe(20);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
  });

  it('shows subscribers the cache with the change in it, and stops when asked', async () => {
    const { store, cache } = under();
    const seen: (string | undefined)[] = [];
    const end = cache.subscribe((e) => seen.push(cache.get(e.key)?.metadata.resourceVersion));
    const made = await store.create(key('web'), service('web'));
    await store.delete(key('web'));
    end();
    await store.create(key('web'), service('web'));
    expect(seen).toEqual([made.metadata.resourceVersion, undefined]);
  });

  it('repeats the changes of one resource since a revision', async () => {
    const { store, cache } = under();
    const start = cache.revision;
    const made = await store.create(key('web'), service('web'));
    await store.create({ ...RESOURCES.pods, namespace: 'default', name: 'p' }, service('p'));
    const deletion = await store.delete(key('web'));
    const since = (revision: number): unknown[] =>
      cache.since(RESOURCES.services, revision).map((e) => [e.type, e.revision]);
    expect(since(start)).toEqual([
      ['ADDED', revisionOf(made)],
      ['DELETED', deletion],
    ]);
    expect(since(revisionOf(made))).toEqual([['DELETED', deletion]]);
    expect(since(deletion)).toEqual([]);
  });

  it('keeps the last 1000 changes of a resource at least', async () => {
    const { store, cache } = under();
    const start = cache.revision;
    for (let i = 0; i < 100; i++)
      await Promise.all(
        Array.from({ length: 10 }, (_, j) => store.create(key(`n${i * 10 + j}`), service(`n${i * 10 + j}`))),
      );
    expect(cache.since(RESOURCES.services, start)).toHaveLength(1000);
  });
}
