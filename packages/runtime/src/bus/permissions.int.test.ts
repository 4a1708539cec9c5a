import { type KubeObject, RESOURCES, SUBJECTS } from '@svclab/core';
import { type NatsTestServer, startNats } from '@svclab/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../process/clock.ts';
import { createLogger } from '../process/log.ts';
import { openCache, openStore } from '../store/open.ts';
import { type Bus, connectBus } from './bus.ts';
import { inboxPrefix } from './inbox.ts';
import { type BusRole, type BusUser, natsConfig } from './permissions.ts';

const log = createLogger({ component: 'test', host: 'test', level: 'silent' });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const service: KubeObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' } };
const key = { ...RESOURCES.services, namespace: 'default', name: 'web' };

const user = (role: BusRole, host: string): BusUser => ({
  role,
  host,
  user: `${role}@${host}`,
  password: `secret-of-${role}-${host}`,
});
const users = [
  user('controller', 'controller-1'),
  user('node-agent', 'node-1'),
  user('node-agent', 'node-2'),
  user('pod-host', 'node-1'),
  user('l2-announcer', 'node-1'),
  user('dns', 'dns-1'),
  user('supervisor', 'lab'),
];

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('natsConfig', () => {
  let server: NatsTestServer;
  const stops: (() => unknown)[] = [];
  beforeEach(async () => {
    server = await startNats({ config: (at) => natsConfig({ ...at, users }) });
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
    await server.stop();
  });
  const connectAs = async (role: BusRole, host: string): Promise<Bus> => {
    const { user: name, password } = user(role, host);
    const bus = await connectBus({ servers: [server.url], user: name, password, name, log });
    stops.push(() => bus.close());
    return bus;
  };
  const openedStore = async () => {
    const opened = await openStore(await connectAs('controller', 'controller-1'), { log, clock: systemClock });
    stops.push(() => opened.cache.close());
    return opened;
  };
  /** Errors the server tells a connection, by what was tried. */
  const violations = async (bus: Bus): Promise<string[]> => {
    const seen: string[] = [];
    const nats = await bus.connection();
    void (async () => {
      for await (const status of nats.status()) if (status.type === 'error') seen.push(status.error.message);
    })();
    return seen;
  };

  it('lets the controller write and every reader follow', async () => {
    const { store } = await openedStore();
    const made = await store.create(key, service);
    for (const [role, host] of [
      ['node-agent', 'node-1'],
      ['l2-announcer', 'node-1'],
      ['dns', 'dns-1'],
    ] as const) {
      const cache = await openCache(await connectAs(role, host), {
        log,
        clock: systemClock,
        resources: [RESOURCES.services],
      });
      stops.push(() => cache.close());
      expect(cache.get(key)).toEqual(made);
    }
    const deletion = await store.delete(key);
    await store.create(key, service);
    expect(deletion).toBeGreaterThan(0);
  });

  it('lets agents report, the controller answer, and the supervisor see the timeline', async () => {
    const controller = await connectAs('controller', 'controller-1');
    const agent = await connectAs('node-agent', 'node-1');
    const supervisor = await connectAs('supervisor', 'lab');
    const seen: string[] = [];
    controller.serve(SUBJECTS.all.report, async (payload, subject) => bytes(`${subject} ${text(payload)}`));
    controller.subscribe(SUBJECTS.all.heartbeat, (_, subject) => seen.push(subject));
    supervisor.subscribe('svclab.timeline.>', (_, subject) => seen.push(subject));
    for (const bus of [controller, supervisor]) await (await bus.connection()).flush();
    expect(text(await agent.request(SUBJECTS.report('node-1'), bytes('hi'), 5000))).toBe('svclab.report.node-1 hi');
    agent.publish(SUBJECTS.heartbeat('node-1'), bytes(''));
    agent.publish(SUBJECTS.timeline('node-1', 'node-agent'), bytes(''));
    supervisor.publish(SUBJECTS.timeline('lab', 'supervisor'), bytes(''));
    await until(() => seen.length === 3);
    expect(seen.sort()).toEqual([
      'svclab.heartbeat.node-1',
      'svclab.timeline.lab.supervisor',
      'svclab.timeline.node-1.node-agent',
    ]);
  });

  it('keeps an agent from writing the store, speaking for another node and reading others', async () => {
    const { store, cache } = await openedStore();
    await store.create(key, service);
    const agent = await connectAs('node-agent', 'node-1');
    const supervisor = await connectAs('supervisor', 'lab');
    const seen: string[] = [];
    supervisor.subscribe('svclab.>', (_, subject) => seen.push(subject));
    await (await supervisor.connection()).flush();
    const refused = await violations(agent);
    const tries = [
      '$KV.svclab.core.services.default.web',
      '$KV.svclab.core.services.default.new',
      '$JS.API.STREAM.DELETE.KV_svclab',
      '$JS.API.STREAM.PURGE.KV_svclab',
      '$JS.API.STREAM.CREATE.other',
      SUBJECTS.heartbeat('node-2'),
      SUBJECTS.programmed('node-2'),
      SUBJECTS.report('node-2'),
      SUBJECTS.timeline('node-2', 'node-agent'),
      `${inboxPrefix('controller@controller-1')}.x`,
    ];
    for (const subject of tries) agent.publish(subject, bytes('{}'));
    agent.subscribe(`${inboxPrefix('controller@controller-1')}.>`, () => seen.push('read the controller'));
    agent.subscribe('svclab.report.*', () => seen.push('read reports'));
    agent.publish(SUBJECTS.heartbeat('node-1'), bytes(''));
    await until(() => seen.includes('svclab.heartbeat.node-1') && refused.length >= tries.length);
    for (const subject of tries) expect(refused.join('\n')).toContain(`"${subject}"`);
    // Traffic on what it tried to read: a write of the controller has its answer on the controller's inbox.
    await store.delete(key);
    await (await agent.connection()).flush();
    expect(seen).toEqual(['svclab.heartbeat.node-1']);
    expect(cache.list(RESOURCES.services)).toEqual([]);
    expect(cache.fresh).toBe(true);
  });

  it('keeps pod-host from the store', async () => {
    await openedStore();
    const podHost = await connectAs('pod-host', 'node-1');
    const refused = await violations(podHost);
    podHost.publish('$JS.API.STREAM.INFO.KV_svclab', bytes('{}'));
    await until(() => refused.length > 0);
    expect(refused[0]).toContain('$JS.API.STREAM.INFO.KV_svclab');
  });

  it('takes users in and out while it runs, and drops nobody else', async () => {
    const { store } = await openedStore();
    await store.create(key, service);
    const controller = await connectAs('controller', 'controller-1');
    const agent = await connectAs('node-agent', 'node-1');
    const leaving = await connectAs('node-agent', 'node-2');
    const cache = await openCache(agent, { log, clock: systemClock, resources: [RESOURCES.services] });
    stops.push(() => cache.close());
    const dropped: string[] = [];
    for (const [name, bus] of Object.entries({ controller, agent, leaving })) {
      const nats = await bus.connection();
      void (async () => {
        for await (const status of nats.status()) if (status.type === 'disconnect') dropped.push(name);
      })();
    }
    let answer = (): void => {};
    const asked = new Promise<void>((resolve) => {
      controller.serve(SUBJECTS.all.report, async (payload) => {
        resolve();
        await new Promise<void>((go) => {
          answer = go;
        });
        return payload;
      });
    });
    await (await controller.connection()).flush();
    const request = agent.request(SUBJECTS.report('node-1'), bytes('across the reload'), 20_000);
    await asked;
    await server.reload((at) => natsConfig({ ...at, users: [...users, user('node-agent', 'node-3')] }));
    // Whoever was there goes on: a request under way, the copy of the store.
    answer();
    expect(text(await request)).toBe('across the reload');
    await store.delete(key);
    await until(() => cache.list(RESOURCES.services).length === 0);
    const added = await connectAs('node-agent', 'node-3');
    const fresh = await openCache(added, { log, clock: systemClock, resources: [RESOURCES.services] });
    stops.push(() => fresh.close());
    expect(dropped).toEqual([]);
    await server.reload((at) => natsConfig({ ...at, users: users.filter((u) => u.host !== 'node-2') }));
    await until(() => dropped.includes('leaving'));
    await (await agent.connection()).flush();
    expect(dropped).toEqual(['leaving']);
  });

  it('refuses a wrong password', async () => {
    const reasons: string[] = [];
    const listening = Object.assign(Object.create(log) as typeof log, {
      warn: (entry: { reason: string }) => reasons.push(entry.reason),
    });
    const bus = await connectBus({
      servers: [server.url],
      user: 'dns@dns-1',
      password: 'wrong',
      name: 'x',
      log: listening,
      wait: false,
    });
    stops.push(() => bus.close());
    await until(() => reasons.length > 0);
    expect(reasons[0]).toMatch(/authorization violation/i);
    expect(bus.connected).toBe(false);
  });

  it('refuses values that could not be written literally', () => {
    const bad = { ...user('dns', 'dns-1'), password: 'a"b' };
    expect(() => natsConfig({ listen: '127.0.0.1:4222', storeDir: '/tmp/x', users: [bad] })).toThrow(/a\\"b/);
  });
});
