/** The store on three servers: any one of them may die; without two of them it is read and not written. */
import {
  type KubeObject,
  type ObjectKey,
  RESOURCES,
  type Store,
  StoreError,
  TimeoutError,
  UnavailableError,
} from '@svclab/core';
import { type NatsTestServer, startNatsCluster } from '@svclab/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bus, connectBus } from '../bus/bus.ts';
import { type BusUser, natsConfig } from '../bus/permissions.ts';
import { systemClock } from '../process/clock.ts';
import { createLogger } from '../process/log.ts';
import { STREAM } from './bucket.ts';
import { jsRequest } from './js-api.ts';
import { type ClosableCache, openCache, openStore } from './open.ts';

const log = createLogger({ component: 'test', host: 'test', level: process.env.SVCLAB_LOG_LEVEL ?? 'silent' });
const key = (name: string): ObjectKey => ({ ...RESOURCES.services, namespace: 'default', name });
const service = (name: string, n = 0): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', labels: { n: String(n) } },
});
const user = (role: BusUser['role'], host: string): BusUser => ({ role, host, user: `${role}@${host}`, password: 'x' });
const USERS = [
  user('controller', 'controller-1'),
  user('controller', 'controller-2'),
  user('dns', 'dns-1'),
  user('dns', 'dns-2'),
];

/** Resolves when the condition holds; the test's own deadline bounds the wait. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the store on three servers', () => {
  let servers: readonly NatsTestServer[];
  const stops: (() => unknown)[] = [];
  beforeEach(async () => {
    servers = await startNatsCluster({
      config: (_, { listen, storeDir, serverName, cluster, routes }) =>
        natsConfig({
          listen,
          storeDir,
          serverName,
          users: USERS,
          cluster: { name: 'test', listen: cluster, routes, user: 'route', password: 'secret' },
        }),
    });
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
    for (const server of servers) await server.stop();
  });

  const bus = async (role: BusUser['role'], host: string): Promise<Bus> => {
    const made = await connectBus({
      servers: servers.map((s) => s.url),
      user: `${role}@${host}`,
      password: 'x',
      name: host,
      log,
    });
    stops.push(() => made.close());
    return made;
  };
  const writer = async (host: string) => {
    const at = await bus('controller', host);
    const opened = await openStore(at, { log, clock: systemClock, replicas: 3 });
    stops.push(() => opened.cache.close());
    return { ...opened, bus: at };
  };
  const reader = async (host: string): Promise<ClosableCache> => {
    const cache = await openCache(await bus('dns', host), { log, clock: systemClock, resources: [RESOURCES.services] });
    stops.push(() => cache.close());
    return cache;
  };
  /** What the stream says about its servers. */
  const clusterOf = async (at: Bus) => {
    const nats = await at.connection();
    const info = await jsRequest<{
      cluster: { leader?: string; replicas?: { current: boolean; offline?: boolean }[] };
    }>(nats, `$JS.API.STREAM.INFO.${STREAM}`, {}, 2000);
    return info.cluster;
  };
  /** Number of the server that leads the stream, from 0. */
  const streamLeader = async (at: Bus): Promise<number> => Number((await clusterOf(at)).leader?.split('-')[1]) - 1;
  /** Resolves when the stream has a leader and two followers that have all of it. */
  const untilWhole = async (at: Bus): Promise<void> => {
    for (let whole = false; !whole; ) {
      const { leader, replicas = [] } = await clusterOf(at).catch(() => ({ leader: undefined, replicas: [] }));
      whole = leader !== undefined && replicas.length === 2 && replicas.every((r) => r.current && !r.offline);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  /** Writes without end, each write until it is acknowledged; returns what was, and the function that ends it. */
  const writing = (store: Store, prefix: string) => {
    const acknowledged = new Map<string, number>();
    let stop = false;
    const done = (async () => {
      for (let i = 0; !stop; i += 1) {
        const name = `${prefix}${i}`;
        try {
          const made = await store.create(key(name), service(name));
          acknowledged.set(name, Number(made.metadata.resourceVersion));
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const end = (): Promise<void> => {
      stop = true;
      return done;
    };
    stops.push(end);
    return { acknowledged, end };
  };

  it('survives each server in turn, the stream leader first: nothing acknowledged is lost, no copy differs, none is stale for 3 s', async () => {
    const [first, second] = [await writer('controller-1'), await writer('controller-2')];
    const readers = [await reader('dns-1'), await reader('dns-2')];
    const writers = [
      writing(first.store, 'plain-'),
      writing(
        second.store.fenced(() => true),
        'fenced-',
      ),
    ];
    const victims = [await streamLeader(first.bus)];
    victims.push(...[0, 1, 2].filter((i) => i !== victims[0]));
    for (const victim of victims) {
      const marks = writers.map((w) => w.acknowledged.size + 20);
      await until(() => writers.every((w, i) => w.acknowledged.size > (marks[i] ?? 0)));
      let staleMs = 0;
      let since = 0;
      const look = setInterval(() => {
        const now = performance.now();
        if (readers.every((r) => r.fresh)) since = 0;
        else since ||= now;
        if (since > 0) staleMs = Math.max(staleMs, now - since);
      }, 5);
      const killed = writers.map((w) => w.acknowledged.size);
      await servers[victim]?.signal('SIGKILL');
      await until(() => writers.every((w, i) => w.acknowledged.size > (killed[i] ?? 0) + 20));
      await until(() => readers.every((r) => r.fresh && r.revision + 20 > first.cache.revision));
      clearInterval(look);
      expect(staleMs).toBeLessThan(3000);
      await servers[victim]?.start();
      // The next one may only die when this one has caught up.
      await untilWhole(first.bus);
    }
    for (const w of writers) await w.end();
    const last = await first.store.create(key('last'), service('last'));
    const end = Number(last.metadata.resourceVersion);
    const caches = [first.cache, second.cache, ...readers];
    await Promise.all(caches.map((c) => c.waitFor(end, 20_000)));
    const states = caches.map((c) =>
      c.list(RESOURCES.services).map((o) => `${o.metadata.name} ${o.metadata.resourceVersion}`),
    );
    for (const state of states) expect(state).toEqual(states[0]);
    for (const w of writers)
      for (const [name, revision] of w.acknowledged) expect(states[0]).toContain(`${name} ${revision}`);
    expect(caches.map((c) => c.lost)).toEqual(caches.map(() => undefined));
  }, 120_000);

  it('gives each of many writers at once a revision of its own, fenced or not, and one key to one of them', async () => {
    const [first, second] = [await writer('controller-1'), await writer('controller-2')];
    const stores: Store[] = [
      first.store,
      second.store,
      first.store.fenced(() => true),
      second.store.fenced(() => true),
    ];
    const made = await Promise.all(
      stores.flatMap((store, i) => Array.from({ length: 25 }, (_, j) => store.create(key(`w${i}-${j}`), service('x')))),
    );
    const revisions = made.map((o) => Number(o.metadata.resourceVersion));
    expect(new Set(revisions).size).toBe(100);
    await first.cache.waitFor(Math.max(...revisions), 10_000);
    const stored = new Set(first.cache.list(RESOURCES.services).map((o) => Number(o.metadata.resourceVersion)));
    for (const revision of revisions) expect(stored).toContain(revision);
    for (let round = 0; round < 10; round += 1) {
      const tries = await Promise.allSettled(stores.map((s) => s.create(key(`one-${round}`), service(`one-${round}`))));
      const [winner, ...more] = tries.flatMap((t) => (t.status === 'fulfilled' ? [t.value] : []));
      expect(more).toEqual([]);
      await first.cache.waitFor(Number(winner?.metadata.resourceVersion), 10_000);
      expect(first.cache.get(key(`one-${round}`))).toEqual(winner);
    }
  });

  it('without two of three: reads go on, writes are refused as not taken, all comes back', async () => {
    const { store, cache } = await writer('controller-1');
    const copy = await reader('dns-1');
    await store.create(key('web'), service('web'));
    await copy.waitFor(cache.revision, 10_000);
    const [a, b] = servers;
    await Promise.all([a?.signal('SIGKILL'), b?.signal('SIGKILL')]);
    const errors: unknown[] = [];
    for (let i = 0; !(errors.at(-1) instanceof UnavailableError); i += 1)
      await store.create(key(`x${i}`), service(`x${i}`)).catch((error: unknown) => errors.push(error));
    for (const error of errors) expect([TimeoutError, UnavailableError]).toContain((error as Error).constructor);
    expect(cache.get(key('web'))).toBeDefined();
    expect(copy.get(key('web'))).toBeDefined();
    expect([cache.lost, copy.lost]).toEqual([undefined, undefined]);
    await Promise.all([a?.start(), b?.start()]);
    let made: KubeObject | undefined;
    while (!made) made = await store.create(key('after'), service('after')).catch(() => undefined);
    await copy.waitFor(Number(made.metadata.resourceVersion), 20_000);
    expect(copy.get(key('after'))).toEqual(made);
    // What was refused as not taken was not.
    const refused = errors.flatMap((e, i) => (e instanceof UnavailableError ? [`x${i}`] : []));
    for (const name of refused) expect(cache.get(key(name))).toBeUndefined();
  }, 120_000);
});
