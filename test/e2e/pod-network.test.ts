/** Pod traffic between nodes inside VXLAN, and the loss and return of a node's LAN interface. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, run, until } from './lab.ts';

/** What is read of `svclab status -o json`. */
interface Status {
  readonly processes: readonly { readonly component: string; readonly host: string; readonly state: string }[];
}

/** Bytes of a body that needs dozens of full-sized segments each way. */
const LARGE = 300_000;

/** In Docker pods' addresses get no further than their node, hence no `direct`. */
const POD_NETWORKS = process.env.SVCLAB_TEST_DRIVER === 'docker' ? ['vxlan'] : ['vxlan', 'direct'];

describe.each(POD_NETWORKS)('pod network %s', (podNetwork) => {
  let lab: Lab;
  let vip: string;

  beforeAll(async () => {
    // Slow enough that a busy machine is not taken for a dead one.
    const patience = ['--set', 'membership.probeInterval=500ms', '--set', 'membership.probeTimeout=250ms'];
    lab = await Lab.up(['--pod-network', podNetwork, ...patience]);
    await lab.pool();
    vip = await lab.web('web', 3);
  });
  afterAll(() => lab?.down());

  const onNode = (node: string, ...command: string[]): Promise<string> =>
    lab.ok('exec', `node/${node}`, '--', ...command);
  /** Names of the pods that answer `count` requests. */
  const podsBehind = async (url: string, count = 40): Promise<Set<string>> => {
    const { stdout } = await lab.client('sh', '-c', `for i in $(seq ${count}); do curl -s -m 2 ${url}; echo; done`);
    return new Set(stdout.match(/web-[a-z0-9]+-[a-z0-9]{5}/g) ?? []);
  };
  const nodesOfPods = async (): Promise<string[]> =>
    (await lab.kube(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.nodeName}'])).split(' ').sort();
  const docker = async (...args: string[]): Promise<void> => {
    const result = await run('docker', args);
    if (result.code !== 0) throw new Error(`docker ${args.join(' ')} exits ${result.code}: ${result.stderr}`);
  };
  /** Takes the node's LAN interface away. */
  const unplug = async (node: string): Promise<void> => {
    if (lab.driver === 'docker') await docker('network', 'disconnect', `${lab.name}_lan`, `${lab.name}-${node}-1`);
    else await onNode(node, 'sh', '-c', "ip link del $(ip -o -4 addr | awk '/172[.]30[.]0[.]/ { print $2; exit }')");
  };
  /** Connects the node to the LAN again by an interface of another name. Docker gives it another address, too. */
  const replug = async (node: string, as: string): Promise<void> => {
    if (lab.driver === 'docker') {
      await docker('network', 'connect', `${lab.name}_lan`, `${lab.name}-${node}-1`);
      return;
    }
    // A thread of the first process that never leaves the lab's root namespace: the main one visits those of the hosts.
    const script = `root=$(ls -d /proc/1/task/*/ns/net | tail -n 1) &&
       ip link add ${as} type veth peer name l-${node} netns $root &&
       nsenter --net=$root ip link set l-${node} master lan up &&
       ip addr add 172.30.0.1${node.slice('node-'.length)}/24 dev ${as} && ip link set ${as} up`;
    await onNode(node, 'sh', '-c', script);
  };

  it('reaches the pods of all nodes through one', async () => {
    expect(await nodesOfPods()).toEqual(['node-1', 'node-2', 'node-3']);
    expect((await podsBehind(`http://${vip}/`)).size).toBe(3);
    const links = await onNode('node-1', 'ip', '-br', 'link');
    expect(links.includes('svclab-vxlan')).toBe(podNetwork === 'vxlan');
  });

  it('carries large requests and responses to each of them', async () => {
    const answer = await lab.client(
      'sh',
      '-c',
      `head -c ${LARGE} /dev/zero | tr '\\0' x > /tmp/large; for i in $(seq 15); do
         curl -s -m 5 --data-binary @/tmp/large http://${vip}/echo | cmp - /tmp/large && echo same; done; rm /tmp/large`,
    );
    expect(answer.stdout.trim().split('\n')).toEqual(Array(15).fill('same'));
  });

  it('leads from pod to pod of another node', async () => {
    const pods = JSON.parse(await lab.kube(['get', 'pods', '-l', 'app=web', '-o', 'json'])) as {
      items: { metadata: { name: string }; status: { podIP: string } }[];
    };
    for (const from of pods.items)
      for (const to of pods.items)
        expect(
          await lab.kube([
            'exec',
            from.metadata.name,
            '--',
            'curl',
            '-s',
            '-m',
            '5',
            `http://${to.status.podIP}/clientip`,
          ]),
        ).toMatch(new RegExp(`^${from.status.podIP}:`));
  });

  it('comes back with the LAN interface of the owner, and so does its announcer', async () => {
    const owner = await lab.owner('default/web');
    const port = await lab.kube(['get', 'svc', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}']);
    const address = `172.30.0.1${owner.slice('node-'.length)}`;
    await unplug(owner);
    await until('another node answers for the VIP', async () => {
      const { code } = await lab.client('curl', '-s', '-o', '/dev/null', '-m', '1', `http://${vip}/hostname`);
      return code === 0;
    });
    expect((await lab.client('curl', '-s', '-m', '1', `http://${address}:${port}/`)).code).not.toBe(0);

    await replug(owner, 'eth9');
    await until('the former owner is it again', async () => (await lab.owner('default/web')) === owner);
    await until('all pods are reached through it', async () => (await podsBehind(`http://${vip}/`)).size === 3);
    expect((await podsBehind(`http://${address}:${port}/`)).size).toBe(3);
    const others = (await lab.nodes()).filter((name) => name !== owner);
    for (const other of others)
      expect((await podsBehind(`http://172.30.0.1${other.slice('node-'.length)}:${port}/`)).size).toBe(3);
  });

  it('is waited for by an agent and an announcer that start without a LAN interface', async () => {
    const processes = ['node-agent', 'l2-announcer'];
    await unplug('node-2');
    for (const target of ['agent', 'announcer']) await lab.ok('fault', 'kill', `${target}/node-2`);
    for (const process of processes)
      await until(`${process} says that it waits`, async () =>
        /"event":"lan-missing"[^\n]*"reason":"no interface/.test(
          (await lab.ok('logs', process, '--node', 'node-2')).split('"event":"ready"').at(-1) ?? '',
        ),
      );
    await replug('node-2', 'lan0');
    const port = await lab.kube(['get', 'svc', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}']);
    await until(
      'all pods are reached through it',
      async () => (await podsBehind(`http://172.30.0.12:${port}/`)).size === 3,
    );
    const states = async (): Promise<unknown[]> => {
      const status = JSON.parse(await lab.ok('status', '-o', 'json')) as Status;
      const onNode2 = status.processes.filter((p) => p.host === 'node-2');
      return processes.map((name) => onNode2.find((p) => p.component === name)?.state);
    };
    await until('both are ready', async () => (await states()).every((state) => state === 'ready'));
  });
});
