import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  type HostSpec,
  type KubeObject,
  type LabConfig,
  type ObjectKey,
  RESOURCES,
  type ResourceRef,
  resolveKnobs,
} from '@svclab/core';
import {
  type BusUser,
  createNetns,
  type Netns,
  natsConfig,
  seededRandom,
  spawnIn,
  udpSocketIn,
  withNetns,
} from '@svclab/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The real process in a network namespace of its own, with a real nats-server and `dig` beside it. */
const repository = fileURLToPath(new URL('../../../', import.meta.url));
const hosts: HostSpec[] = [
  { name: 'nats-1', role: 'nats', controlIP: '127.0.0.1' },
  { name: 'controller-1', role: 'controller', controlIP: '127.0.0.1' },
  { name: 'dns-1', role: 'dns', lanIP: '172.30.0.53', controlIP: '127.0.0.1' },
];
const users: BusUser[] = [
  { role: 'controller', host: 'controller-1', user: 'controller@controller-1', password: 'c' },
  { role: 'dns', host: 'dns-1', user: 'dns@dns-1', password: 'd' },
];

/** Stands in for the controller and the supervisor: writes and calls what it reads from stdin, tells the heartbeats it hears and what was answered. Started from the repository's root. */
const CONTROLLER = `
import { createInterface } from 'node:readline';
import { SUBJECTS } from '@svclab/core';
import { connectBus, createLogger, grpcClient, openStore, systemClock } from '@svclab/runtime';
import { DnsControlServiceDefinition, DnsHeartbeat } from '@svclab/wire';
const log = createLogger({ component: 'test', host: 'test', level: 'silent' });
const bus = await connectBus({ servers: ['nats://127.0.0.1:4222'], user: 'controller@controller-1', password: 'c', name: 'test', log });
bus.subscribe(SUBJECTS.all.dnsHeartbeat, (bytes) => {
  const { host, ip, ready } = DnsHeartbeat.decode(bytes);
  process.stdout.write(JSON.stringify({ host, ip, ready }) + '\\n');
});
const { store } = await openStore(bus, { log, clock: systemClock });
const control = grpcClient(DnsControlServiceDefinition, '127.0.0.1:7705', { token: 'unused' });
const answer = (reply) => process.stdout.write(JSON.stringify({ reply }, (_, v) => (typeof v === 'bigint' ? String(v) : v)) + '\\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { call, request, key, object } = JSON.parse(line);
  if (call) await control[call](request).then(answer, (error) => answer({ error: error.message }));
  else if (object) await store.create(key, object);
  else await store.delete(key);
}
`;

const inNamespace = (ref: ResourceRef, name: string): ObjectKey => ({
  ...ref,
  namespace: 'default',
  name,
});
const service = (name: string, spec: object): KubeObject =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec }) as KubeObject;
const slice = (owner: string, addresses: readonly string[]): KubeObject =>
  ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${owner}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': owner } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  }) as KubeObject;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('dns process', () => {
  let namespace: Netns;
  let folder: string;
  const children: ChildProcess[] = [];
  const heartbeats: unknown[] = [];
  const replies: unknown[] = [];
  const hear = (message: { reply?: unknown }): void =>
    void ('reply' in message ? replies.push(message.reply) : heartbeats.push(message));
  let dns: ChildProcess;
  let nats: ChildProcess;
  let controller: ChildProcess;

  const start = (command: string, args: string[], env: Record<string, string> = {}): ChildProcess => {
    const child = spawnIn(namespace, command, args, {
      cwd: repository,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, ...env },
    });
    children.push(child);
    return child;
  };
  const startNats = (): ChildProcess =>
    start('nats-server', ['-c', join(folder, 'nats.conf'), '-l', join(folder, 'nats.log')]);
  const startDns = (): ChildProcess => {
    const child = start(process.execPath, ['services/dns/dist/main.js'], {
      SVCLAB_CONFIG: join(folder, 'lab.json'),
      SVCLAB_HOST: 'dns-1',
      SVCLAB_BUS_USER: 'dns@dns-1',
      SVCLAB_BUS_PASSWORD: 'd',
      SVCLAB_TOKEN: 'unused',
      SVCLAB_RUN_DIR: join(folder, 'run'),
    });
    child.stdout?.resume();
    return child;
  };
  const stop = (child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
      else child.once('exit', (code) => resolve(code));
      child.kill(signal);
    });
  const ip = (...args: string[]): void => withNetns(namespace, () => void execFileSync('ip', args));
  const write = (key: ObjectKey, object?: KubeObject): void => {
    controller.stdin?.write(`${JSON.stringify({ key, object })}\n`);
  };
  /** Calls the server's control service. */
  const control = async (call: string, request: object): Promise<unknown> => {
    const count = replies.length;
    controller.stdin?.write(`${JSON.stringify({ call, request })}\n`);
    await until(() => replies.length > count);
    return replies.at(-1);
  };
  const setFault = (fault: object): Promise<unknown> =>
    control('setFault', { fault: { id: 'f1', name: '', share: 1, delayMs: 0, jitterMs: 0, address: '', ...fault } });
  const dig = (...args: string[]): Promise<string> =>
    new Promise((resolve) => {
      const child = start('dig', ['@127.0.0.1', '+time=1', '+tries=1', '+norecurse', ...args]);
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      child.once('close', () => resolve(text));
    });
  const short = async (...args: string[]): Promise<string[]> =>
    (await dig('+short', ...args)).trim().split('\n').filter(Boolean).sort();
  const status = async (...args: string[]): Promise<string> => /status: (\w+)/.exec(await dig(...args))?.[1] ?? 'none';

  beforeAll(async () => {
    namespace = createNetns();
    ip('addr', 'add', '172.30.0.53/24', 'dev', 'lo');
    folder = mkdtempSync(join(tmpdir(), 'svclab-dns-'));
    mkdirSync(join(folder, 'run'));
    const lab: LabConfig = {
      name: 'test',
      driver: 'netns',
      profile: 'fast',
      domain: 'cluster.local',
      lanCIDR: '172.30.0.0/24',
      controlCIDR: '172.30.1.0/24',
      podCIDR: '10.244.0.0/16',
      podNetwork: 'direct',
      metrics: false,
      serviceCIDR: '10.96.0.0/16',
      dnsIP: '10.96.0.10',
      nodePorts: { min: 30000, max: 32767 },
      hosts,
      natsServers: ['nats://127.0.0.1:4222'],
      knobs: resolveKnobs('fast', { 'dns.ttl': '7s' }),
    };
    writeFileSync(join(folder, 'lab.json'), JSON.stringify(lab));
    writeFileSync(
      join(folder, 'nats.conf'),
      natsConfig({ listen: '127.0.0.1:4222', storeDir: join(folder, 'jetstream'), users }),
    );
    dns = startDns();
  });
  afterAll(async () => {
    await Promise.all(children.map((child) => stop(child)));
    namespace.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('answers SERVFAIL and is not ready while there is no store', async () => {
    await until(async () => (await status('web.default.svc.cluster.local')) !== 'none');
    expect(await status('web.default.svc.cluster.local')).toBe('SERVFAIL');
    expect(existsSync(join(folder, 'run', 'dns.ready'))).toBe(false);
  });

  it('becomes ready with the store and says so to the controller', async () => {
    nats = startNats();
    controller = start(process.execPath, ['--input-type=module', '-e', CONTROLLER]);
    createInterface({ input: controller.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) =>
      hear(JSON.parse(line)),
    );
    write(
      { ...RESOURCES.namespaces, namespace: '', name: 'default' },
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'default' },
      },
    );
    const http = [{ name: 'http', port: 80, protocol: 'TCP' }];
    write(inNamespace(RESOURCES.services, 'web'), service('web', { clusterIP: '10.96.3.4', ports: http }));
    write(inNamespace(RESOURCES.services, 'heads'), service('heads', { clusterIP: 'None', ports: http }));
    write(inNamespace(RESOURCES.endpointslices, 'heads-1'), slice('heads', ['10.244.1.2', '10.244.2.3']));
    write(inNamespace(RESOURCES.services, 'many'), service('many', { clusterIP: 'None', ports: http }));
    const sixty = Array.from({ length: 60 }, (_, i) => `10.244.3.${i + 1}`);
    write(inNamespace(RESOURCES.endpointslices, 'many-1'), slice('many', sixty));
    write(
      inNamespace(RESOURCES.services, 'alias'),
      service('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
    );
    await until(() => existsSync(join(folder, 'run', 'dns.ready')) && heartbeats.length > 1);
    expect(heartbeats.at(-1)).toEqual({ host: 'dns-1', ip: '172.30.0.53', ready: true });
    await until(async () => (await short('alias.default.svc.cluster.local')).length === 2);
  });

  it.each(['+notcp', '+tcp'])('answers dig with %s', async (transport) => {
    expect(await short(transport, 'web.default.svc.cluster.local')).toEqual(['10.96.3.4']);
    expect(await short(transport, 'heads.default.svc.cluster.local')).toEqual(['10.244.1.2', '10.244.2.3']);
    expect(await short(transport, 'alias.default.svc.cluster.local')).toEqual([
      '10.96.3.4',
      'web.default.svc.cluster.local.',
    ]);
    expect(await short(transport, 'SRV', '_http._tcp.heads.default.svc.cluster.local')).toEqual([
      '0 50 8080 10-244-1-2.heads.default.svc.cluster.local.',
      '0 50 8080 10-244-2-3.heads.default.svc.cluster.local.',
    ]);
    expect(await short(transport, '-x', '10.96.3.4')).toEqual(['web.default.svc.cluster.local.']);
    expect(await short(transport, 'TXT', 'dns-version.cluster.local')).toEqual(['"1.1.0"']);
    expect(await status(transport, 'nope.default.svc.cluster.local')).toBe('NXDOMAIN');
    expect(await status(transport, 'AAAA', 'web.default.svc.cluster.local')).toBe('NOERROR');
    expect(await status(transport, '-x', '10.9.9.9')).toBe('NXDOMAIN');
    expect(await status(transport, 'example.org')).toBe('REFUSED');
    expect(await status(transport, 'CH', 'TXT', 'version.bind')).toBe('REFUSED');
  });

  it('gives negative answers a start of authority, and the TTL of the knob to all', async () => {
    const nothing = await dig('nope.default.svc.cluster.local');
    expect(nothing).toMatch(/AUTHORITY: 1,/);
    expect(nothing).toMatch(/^cluster\.local\.\s+7\s+IN\s+SOA\s+ns\.dns\.cluster\.local\. .* 7$/m);
    expect(nothing).toMatch(/flags: qr aa;/);
    expect(await dig('web.default.svc.cluster.local')).toMatch(/^web\.\S+\s+7\s+IN\s+A\s+10\.96\.3\.4$/m);
  });

  it('cuts what does not fit into a datagram and gives all of it over TCP', async () => {
    const name = 'many.default.svc.cluster.local';
    const cut = await dig('+noedns', '+ignore', name);
    expect(cut).toMatch(/flags: qr aa tc;/);
    expect(cut.match(/IN\s+A\s/g)?.length).toBeGreaterThan(25);
    expect(await short('+noedns', name)).toHaveLength(60);
    expect(await short('+bufsize=4096', name)).toHaveLength(60);
    expect(await dig('+edns=1', '+noednsneg', name)).toMatch(/status: BADVERS/);
  });

  it('refuses zone transfers', async () => {
    expect(await dig('AXFR', 'cluster.local')).toMatch(/Transfer failed/);
  });

  it('follows changes, and serves the last known state while the store is gone', async () => {
    write(inNamespace(RESOURCES.services, 'alias'));
    await until(async () => (await status('alias.default.svc.cluster.local')) === 'NXDOMAIN');
    await stop(nats);
    expect(await short('web.default.svc.cluster.local')).toEqual(['10.96.3.4']);
    nats = startNats();
    write(inNamespace(RESOURCES.services, 'late'), service('late', { clusterIP: '10.96.3.5' }));
    await until(async () => (await short('late.default.svc.cluster.local'))[0] === '10.96.3.5');
    const count = heartbeats.length;
    await until(() => heartbeats.length > count);
  });

  it('answers wrongly, not at all or late on purpose, for the names it is told, until it is told otherwise', async () => {
    const web = 'web.default.svc.cluster.local';
    const late = 'late.default.svc.cluster.local';
    expect(await setFault({ kind: 'wrong', address: '10.1.2.3', name: web })).toMatchObject({
      atNs: expect.stringMatching(/^\d+$/),
    });
    expect([await short(web), await short('+tcp', web), await short(late)]).toEqual([
      ['10.1.2.3'],
      ['10.1.2.3'],
      ['10.96.3.5'],
    ]);
    await setFault({ kind: 'nxdomain' });
    expect([await status(web), await status(late), await status('example.org')]).toEqual([
      'NXDOMAIN',
      'NXDOMAIN',
      'REFUSED',
    ]);
    expect(await dig(web)).toMatch(/^cluster\.local\.\s+7\s+IN\s+SOA/m);
    await setFault({ kind: 'servfail', name: '*.default.svc.cluster.local' });
    expect([await status(web), await status('TXT', 'dns-version.cluster.local')]).toEqual(['SERVFAIL', 'NOERROR']);
    await setFault({ kind: 'drop', name: late });
    expect([await status(late), await status('+tcp', late), await status(web)]).toEqual(['none', 'none', 'NOERROR']);
    await setFault({ kind: 'slow', delayMs: 400 });
    for (const transport of ['+notcp', '+tcp']) {
      const text = await dig(transport, web);
      expect(text).toMatch(/IN\s+A\s+10\.96\.3\.4/);
      expect(Number(/Query time: (\d+) msec/.exec(text)?.[1])).toBeGreaterThanOrEqual(399);
    }
    expect(await control('listFaults', {})).toMatchObject({ faults: [{ id: 'f1', kind: 'slow', delayMs: 400 }] });
    expect(await setFault({ kind: 'slow' })).toMatchObject({ error: expect.stringMatching(/Delay 0 ms/) });
    await control('clearFaults', { ids: ['f1', 'unknown'] });
    expect([await short(web), await short(late)]).toEqual([['10.96.3.4'], ['10.96.3.5']]);
    expect(await control('listFaults', {})).toEqual({ faults: [], unseen: 0 });
  });

  it('goes on with what it knew while it is stale, and catches up afterwards', async () => {
    await setFault({ kind: 'stale' });
    write(inNamespace(RESOURCES.services, 'late'));
    write(inNamespace(RESOURCES.services, 'new'), service('new', { clusterIP: '10.96.3.6' }));
    await until(async () => ((await control('listFaults', {})) as { unseen: number }).unseen === 2);
    expect(await short('late.default.svc.cluster.local')).toEqual(['10.96.3.5']);
    expect(await status('new.default.svc.cluster.local')).toBe('NXDOMAIN');
    await control('clearFaults', { ids: [] });
    expect(await short('new.default.svc.cluster.local')).toEqual(['10.96.3.6']);
    expect(await status('late.default.svc.cluster.local')).toBe('NXDOMAIN');
  });

  it('tells where it is when its LAN address changes, and that it is nowhere when it has none', async () => {
    const last = (ip: string, ready: boolean): Promise<void> =>
      until(() => JSON.stringify(heartbeats.at(-1)) === JSON.stringify({ host: 'dns-1', ip, ready }));
    ip('addr', 'del', '172.30.0.53/24', 'dev', 'lo');
    await last('172.30.0.53', false);
    ip('addr', 'add', '172.30.0.130/24', 'dev', 'lo');
    await last('172.30.0.130', true);
    ip('addr', 'add', '172.30.0.53/24', 'dev', 'lo');
    await last('172.30.0.53', true);
    expect(heartbeats).toContainEqual({ host: 'dns-1', ip: '172.30.0.130', ready: false });
    ip('addr', 'del', '172.30.0.130/24', 'dev', 'lo');
    ip('addr', 'replace', '172.30.0.53/24', 'dev', 'lo');
    expect(await short('web.default.svc.cluster.local')).toEqual(['10.96.3.4']);
  });

  it('outlives junk', async () => {
    const random = seededRandom(7);
    const socket = udpSocketIn(namespace, { port: 0 });
    const valid = Buffer.from(
      '000701000001000000000000037765620764656661756c740373766307636c7573746572056c6f63616c0000010001',
      'hex',
    );
    let answers = 0;
    socket.on('message', () => {
      answers += 1;
    });
    for (let i = 0; i < 2000; i++) {
      const bytes = Buffer.from(valid.subarray(0, 1 + Math.floor(random.next() * valid.length)));
      for (let j = 0; j < 4; j++) bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
      await new Promise<void>((resolve) => socket.send(bytes, 53, '127.0.0.1', () => resolve()));
    }
    expect(await short('web.default.svc.cluster.local')).toEqual(['10.96.3.4']);
    expect(await short('+tcp', 'web.default.svc.cluster.local')).toEqual(['10.96.3.4']);
    expect(answers).toBeGreaterThan(0);
    expect(dns.exitCode).toBeNull();
    socket.close();
  });

  it('comes back after kill -9 to the same answers, and ends with 0 on SIGTERM, telling that it is not ready', async () => {
    await setFault({ kind: 'nxdomain' });
    await setFault({ kind: 'stale', id: 'f2' });
    await stop(dns);
    expect(await status('web.default.svc.cluster.local')).toBe('none');
    dns = startDns();
    await until(async () => (await short('web.default.svc.cluster.local'))[0] === '10.96.3.4');
    expect(await stop(dns, 'SIGTERM')).toBe(0);
    await until(() => (heartbeats.at(-1) as { ready: boolean }).ready === false);
    expect(existsSync(join(folder, 'run', 'dns.ready'))).toBe(false);
  });
});
