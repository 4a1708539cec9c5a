import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ArpFrame,
  BROADCAST,
  decodeArp,
  ETHERTYPE_ARP,
  electionOrder,
  encodeArp,
  type KubeObject,
  type LabConfig,
  type ObjectKey,
  PORTS,
  RESOURCES,
  type ResourceRef,
  resolveKnobs,
  sha256,
} from '@svclab/core';
import {
  type BusUser,
  connectIn,
  createNetns,
  type Netns,
  natsConfig,
  openPacketSocket,
  type PacketSocket,
  spawnIn,
  withNetns,
} from '@svclab/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Three real announcers on a bridge, a real nats-server on another, and a client that hears and asks by raw frames. */
const repository = fileURLToPath(new URL('../../../', import.meta.url));
const NODES = ['node-1', 'node-2', 'node-3'];
const NATS = '172.30.1.2';
const CLIENT_MAC = '02:00:00:00:00:64';
const macOf = (name: string): string => `02:00:00:00:00:0${NODES.indexOf(name) + 1}`;

/** Addresses by the node that owns them as long as it lives. */
const ownedBy = (node: string): string[] =>
  Array.from({ length: 50 }, (_, i) => `172.30.0.${200 + i}`).filter(
    (address) => electionOrder(NODES, address, sha256)[0] === node,
  );
const owned = new Map(NODES.map((name) => [name, ownedBy(name)[0] ?? '']));
const W = 'node-1';
const [VIP = '', EXTRA = ''] = ownedBy(W);
const [, NEXT = '', LAST = ''] = electionOrder(NODES, VIP, sha256);

/** Stands in for the controller: writes what it reads from stdin. Started from the repository's root. */
const CONTROLLER = `
import { createInterface } from 'node:readline';
import { connectBus, createLogger, openStore, systemClock } from '@svclab/runtime';
const log = createLogger({ component: 'test', host: 'test', level: 'silent' });
const bus = await connectBus({ servers: ['nats://${NATS}:4222'], user: 'controller@controller-1', password: 'c', name: 'test', log });
const { store } = await openStore(bus, { log, clock: systemClock });
for await (const line of createInterface({ input: process.stdin })) {
  const { key, object } = JSON.parse(line);
  if (object) await store.create(key, object);
  else await store.delete(key);
}
`;

const metallb = (ref: ResourceRef, kind: string, spec: object): [ResourceRef, KubeObject] => [
  ref,
  {
    apiVersion: 'metallb.io/v1beta1',
    kind,
    metadata: { name: 'lab', namespace: 'metallb-system' },
    spec,
  } as KubeObject,
];
const service = (name: string, ip: string): [ResourceRef, KubeObject] => [
  RESOURCES.services,
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', annotations: { 'metallb.io/ip-allocated-from-pool': 'lab' } },
    spec: { type: 'LoadBalancer' },
    status: { loadBalancer: { ingress: [{ ip }] } },
  } as KubeObject,
];
const slice = (owner: string): [ResourceRef, KubeObject] => [
  RESOURCES.endpointslices,
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${owner}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': owner } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.244.1.2'], nodeName: 'node-3', conditions: { ready: true } }],
  } as KubeObject,
];

const ip = (ns: Netns, script: string): void => {
  withNetns(ns, () => execFileSync('ip', ['-batch', '-'], { input: script }));
};

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

function stop(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
  return new Promise((resolve) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) resolve(child?.exitCode ?? null);
    else {
      child.once('exit', (code) => resolve(code));
      child.kill(signal);
    }
  });
}

/** The namespaces: a switch with two bridges and nats-server, three nodes, a client. */
function wire(): {
  hub: Netns;
  client: Netns;
  nodes: Map<string, Netns>;
  plug: (ns: Netns, port: string, to: 'lan' | 'ctl', name: string, mac: string) => void;
} {
  const hub = createNetns();
  ip(
    hub,
    `link add lan type bridge\nlink add ctl type bridge\nlink set lan up\nlink set ctl up\naddr add ${NATS}/24 dev ctl\n`,
  );
  const plug = (ns: Netns, port: string, to: 'lan' | 'ctl', name: string, mac: string): void =>
    ip(
      hub,
      `link add ${port} type veth peer name ${name} address ${mac} netns ${ns.procPath}\n` +
        `link set ${port} master ${to} up\n`,
    );
  const nodes = new Map(
    NODES.map((name, i) => {
      const ns = createNetns();
      plug(ns, `lan-${i}`, 'lan', 'lan0', macOf(name));
      plug(ns, `ctl-${i}`, 'ctl', 'ctl0', `02:00:00:00:01:0${i}`);
      ip(ns, `link set lan0 up\naddr add 172.30.0.1${i + 1}/24 dev lan0\n`);
      ip(ns, `link set ctl0 up\naddr add 172.30.1.1${i + 1}/24 dev ctl0\n`);
      return [name, ns] as const;
    }),
  );
  const client = createNetns();
  plug(client, 'lan-c', 'lan', 'lan0', CLIENT_MAC);
  ip(client, 'link set lan0 up\naddr add 172.30.0.101/24 dev lan0\n');
  return { hub, client, nodes, plug };
}

describe('l2-announcer processes', () => {
  let net: ReturnType<typeof wire>;
  let folder: string;
  let nats: ChildProcess;
  let controller: ChildProcess;
  let socket: PacketSocket;
  const announcers = new Map<string, ChildProcess>();
  /** Everything the client has heard. */
  const heard: ArpFrame[] = [];

  const spawn = (ns: Netns, command: string, args: string[], env: Record<string, string> = {}): ChildProcess =>
    spawnIn(ns, command, args, {
      cwd: repository,
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, ...env },
    });
  const startAnnouncer = (name: string): void => {
    const child = spawn(net.nodes.get(name) as Netns, process.execPath, ['services/l2-announcer/dist/main.js'], {
      SVCLAB_CONFIG: join(folder, 'lab.json'),
      SVCLAB_HOST: name,
      SVCLAB_BUS_USER: `l2-announcer@${name}`,
      SVCLAB_BUS_PASSWORD: 'a',
      SVCLAB_TOKEN: 'token of the lab',
      SVCLAB_RUN_DIR: join(folder, name),
    });
    announcers.set(name, child);
  };
  const unplug = (name: string): void => ip(net.hub, `link del lan-${NODES.indexOf(name)}\n`);
  /** A LAN interface with the node's address and MAC, under another name and index. */
  const replug = (name: string, as: string): void => {
    const i = NODES.indexOf(name);
    const ns = net.nodes.get(name) as Netns;
    net.plug(ns, `lan-${i}`, 'lan', as, macOf(name));
    ip(ns, `link set ${as} up\naddr add 172.30.0.1${i + 1}/24 dev ${as}\n`);
  };
  const reachable = (address: string, port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectIn(net.hub, { address, port });
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
    });
  const ready = (name: string): boolean => existsSync(join(folder, name, 'l2-announcer.ready'));
  const write = ([ref, object]: [ResourceRef, KubeObject], remove = false): void => {
    const { name, namespace = '' } = object.metadata;
    const key: ObjectKey = { ...ref, namespace, name };
    controller.stdin?.write(`${JSON.stringify(remove ? { key } : { key, object })}\n`);
  };
  const running = (): string[] =>
    NODES.filter((n) => announcers.get(n)?.exitCode === null && !announcers.get(n)?.killed);
  const ask = (target: string): void =>
    socket.send(
      encodeArp({
        destination: BROADCAST,
        source: CLIENT_MAC,
        operation: 'request',
        senderMac: CLIENT_MAC,
        senderIP: '172.30.0.101',
        targetMac: '00:00:00:00:00:00',
        targetIP: target,
      }),
    );
  /**
   * MACs that answer for an address. Each running announcer is asked for an address of its own after it, and reads frames in order:
   * when all have answered that, whoever had an answer to the first question has given it.
   */
  const answerers = async (target: string): Promise<string[]> => {
    const from = heard.length;
    const answers = (address: string): string[] =>
      heard
        .slice(from)
        .filter((f) => f.operation === 'reply' && f.destination === CLIENT_MAC && f.senderIP === address)
        .map((f) => f.senderMac);
    const nodes = running();
    ask(target);
    await until(() => {
      // Again and again: one that has just been started does not answer yet.
      const silent = nodes.filter((name) => !answers(owned.get(name) ?? '').includes(macOf(name)));
      for (const name of silent) ask(owned.get(name) ?? '');
      return silent.length === 0;
    });
    return [...new Set(answers(target))];
  };
  /** Senders of gratuitous frames for an address since the mark, one per frame. */
  const announcements = (target: string, mark: number): ArpFrame[] =>
    heard.slice(mark).filter((f) => f.destination === BROADCAST && f.senderIP === target && f.targetIP === target);
  const untilOwned = (target: string, name: string): Promise<void> =>
    until(async () => (await answerers(target)).join() === macOf(name));
  const expectBurst = async (name: string, mark: number): Promise<void> => {
    await until(() => announcements(VIP, mark).length >= 2);
    const frames = announcements(VIP, mark);
    expect(new Set(frames.map((f) => f.senderMac))).toEqual(new Set([macOf(name)]));
    expect(frames.slice(0, 2).map((f) => f.operation)).toEqual(['request', 'reply']);
  };

  beforeAll(async () => {
    net = wire();
    folder = mkdtempSync(join(tmpdir(), 'svclab-l2-'));
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
      hosts: [
        { name: 'nats-1', role: 'nats', controlIP: NATS },
        ...NODES.map((name, i) => ({
          name,
          role: 'node' as const,
          lanIP: `172.30.0.1${i + 1}`,
          controlIP: `172.30.1.1${i + 1}`,
        })),
      ],
      natsServers: [`nats://${NATS}:4222`],
      // Slow enough that a busy machine is not taken for a dead one.
      knobs: resolveKnobs('fast', { 'membership.probeInterval': '200ms', 'membership.probeTimeout': '100ms' }),
    };
    const users: BusUser[] = [
      { role: 'controller', host: 'controller-1', user: 'controller@controller-1', password: 'c' },
      ...NODES.map((host): BusUser => ({ role: 'l2-announcer', host, user: `l2-announcer@${host}`, password: 'a' })),
    ];
    writeFileSync(join(folder, 'lab.json'), JSON.stringify(lab));
    const config = natsConfig({ listen: `${NATS}:4222`, storeDir: join(folder, 'jetstream'), users });
    writeFileSync(join(folder, 'nats.conf'), config, { mode: 0o600 });
    for (const name of NODES) {
      mkdirSync(join(folder, name));
      // The node's rules are in.
      writeFileSync(join(folder, name, 'node-agent.ready'), '');
    }
    socket = withNetns(net.client, () =>
      openPacketSocket({
        interface: 'lan0',
        etherType: ETHERTYPE_ARP,
        onFrame: (bytes) => {
          const frame = decodeArp(bytes);
          if (frame) heard.push(frame);
        },
        onError: (error) => {
          throw error;
        },
      }),
    );
    nats = spawn(net.hub, 'nats-server', ['-c', join(folder, 'nats.conf'), '-l', join(folder, 'nats.log')]);
    controller = spawn(net.hub, process.execPath, ['--input-type=module', '-e', CONTROLLER]);
    write(metallb(RESOURCES.ipaddresspools, 'IPAddressPool', { addresses: ['172.30.0.200-172.30.0.250'] }));
    write(metallb(RESOURCES.l2advertisements, 'L2Advertisement', {}));
    for (const [name, address] of owned) {
      write(slice(`of-${name}`));
      write(service(`of-${name}`, address));
    }
    for (const name of NODES) startAnnouncer(name);
  });
  afterAll(async () => {
    socket?.close();
    await Promise.all([...announcers.values(), controller, nats].map((child) => stop(child)));
    for (const ns of [net.hub, net.client, ...net.nodes.values()]) ns.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('answer each address with the MAC of the node that SHA-256 elects, and of no other', async () => {
    await until(() => NODES.every(ready));
    for (const [name, address] of owned) await untilOwned(address, name);
    for (const [name, address] of owned) {
      expect(await answerers(address)).toEqual([macOf(name)]);
      const frames = announcements(address, 0);
      expect(frames.map((f) => f.senderMac)).toContain(macOf(name));
      expect(frames.every((f) => f.targetMac === BROADCAST)).toBe(true);
    }
    expect(await answerers('172.30.0.251')).toEqual([]);
  });

  it('a killed owner is followed by the next in order, which announces', async () => {
    const mark = heard.length;
    await stop(announcers.get(W));
    await expectBurst(NEXT, mark);
    await untilOwned(VIP, NEXT);
    expect(announcements(VIP, mark).map((f) => f.senderMac)).not.toContain(macOf(LAST));
  });

  it('the owner takes its address back when it returns', async () => {
    const mark = heard.length;
    startAnnouncer(W);
    await untilOwned(VIP, W);
    expect(announcements(VIP, mark).map((f) => f.senderMac)).toContain(macOf(W));
    expect(announcements(VIP, mark).map((f) => f.senderMac)).not.toContain(macOf(LAST));
  });

  it('SIGTERM hands over, and nobody announces against the new owner', async () => {
    await until(() => ready(W));
    expect(await stop(announcers.get(W), 'SIGTERM')).toBe(0);
    const mark = heard.length;
    await untilOwned(VIP, NEXT);
    startAnnouncer(W);
    await untilOwned(VIP, W);
    const senders = new Set(announcements(VIP, mark).map((f) => f.senderMac));
    senders.delete(macOf(NEXT));
    expect(senders).toEqual(new Set([macOf(W)]));
  });

  it('a Service that is deleted is answered by nobody, one that is new by its owner', async () => {
    write(slice('extra'));
    write(service('extra', EXTRA));
    await untilOwned(EXTRA, W);
    write(service('extra', EXTRA), true);
    await until(async () => (await answerers(EXTRA)).length === 0);
    expect(await answerers(VIP)).toEqual([macOf(W)]);
  });

  it('the owner whose LAN interface goes and comes back as another is a member and the owner again', async () => {
    await until(() => ready(W));
    let mark = heard.length;
    unplug(W);
    await until(() => announcements(VIP, mark).some((f) => f.senderMac === macOf(NEXT)));
    mark = heard.length;
    replug(W, 'eth7');
    await untilOwned(VIP, W);
    expect(announcements(VIP, mark).map((f) => f.senderMac)).toContain(macOf(W));
    for (const [name, address] of owned) expect(await answerers(address)).toEqual([macOf(name)]);
    expect(announcers.get(W)?.exitCode).toBeNull();
  });

  it('a member that was away for less than its peers notice goes on', async () => {
    unplug(W);
    replug(W, 'eth7');
    await untilOwned(VIP, W);
    for (const [name, address] of owned) expect(await answerers(address)).toEqual([macOf(name)]);
  });

  it('an announcer that starts without a LAN interface waits for it', async () => {
    expect(await stop(announcers.get(W), 'SIGTERM')).toBe(0);
    unplug(W);
    startAnnouncer(W);
    // It serves its state before it waits.
    await until(() => reachable('172.30.1.11', PORTS.announcer));
    expect(ready(W)).toBe(false);
    expect(announcers.get(W)?.exitCode).toBeNull();
    replug(W, 'lan0');
    await until(() => ready(W));
    await untilOwned(VIP, W);
  });

  it('failover goes on without the store', async () => {
    await until(() => ready(W));
    await stop(controller);
    await stop(nats);
    const mark = heard.length;
    await stop(announcers.get(W));
    await until(() => announcements(VIP, mark).some((f) => f.senderMac === macOf(NEXT)));
    await untilOwned(VIP, NEXT);
  });
});
