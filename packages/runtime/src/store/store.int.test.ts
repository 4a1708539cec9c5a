import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Clock,
  ConflictError,
  type KubeObject,
  type ObjectKey,
  RESOURCES,
  StoreLostError,
  TimeoutError,
} from '@svclab/core';
import { describeStoreContract, fakeClock, type NatsTestServer, startNats } from '@svclab/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bus, connectBus } from '../bus/bus.ts';
import { systemClock } from '../process/clock.ts';
import { createLogger } from '../process/log.ts';
import { purgeBefore, readLast, STREAM, SUBJECT_PREFIX } from './bucket.ts';
import { jsPublish, jsRequest } from './js-api.ts';
import { MarkerSweeper } from './marker-sweeper.ts';
import { type ClosableCache, openCache, openStore } from './open.ts';

const log = createLogger({ component: 'test', host: 'test', level: process.env.SVCLAB_LOG_LEVEL ?? 'silent' });
const key = (name: string): ObjectKey => ({ ...RESOURCES.services, namespace: 'default', name });
const service = (name: string, n = 0): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', labels: { n: String(n) } },
});

/** Resolves when the condition holds; the test's own deadline bounds the wait. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const connectTo = (server: NatsTestServer, user = 'test'): Promise<Bus> =>
  connectBus({ servers: [server.url], user, password: 'x', name: user, log });

describeStoreContract('NATS JetStream', async () => {
  const server = await startNats();
  const bus = await connectTo(server);
  const { store, cache } = await openStore(bus, { log, clock: systemClock });
  return {
    store,
    cache,
    async close() {
      await cache.close();
      await bus.close();
      await server.stop();
    },
  };
});

describe('store over NATS under faults', () => {
  let server: NatsTestServer;
  let folder: string;
  const stops: (() => unknown)[] = [];
  const buses: Bus[] = [];
  beforeEach(async () => {
    server = await startNats();
    folder = mkdtempSync(join(tmpdir(), 'svclab-store-'));
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
    buses.splice(0);
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const bus = async (): Promise<Bus> => {
    const made = await connectTo(server);
    buses.push(made);
    stops.push(() => made.close());
    return made;
  };
  const bus0 = (): Bus => buses[0] as Bus;
  const writer = async (options: { epochFile?: string } = {}) => {
    const opened = await openStore(await bus(), { log, clock: systemClock, ...options });
    stops.push(() => opened.cache.close());
    return opened;
  };
  const reader = async (options: { epochFile?: string; clock?: Clock } = {}): Promise<ClosableCache> => {
    const cache = await openCache(await bus(), {
      log,
      clock: systemClock,
      resources: [RESOURCES.services],
      ...options,
    });
    stops.push(() => cache.close());
    return cache;
  };
  /** Removes every consumer of the stream behind the watchers' backs. */
  const deleteConsumers = async (): Promise<number> => {
    const admin = await (await bus()).connection();
    const { consumers } = await jsRequest<{ consumers: string[] }>(admin, `$JS.API.CONSUMER.NAMES.${STREAM}`, {}, 2000);
    for (const name of consumers) await jsRequest(admin, `$JS.API.CONSUMER.DELETE.${STREAM}.${name}`, {}, 2000);
    return consumers.length;
  };

  it('gives a reader the objects of its resources and the revisions of all', async () => {
    const { store } = await writer();
    await store.create(key('web'), service('web'));
    const cache = await reader();
    expect(cache.list(RESOURCES.services).map((o) => o.metadata.name)).toEqual(['web']);
    const pod = await store.create({ ...RESOURCES.pods, namespace: 'default', name: 'p' }, service('p'));
    await cache.waitFor(Number(pod.metadata.resourceVersion), 10_000);
    expect(cache.list(RESOURCES.pods)).toEqual([]);
  });

  it('lets a reader start before the store exists', async () => {
    const opening = reader();
    const { store } = await writer();
    const cache = await opening;
    const made = await store.create(key('web'), service('web'));
    await cache.waitFor(Number(made.metadata.resourceVersion), 10_000);
    expect(cache.get(key('web'))).toEqual(made);
  });

  it('lists what a restarted process has missed, deletions over markers included', async () => {
    const first = await writer();
    await first.store.create(key('kept'), service('kept'));
    await first.store.create(key('gone'), service('gone'));
    const deletion = await first.store.delete(key('gone'));
    await first.cache.close();
    const second = await writer();
    expect(second.cache.list(RESOURCES.services).map((o) => o.metadata.name)).toEqual(['kept']);
    expect(second.cache.revision).toBe(deletion);
    expect(() => second.cache.since(RESOURCES.services, deletion - 1)).toThrow(/too old/);
    expect(second.cache.since(RESOURCES.services, deletion)).toEqual([]);
  });

  it('sees a write within 2 s of losing its consumer on the server', async () => {
    const { store } = await writer();
    const cache = await reader();
    expect(await deleteConsumers()).toBe(2);
    const startMs = performance.now();
    const made = await store.create(key('web'), service('web'));
    await cache.waitFor(Number(made.metadata.resourceVersion), 20_000);
    expect(performance.now() - startMs).toBeLessThan(2000);
    expect(cache.get(key('web'))).toEqual(made);
  });

  it('loses no acknowledged write and no event when the server is killed and comes back', async () => {
    const { store, cache } = await writer();
    const readers = await reader();
    const events: number[] = [];
    readers.subscribe((e) => events.push(e.revision));
    const acknowledged: string[] = [];
    let stop = false;
    const write = async (worker: number): Promise<void> => {
      for (let i = 0; !stop; i++) {
        const name = `w${worker}-${i}`;
        await store.create(key(name), service(name));
        acknowledged.push(name);
      }
    };
    const workers = [0, 1, 2, 3].map(write);
    await until(() => acknowledged.length > 50);
    await server.signal('SIGKILL');
    await until(() => !cache.fresh && !readers.fresh);
    await server.start();
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + 50);
    stop = true;
    await Promise.all(workers);
    await readers.waitFor(cache.revision, 20_000);
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    const names = readers.list(RESOURCES.services).map((o) => o.metadata.name);
    expect(new Set(names)).toEqual(new Set(acknowledged));
    expect(events).toEqual([...new Set(events)].sort((a, b) => a - b));
    expect(events).toHaveLength(acknowledged.length);
    expect(cache.fresh && readers.fresh).toBe(true);
  });

  it('says that it is not fresh while the server stands still', async () => {
    const { cache } = await writer();
    await server.signal('SIGSTOP');
    const stoppedMs = performance.now();
    await until(() => !cache.fresh);
    expect(performance.now() - stoppedMs).toBeLessThan(2000);
    await server.signal('SIGCONT');
    await until(() => cache.fresh);
  });

  it('writes once when the answer to a first try is lost', async () => {
    const { store, cache } = await writer();
    const made = await store.create(key('web'), service('web'));
    const events: string[] = [];
    cache.subscribe((e) => events.push(e.type));
    await server.signal('SIGSTOP');
    const update = store.update(key('web'), service('web', 1), Number(made.metadata.resourceVersion));
    const deletion = store.delete(key('web'), Number(made.metadata.resourceVersion));
    deletion.catch(() => undefined);
    // By then the connection that carried the first try has been given up.
    await until(() => !bus0().connected);
    await server.signal('SIGCONT');
    const after = await update;
    expect(after.metadata.labels?.n).toBe('1');
    await expect(deletion).rejects.toThrow(ConflictError);
    await until(() => cache.fresh);
    expect(cache.get(key('web'))).toEqual(after);
    expect(events).toEqual(['MODIFIED']);
  });

  it('says that the outcome of a write is unknown when the server does not come back', async () => {
    const { store } = await writer();
    await server.signal('SIGKILL');
    await expect(store.create(key('web'), service('web'))).rejects.toThrow(TimeoutError);
  });

  it('does not take a store that was wiped for an empty cluster', async () => {
    const { store, cache } = await writer();
    const copy = await reader();
    await store.create(key('web'), service('web'));
    await copy.waitFor(cache.revision, 10_000);
    const changes: unknown[] = [];
    copy.subscribe((e) => changes.push(e));
    await server.signal('SIGKILL');
    await server.start({ wipe: true });
    await until(() => cache.lost !== undefined && copy.lost !== undefined);
    expect(copy.fresh).toBe(false);
    expect(copy.list(RESOURCES.services)).toHaveLength(1);
    await expect(store.create(key('new'), service('new'))).rejects.toThrow(StoreLostError);
    await expect(store.delete(key('web'))).rejects.toThrow(StoreLostError);
    // Another controller makes a new store: still not the one this reader belongs to.
    const other = await writer();
    await other.store.create(key('other'), service('other'));
    await until(() => /made anew/.test(copy.lost?.message ?? ''));
    expect(copy.list(RESOURCES.services).map((o) => o.metadata.name)).toEqual(['web']);
    expect(changes).toEqual([]);
  });

  it('remembers the store it belongs to over a restart of the process', async () => {
    const epochFile = join(folder, 'epoch');
    const { cache } = await writer({ epochFile });
    await cache.close();
    const again = await writer({ epochFile });
    await again.cache.close();
    await server.signal('SIGKILL');
    await server.start({ wipe: true });
    await expect(writer({ epochFile })).rejects.toThrow(StoreLostError);
    await expect(reader({ epochFile })).rejects.toThrow(StoreLostError);
  });

  it('skips what it cannot read and goes on', async () => {
    const { store, cache } = await writer();
    const raw = await (await bus()).connection();
    for (const [subject, data] of [
      ['core.services.default.bad', 'no JSON'],
      ['core.services.default.empty', '{}'],
      ['foreign', '{"metadata":{"name":"x"}}'],
    ])
      await raw.request(`${SUBJECT_PREFIX}${subject}`, data, { timeout: 2000 });
    const made = await store.create(key('web'), service('web'));
    expect(cache.list(RESOURCES.services)).toEqual([made]);
    expect(cache.fresh).toBe(true);
  });

  it('drops old deletion markers, never a value written over one', async () => {
    const { store } = await writer();
    const nats = await (await bus()).connection();
    for (const name of ['gone', 'back']) await store.create(key(name), service(name));
    const gone = await store.delete(key('gone'));
    const marker = await store.delete(key('back'));
    const clock = fakeClock();
    const sweeper = new MarkerSweeper({ bus: bus0(), clock, log });
    stops.push(() => sweeper.close());
    sweeper.note('core.services.default.gone', gone);
    sweeper.note('core.services.default.back', marker);
    const back = await store.create(key('back'), service('back'));
    await sweeper.sweep();
    expect((await readLast(nats, 'core.services.default.gone', 2000))?.sequence).toBe(gone);
    clock.advance(600_001);
    let left: unknown = true;
    while (left) left = await readLast(nats, 'core.services.default.gone', 2000);
    await sweeper.sweep();
    expect((await readLast(nats, 'core.services.default.back', 2000))?.sequence).toBe(
      Number(back.metadata.resourceVersion),
    );
    await store.create(key('gone'), service('gone'));
  });

  it('lists anew when it was out of touch for so long that markers may be gone', async () => {
    const { store } = await writer();
    for (const name of ['kept', 'gone']) await store.create(key(name), service(name));
    let aheadMs = 0;
    const copy = await reader({ clock: { ...systemClock, now: () => systemClock.now() + aheadMs } });
    const changes: string[] = [];
    copy.subscribe((e) => changes.push(`${e.type} ${e.key.name}`));
    const before = copy.revision;
    const nats = await (await bus()).connection();
    await deleteConsumers();
    aheadMs = 600_000;
    const { sequence } = await jsPublish(nats, STREAM, `${SUBJECT_PREFIX}core.services.default.gone`, '', {
      expected: before,
      id: 'deletion',
      remove: true,
      timeoutMs: 2000,
    });
    await purgeBefore(nats, 'core.services.default.gone', sequence + 1, 2000);
    await until(() => copy.get(key('gone')) === undefined);
    expect(changes).toEqual(['DELETED gone']);
    expect(copy.list(RESOURCES.services).map((o) => o.metadata.name)).toEqual(['kept']);
    expect(() => copy.since(RESOURCES.services, before)).toThrow(/too old/);
  });
});
