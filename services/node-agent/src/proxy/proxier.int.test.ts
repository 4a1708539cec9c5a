import { execFileSync } from 'node:child_process';
import {
  type EndpointSlice,
  encodeKey,
  type ObjectKey,
  RESOURCES,
  SERVICE_NAME_LABEL,
  type Service,
  type SliceEndpoint,
} from '@svclab/core';
import { createLogger, systemClock, withNetns } from '@svclab/runtime';
import { memoryStore } from '@svclab/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT, NODES, type NodeName, type Outcome, proxyNode, TwoNodeLab } from '../../test/two-node-lab.ts';
import { Nft } from './nft.ts';
import { Proxier, type SyncReport } from './proxier.ts';

const log = createLogger({ component: 'node-agent', host: 'test', level: 'silent' });
const { store, cache } = memoryStore({ clock: systemClock });
const proxiers = new Map<NodeName, Proxier>();
const reports = new Map<NodeName, SyncReport>();
let lab: TwoNodeLab;

const LOCAL_1 = '10.244.1.2';
const LOCAL_2 = '10.244.1.3';
const REMOTE = '10.244.2.2';

beforeAll(async () => {
  lab = new TwoNodeLab();
  await lab.pod(LOCAL_1, 'node-1', 8080);
  await lab.pod(LOCAL_2, 'node-1', 8080);
  await lab.pod(REMOTE, 'node-2', 8080);
  await lab.serve('node-1', 'node-1', 9090);
  lab.route('10.96.0.0/16', 'node-1');
  lab.route('192.168.1.0/24', 'node-1');
  for (const name of NODES) {
    const proxier = start(name);
    proxiers.set(name, proxier);
  }
  await synced();
});

afterAll(() => {
  for (const proxier of proxiers.values()) proxier.stop();
  lab.close();
});

afterEach(async () => {
  for (const ref of [RESOURCES.services, RESOURCES.endpointslices])
    for (const { metadata } of cache.list(ref))
      await store.delete({ ...ref, namespace: metadata.namespace ?? '', name: metadata.name });
  await synced();
});

function start(name: NodeName): Proxier {
  const proxier = new Proxier({
    cache,
    node: proxyNode(name),
    nft: new Nft(lab.spawn(name)),
    conntrack: { forget: async () => undefined },
    clock: systemClock,
    log,
    minSyncPeriodMs: 0,
    syncPeriodMs: 60_000,
    onSync: (report) => reports.set(name, report),
  });
  proxier.start();
  return proxier;
}

/** Waits until both kernels hold all that was written. */
async function synced(): Promise<void> {
  const until = systemClock.now() + 20_000;
  while ([...proxiers.values()].some((p) => !p.synced || p.programmedRevision < cache.revision)) {
    if (systemClock.now() > until) throw new Error('Rules were not programmed within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function put(ref: { group: string; resource: string }, object: Service | EndpointSlice): Promise<void> {
  const key: ObjectKey = { ...ref, namespace: 'default', name: object.metadata.name };
  const known = cache.get(key);
  if (known) await store.update(key, object, Number(known.metadata.resourceVersion));
  else await store.create(key, object);
  expect(cache.get(key), encodeKey(key)).toBeDefined();
}

type Endpoint = string | [ip: string, conditions: SliceEndpoint['conditions']];

async function apply(
  endpoints: readonly Endpoint[],
  spec: Partial<Service['spec']> = {},
  name = 'web',
  targetPort = 8080,
): Promise<void> {
  const ports = spec.ports ?? [
    { name: 'tcp', port: 80, nodePort: 30080, protocol: 'TCP' as const },
    { name: 'udp', port: 80, nodePort: 30080, protocol: 'UDP' as const },
  ];
  await put(RESOURCES.services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', clusterIP: '10.96.0.5', externalIPs: ['192.168.1.9'], ports, ...spec },
    status: { loadBalancer: { ingress: [{ ip: '192.168.1.200' }] } },
  });
  await put(RESOURCES.endpointslices, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace: 'default', labels: { [SERVICE_NAME_LABEL]: name } },
    addressType: 'IPv4',
    ports: ports.map(({ name: portName, protocol }) => ({
      ...(portName ? { name: portName } : {}),
      ...(protocol ? { protocol } : {}),
      port: targetPort,
    })),
    endpoints: endpoints.map((endpoint) => {
      const [ip, conditions] = typeof endpoint === 'string' ? [endpoint, undefined] : endpoint;
      const nodeName = ip.startsWith('10.244.2.') ? 'node-2' : 'node-1';
      return { addresses: [ip], nodeName, ...(conditions ? { conditions } : {}) };
    }),
  });
  await synced();
}

/** Makes connections until each of `count` attempts has answered; returns who answered and whom they saw. */
async function spread(from: string, address: string, port: number, count = 24, udp = false) {
  const outcomes: Outcome[] = [];
  for (let i = 0; i < count; i++)
    outcomes.push(udp ? await lab.ask(from, address, port, 4000) : await lab.connect(from, address, port, 4000));
  const answers = outcomes.flatMap((o) => (o.kind === 'answer' ? [o] : []));
  expect(outcomes.filter((o) => o.kind !== 'answer')).toEqual([]);
  return {
    servers: [...new Set(answers.map((a) => a.server))].sort(),
    sources: [...new Set(answers.map((a) => a.from))].sort(),
  };
}

/** The frontends of the service, as a caller on node-1 reaches them. */
const FRONTENDS: readonly [string, string, number][] = [
  ['ClusterIP', '10.96.0.5', 80],
  ['external IP', '192.168.1.9', 80],
  ['LoadBalancer IP', '192.168.1.200', 80],
  ['NodePort', '172.30.0.11', 30080],
];
const N1 = '172.30.0.11';
const ALL = [LOCAL_1, LOCAL_2, REMOTE];

describe('policy Cluster', () => {
  it.each(FRONTENDS)(
    'spreads TCP and UDP from outside over all endpoints and hides the source: %s',
    async (_, ip, port) => {
      await apply(ALL);
      expect(await spread('client', ip, port)).toEqual({ servers: ALL, sources: expect.any(Array) });
      const tcp = await spread('client', ip, port);
      // Pods of this node see the address of the interface that leads to them, other nodes' pods the node's.
      expect(tcp.sources).not.toContain(CLIENT);
      expect((await spread('client', ip, port, 24, true)).servers).toEqual(ALL);
    },
  );

  it.each(FRONTENDS)('serves pods: %s', async (name, ip, port) => {
    await apply([REMOTE]);
    expect(await spread(LOCAL_1, ip, port, 4)).toEqual({
      servers: [REMOTE],
      sources: [name === 'ClusterIP' ? LOCAL_1 : N1],
    });
  });

  it.each(FRONTENDS)('serves the node itself: %s', async (_, ip, port) => {
    await apply([REMOTE]);
    expect(await spread('node-1', ip, port, 4)).toEqual({ servers: [REMOTE], sources: [N1] });
    expect(await spread('node-1', ip, port, 4, true)).toEqual({ servers: [REMOTE], sources: [N1] });
  });

  it.each(FRONTENDS)('lets a pod reach itself: %s', async (_, ip, port) => {
    await apply([LOCAL_1]);
    const { servers, sources } = await spread(LOCAL_1, ip, port, 2);
    expect(servers).toEqual([LOCAL_1]);
    expect(sources).not.toContain(LOCAL_1);
  });

  it('spreads evenly', async () => {
    await apply(ALL);
    const counts = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      const outcome = await lab.connect('client', '10.96.0.5', 80, 4000);
      const server = outcome.kind === 'answer' ? outcome.server : outcome.kind;
      counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - 100) ** 2 / 100, 0);
    expect([...counts.keys()].sort()).toEqual(ALL);
    // Two degrees of freedom: beyond 27.6 once in a million runs.
    expect(chiSquare).toBeLessThan(27.6);
  });

  it('reaches endpoints on a node itself', async () => {
    await apply([N1], {}, 'host', 9090);
    expect((await spread('client', '192.168.1.200', 80, 2)).servers).toEqual(['node-1']);
    expect((await spread('node-1', '10.96.0.5', 80, 2)).servers).toEqual(['node-1']);
    expect((await spread(LOCAL_1, '10.96.0.5', 80, 2)).servers).toEqual(['node-1']);
  });
});

describe('no endpoint', () => {
  it.each(FRONTENDS)('rejects at once: %s', async (_, ip, port) => {
    await apply([]);
    for (const from of ['client', LOCAL_1, 'node-1']) {
      expect(await lab.connect(from, ip, port), from).toEqual({ kind: 'refused' });
    }
  });

  it('rejects other ports of a live ClusterIP, drops unallocated ones', async () => {
    await apply(ALL);
    for (const from of ['client', LOCAL_1, 'node-1']) {
      expect(await lab.connect(from, '10.96.0.5', 81), from).toEqual({ kind: 'refused' });
      expect(await lab.connect(from, '10.96.0.6', 80), from).toEqual({ kind: 'silence' });
    }
  });

  it('keeps the protocols apart', async () => {
    await apply(ALL, { ports: [{ name: 'tcp', port: 80, nodePort: 30080, protocol: 'TCP' }] });
    expect((await lab.ask('client', '192.168.1.200', 80)).kind).not.toBe('answer');
    expect((await lab.connect('client', '192.168.1.200', 80, 4000)).kind).toBe('answer');
  });
});

describe('terminating endpoints', () => {
  const terminating: SliceEndpoint['conditions'] = { ready: false, serving: true, terminating: true };

  it('serve only when there is no ready one', async () => {
    await apply([[LOCAL_1, terminating], REMOTE]);
    expect((await spread('client', '192.168.1.200', 80, 12)).servers).toEqual([REMOTE]);
    await apply([
      [LOCAL_1, terminating],
      [REMOTE, { ready: false, serving: false, terminating: true }],
    ]);
    expect((await spread('client', '192.168.1.200', 80, 12)).servers).toEqual([LOCAL_1]);
  });

  it('serve policy Local when there is no ready one on the node', async () => {
    await apply([[LOCAL_1, terminating], REMOTE], { externalTrafficPolicy: 'Local' });
    expect(await spread('client', '192.168.1.200', 80, 6)).toEqual({ servers: [LOCAL_1], sources: [CLIENT] });
  });
});

describe('policy Local', () => {
  const EXTERNAL = FRONTENDS.slice(1);

  it.each(EXTERNAL)('sends outside clients to local endpoints and shows them the source: %s', async (_, ip, port) => {
    await apply(ALL, { externalTrafficPolicy: 'Local' });
    expect(await spread('client', ip, port, 12)).toEqual({ servers: [LOCAL_1, LOCAL_2], sources: [CLIENT] });
  });

  it.each(EXTERNAL)(
    'drops outside clients where no endpoint is local, and serves pods and the node: %s',
    async (_, ip, port) => {
      await apply([REMOTE], { externalTrafficPolicy: 'Local' });
      expect(await lab.connect('client', ip, port)).toEqual({ kind: 'silence' });
      expect((await spread(LOCAL_1, ip, port, 2)).servers).toEqual([REMOTE]);
      expect(await spread('node-1', ip, port, 2)).toEqual({ servers: [REMOTE], sources: [N1] });
    },
  );

  it('of inside traffic governs the ClusterIP alone', async () => {
    await apply(ALL, { internalTrafficPolicy: 'Local' });
    expect((await spread(LOCAL_1, '10.96.0.5', 80, 12)).servers).toEqual([LOCAL_1, LOCAL_2]);
    expect((await spread('client', '192.168.1.200', 80)).servers).toEqual(ALL);
    await apply([REMOTE], { internalTrafficPolicy: 'Local' });
    expect(await lab.connect(LOCAL_1, '10.96.0.5', 80)).toEqual({ kind: 'silence' });
    expect(await lab.connect('node-1', '10.96.0.5', 80)).toEqual({ kind: 'silence' });
    expect((await spread(LOCAL_1, '192.168.1.200', 80, 2)).servers).toEqual([REMOTE]);
  });
});

describe('session affinity', () => {
  const sticky = (timeoutSeconds: number) => ({
    sessionAffinity: 'ClientIP' as const,
    sessionAffinityConfig: { clientIP: { timeoutSeconds } },
  });

  it('keeps a client with its endpoint on every frontend, and gives it another when that is gone', async () => {
    await apply(ALL, sticky(600));
    const { servers } = await spread('client', '192.168.1.200', 80, 12);
    expect(servers).toHaveLength(1);
    for (const [, ip, port] of FRONTENDS) expect((await spread('client', ip, port, 4)).servers).toEqual(servers);
    const rest = ALL.filter((ip) => !servers.includes(ip));
    await apply(rest, sticky(600));
    const next = await spread('client', '192.168.1.200', 80, 12);
    expect(next.servers).toHaveLength(1);
    expect(rest).toContain(next.servers[0]);
    // The first one comes back: the client has settled elsewhere.
    await apply(ALL, sticky(600));
    expect((await spread('client', '192.168.1.200', 80, 12)).servers).toEqual(next.servers);
  });

  it('ends after the timeout', async () => {
    await apply(ALL, sticky(1));
    const seen = new Set<string>();
    const until = systemClock.now() + 45_000;
    while (seen.size < 2 && systemClock.now() < until) {
      const outcome = await lab.connect('client', '192.168.1.200', 80, 4000);
      if (outcome.kind === 'answer') seen.add(outcome.server);
      await new Promise((resolve) => setTimeout(resolve, 1200));
    }
    expect(seen.size).toBeGreaterThan(1);
  });

  it('holds under policy Local', async () => {
    await apply(ALL, { ...sticky(600), externalTrafficPolicy: 'Local' });
    expect((await spread('client', '192.168.1.200', 80, 12)).servers).toHaveLength(1);
  });
});

describe('the table in the kernel', () => {
  const nft = (node: NodeName, ...args: string[]): string =>
    withNetns(lab.ns(node), () => execFileSync('nft', args, { encoding: 'utf8' }));

  async function restart(): Promise<void> {
    proxiers.get('node-1')?.stop();
    proxiers.set('node-1', start('node-1'));
    await synced();
  }

  it('is adopted by the next agent without an operation, affinities included', async () => {
    await apply(ALL, { sessionAffinity: 'ClientIP' });
    const { servers } = await spread('client', '192.168.1.200', 80, 4);
    await restart();
    expect(proxiers.get('node-1')?.operations).toBe(0);
    expect((await spread('client', '192.168.1.200', 80, 8)).servers).toEqual(servers);
  });

  it('is repaired element by element when only elements are wrong', async () => {
    await apply(ALL);
    nft('node-1', 'delete', 'element', 'ip', 'svclab-proxy', 'service-ips', '{ 10.96.0.5 . tcp . 80 }');
    await restart();
    expect(proxiers.get('node-1')?.operations).toBe(1);
    expect((await spread(LOCAL_1, '10.96.0.5', 80, 12)).servers).toEqual(ALL);
  });

  it('is made anew in one step when its rules are wrong; other tables are not touched', async () => {
    await apply(ALL);
    nft('node-1', 'add', 'table', 'ip', 'other');
    nft('node-1', 'flush', 'chain', 'ip', 'svclab-proxy', 'translate');
    await restart();
    expect(proxiers.get('node-1')?.operations).toBeGreaterThan(10);
    expect((await spread('client', '192.168.1.200', 80)).servers).toEqual(ALL);
    expect(nft('node-1', 'list', 'tables')).toContain('table ip other');
    nft('node-1', 'delete', 'table', 'ip', 'other');
  });

  it('loses no connection while it is made anew', async () => {
    await apply(ALL);
    const failures: Outcome[] = [];
    let going = true;
    const stream = (async () => {
      let sent = 0;
      for (; going; sent++) {
        const outcome = await lab.connect('client', '192.168.1.200', 80, 4000);
        if (outcome.kind !== 'answer') failures.push(outcome);
      }
      return sent;
    })();
    for (let i = 0; i < 5; i++) {
      nft('node-1', 'add', 'rule', 'ip', 'svclab-proxy', 'services', 'counter');
      await restart();
    }
    going = false;
    expect(await stream).toBeGreaterThan(10);
    expect(failures).toEqual([]);
  });

  it('gets what was written after the failed transaction of somebody else’s making', async () => {
    await apply(ALL);
    nft('node-1', 'delete', 'table', 'ip', 'svclab-proxy');
    // The next delta cannot be applied: the proxier notices, looks and rebuilds.
    await apply([REMOTE]);
    expect((await spread('client', '192.168.1.200', 80, 4)).servers).toEqual([REMOTE]);
    expect(reports.get('node-1')?.services).toBe(1);
  });
});
