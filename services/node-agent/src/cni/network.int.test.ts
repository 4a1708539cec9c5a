import { execFileSync } from 'node:child_process';
import { type Node, RESOURCES } from '@svclab/core';
import { createLogger, openPacketSocket, type PacketSocket, systemClock, withNetns } from '@svclab/runtime';
import { memoryStore } from '@svclab/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODES, type NodeName, type Outcome, proxyNode, TwoNodeLab } from '../../test/two-node-lab.ts';
import { Nft } from '../proxy/nft.ts';
import { PodNetworking } from './network.ts';

const log = createLogger({ component: 'node-agent', host: 'test', level: 'silent' });
const POD_1 = '10.244.1.2';
const POD_2 = '10.244.2.2';
const PORT = 8080;
const ETHERTYPE_IPV4 = 0x0800;
const UDP = 17;
const VXLAN_PORT = 4789;

describe.each(['direct', 'vxlan'] as const)('pod network %s', (podNetwork) => {
  const { store, cache } = memoryStore({ clock: systemClock });
  const agents = new Map<NodeName, PodNetworking>();
  let lab: TwoNodeLab;

  const key = (name: string) => ({ ...RESOURCES.nodes, namespace: '', name });
  const register = (name: NodeName): Promise<unknown> => {
    const { ip, podCIDR } = proxyNode(name);
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      spec: { podCIDR },
      status: { addresses: [{ type: 'InternalIP', address: ip }] },
    };
    return store.create(key(name), node);
  };
  const start = async (name: NodeName): Promise<PodNetworking> => {
    const proxy = proxyNode(name);
    const agent = new PodNetworking({
      cache,
      settings: { name, lanIP: proxy.ip, controlIP: '172.30.1.99', podCIDR: proxy.podCIDR, proxy },
      lab: { podNetwork },
      nft: new Nft(lab.spawn(name)),
      clock: systemClock,
      log,
      spawn: lab.spawn(name),
      inNode: (fn) => withNetns(lab.ns(name), fn),
    });
    agents.set(name, agent);
    await agent.start();
    return agent;
  };
  const onNode = (name: NodeName, command: string, ...args: string[]): string =>
    withNetns(lab.ns(name), () => execFileSync(command, args, { encoding: 'utf8' }));
  /** Everything the agent has to do with in a node's kernel. */
  const kernel = (name: NodeName): string[] => [
    onNode(name, 'ip', 'route', 'show', 'proto', '201').trim(),
    ...(podNetwork === 'direct'
      ? []
      : [
          onNode(name, 'ip', '-o', '-4', 'addr', 'show', 'dev', 'svclab-vxlan').trim(),
          onNode(name, 'ip', 'neigh', 'show', 'dev', 'svclab-vxlan', 'nud', 'permanent').trim(),
          onNode(name, 'bridge', 'fdb', 'show', 'dev', 'svclab-vxlan').trim(),
        ]),
  ];
  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const reaches = (from: string, to: string): Promise<Outcome> => lab.connect(from, to, PORT);
  const bothWays = async (): Promise<boolean> =>
    (await reaches(POD_1, POD_2)).kind === 'answer' && (await reaches(POD_2, POD_1)).kind === 'answer';

  beforeAll(async () => {
    lab = new TwoNodeLab({ routes: false });
    await lab.pod(POD_1, 'node-1', PORT);
    await lab.pod(POD_2, 'node-2', PORT);
    for (const name of NODES) await register(name);
    for (const name of NODES) await (await start(name)).firstSync;
  });
  afterAll(() => {
    for (const agent of agents.values()) agent.stop();
    lab.close();
  });

  it('leads from pod to pod with the pod as source', async () => {
    expect(await reaches(POD_1, POD_2)).toEqual({ kind: 'answer', server: POD_2, from: POD_1 });
    expect(await reaches(POD_2, POD_1)).toEqual({ kind: 'answer', server: POD_1, from: POD_2 });
    const from = podNetwork === 'direct' ? '172.30.0.11' : '10.244.1.0';
    expect(await reaches('node-1', POD_2)).toEqual({ kind: 'answer', server: POD_2, from });
    expect(agents.get('node-1')?.podMtu).toBe(podNetwork === 'direct' ? 1500 : 1450);
  });

  it('shows the LAN pods, or only nodes', async () => {
    /** `source > destination` of what node-2 receives, and for UDP the destination port. */
    const seen = new Set<string>();
    const socket: PacketSocket = withNetns(lab.ns('node-2'), () =>
      openPacketSocket({
        interface: 'lan0',
        etherType: ETHERTYPE_IPV4,
        onFrame: (frame) => {
          const address = (at: number): string => [...frame.subarray(at, at + 4)].join('.');
          const port = frame[23] === UDP ? ` ${((frame[36] ?? 0) << 8) | (frame[37] ?? 0)}` : '';
          seen.add(`${address(26)} > ${address(30)}${port}`);
        },
        onError: (error) => {
          throw error;
        },
      }),
    );
    try {
      expect(await bothWays()).toBe(true);
      const expected = podNetwork === 'direct' ? `${POD_1} > ${POD_2}` : `172.30.0.11 > 172.30.0.12 ${VXLAN_PORT}`;
      await until(() => seen.size > 0);
      expect([...seen]).toEqual([expected]);
    } finally {
      socket.close();
    }
  });

  it('is adopted by the next agent as it is', async () => {
    const before = kernel('node-1');
    agents.get('node-1')?.stop();
    await (await start('node-1')).firstSync;
    expect(kernel('node-1')).toEqual(before);
    expect(await reaches(POD_1, POD_2)).toMatchObject({ kind: 'answer' });
  });

  it('forgets a node that goes, and takes it back', async () => {
    const before = kernel('node-1');
    await store.delete(key('node-2'));
    await until(() => !kernel('node-1').some((text) => text.includes('10.244.2.') || text.includes('172.30.0.12')));
    await register('node-2');
    await until(() => kernel('node-1').join() === before.join());
    expect(await bothWays()).toBe(true);
  });

  it.each([
    ['the same name', 'lan0', '172.30.0.12'],
    ['another name', 'eth7', '172.30.0.12'],
    ["another name, and an address that is not the node's", 'eth8', '172.30.0.130'],
  ])('comes back when the LAN interface does with %s', async (_, name, address) => {
    lab.unplug('node-2');
    expect((await reaches(POD_1, POD_2)).kind).not.toBe('answer');
    lab.plug('node-2', name, address);
    if (address !== '172.30.0.12') {
      // The first process of the host gives it back its own.
      expect((await reaches(POD_1, POD_2)).kind).not.toBe('answer');
      onNode('node-2', 'ip', 'addr', 'del', `${address}/24`, 'dev', name);
      onNode('node-2', 'ip', 'addr', 'add', '172.30.0.12/24', 'dev', name);
    }
    await until(bothWays);
    expect(onNode('node-2', 'ip', 'route', 'show', 'default')).toContain(`dev ${name}`);
  });

  it('is back after the LAN interface was set down', async () => {
    onNode('node-2', 'ip', 'link', 'set', 'eth8', 'down');
    expect((await reaches(POD_1, POD_2)).kind).not.toBe('answer');
    onNode('node-2', 'ip', 'link', 'set', 'eth8', 'up');
    await until(bothWays);
  });

  it('is waited for by an agent that starts without a LAN interface', async () => {
    agents.get('node-2')?.stop();
    lab.unplug('node-2');
    const agent = await start('node-2');
    const first = agent.firstSync.then(() => 'first sync');
    expect(await Promise.race([first, Promise.resolve('waits')])).toBe('waits');
    lab.plug('node-2', 'lan0', '172.30.0.12');
    expect(await first).toBe('first sync');
    await until(bothWays);
  });
});
