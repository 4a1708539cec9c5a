import { fakeClock } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../api/meta.ts';
import { DEFAULT_WINDOW, type WindowLimits } from './event-window.ts';
import { encodeKey, type ObjectKey, RESOURCES } from './key.ts';
import { ExpiredError, type StoreEvent, TimeoutError } from './store.ts';
import { WatchCache } from './watch-cache.ts';

const key = (name: string): ObjectKey => ({ ...RESOURCES.services, namespace: 'default', name });
const object = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
});

function cacheWith(window: WindowLimits = DEFAULT_WINDOW) {
  const clock = fakeClock();
  const cache = new WatchCache({ clock, window });
  const put = (revision: number, name = `n${revision}`): void =>
    cache.apply({ key: key(name), revision, object: object(name) });
  const since = (revision: number): number[] => cache.since(RESOURCES.services, revision).map((e) => e.revision);
  return { clock, cache, put, since };
}

describe('WatchCache window', () => {
  const limits = { minEvents: 3, minAgeMs: 1000, maxEvents: 5 };
  const cases: { name: string; steps: ({ put: number } | { advance: number })[]; floor: number }[] = [
    { name: 'young events stay up to the most', steps: [1, 2, 3, 4, 5].map((put) => ({ put })), floor: 0 },
    { name: 'more than the most go, however young', steps: [1, 2, 3, 4, 5, 6].map((put) => ({ put })), floor: 1 },
    {
      name: 'old events go down to the fewest',
      steps: [{ put: 1 }, { put: 2 }, { put: 3 }, { put: 4 }, { advance: 1000 }, { put: 5 }],
      floor: 2,
    },
    { name: 'the fewest stay, however old', steps: [{ put: 1 }, { advance: 9999 }, { put: 2 }], floor: 0 },
  ];
  it.each(cases)('$name', ({ steps, floor }) => {
    const { clock, put, since } = cacheWith(limits);
    for (const step of steps) {
      if ('put' in step) put(step.put);
      else clock.advance(step.advance);
    }
    const last = steps.flatMap((s) => ('put' in s ? [s.put] : [])).at(-1) ?? 0;
    expect(since(floor)).toEqual(Array.from({ length: last - floor }, (_, i) => floor + 1 + i));
    if (floor > 0) expect(() => since(floor - 1)).toThrow(ExpiredError);
  });

  it('keeps 1000 events and 75 s by default', () => {
    const { clock, put, since } = cacheWith();
    for (let i = 1; i <= 1500; i++) put(i);
    clock.advance(74_999);
    put(1501);
    expect(since(0)).toHaveLength(1501);
    clock.advance(2);
    put(1502);
    expect(() => since(501)).toThrow(ExpiredError);
    expect(since(502)).toHaveLength(1000);
  });

  it('counts each resource by itself', () => {
    const { cache, put, since } = cacheWith({ minEvents: 1, minAgeMs: 0, maxEvents: 1 });
    put(1);
    for (let revision = 2; revision < 10; revision++)
      cache.apply({ key: { ...key('p'), ...RESOURCES.pods }, revision, object: object('p') });
    expect(since(0)).toEqual([1]);
    expect(() => cache.since(RESOURCES.pods, 5)).toThrow(ExpiredError);
  });
});

describe('WatchCache', () => {
  it('ignores what it has applied before', () => {
    const { cache, put } = cacheWith();
    const events: StoreEvent[] = [];
    cache.subscribe((e) => events.push(e));
    put(2);
    put(2);
    put(1);
    expect(events).toHaveLength(1);
    expect(cache.revision).toBe(2);
  });

  it('turns a list taken after a gap into deletions, and forgets the changes before it', () => {
    const { cache, put, since } = cacheWith();
    put(1, 'kept');
    put(2, 'gone');
    const events: string[] = [];
    cache.subscribe((e) => events.push(`${e.type} ${e.key.name} ${e.revision} ${e.object.metadata.resourceVersion}`));
    cache.retain(new Set([encodeKey(key('kept'))]), 7);
    expect(events).toEqual(['DELETED gone 7 7']);
    expect(cache.list(RESOURCES.services).map((o) => o.metadata.name)).toEqual(['kept']);
    expect(() => since(6)).toThrow(ExpiredError);
    expect(() => cache.since(RESOURCES.nodes, 6)).toThrow(ExpiredError);
    expect(since(7)).toEqual([]);
  });

  it('gives the other subscribers an event that one of them throws at', () => {
    const errors: unknown[] = [];
    const cache = new WatchCache({ clock: fakeClock(), onListenerError: (error) => errors.push(error) });
    const seen: number[] = [];
    cache.subscribe(() => {
      throw new Error('Broken');
    });
    cache.subscribe((e) => seen.push(e.revision));
    cache.apply({ key: key('a'), revision: 1, object: object('a') });
    expect([errors.length, seen]).toEqual([1, [1]]);
  });

  it('wakes who waits for a revision, and gives up at the deadline', async () => {
    const { clock, cache, put } = cacheWith();
    const soon = cache.waitFor(3, 1000);
    const never = cache.waitFor(4, 1000);
    cache.advance(2);
    put(3);
    await soon;
    clock.advance(1000);
    await expect(never).rejects.toThrow(TimeoutError);
    expect(clock.pending).toBe(0);
  });
});
