/** Nodes come and go in a running lab: what the traffic, the API and the other processes notice of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, until } from './lab.ts';

/** What `svclab node list -o json` prints of a node. */
interface NodeInfo {
  readonly name: string;
  readonly ip: string;
  readonly up: boolean;
  readonly ready: boolean | null;
  readonly removing: boolean;
}

const list = async (lab: Lab): Promise<NodeInfo[]> => JSON.parse(await lab.ok('node list', '-o', 'json')) as NodeInfo[];
const names = async (lab: Lab): Promise<string> => (await list(lab)).map((n) => n.name).join(' ');

/** The pods of the Deployment by name, and where they run. */
async function placement(lab: Lab): Promise<Map<string, string>> {
  const text = await lab.kube([
    ...['get', 'pods', '-l', 'app=web', '-o'],
    'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\\n"}{end}',
  ]);
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
}

/** What `svclab timeline -o json` prints of a step. */
interface Step {
  readonly at_ns: string;
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}
const timeline = async (lab: Lab): Promise<Step[]> => JSON.parse(await lab.ok('timeline', '-o', 'json')) as Step[];

/** Clients' ends of the connections nats-server has. */
async function natsClients(lab: Lab): Promise<string[]> {
  const sockets = await lab.ok('exec', 'nats/1', '--', 'ss', '-tnH', 'state', 'established', 'sport', '=', ':4222');
  return sockets
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[3] ?? '');
}

describe('nodes are added and removed under probe', () => {
  let lab: Lab;
  let ip: string;

  beforeAll(async () => {
    lab = await Lab.up();
    // Of node-1 to node-3 the first owns this address; with node-4 and node-5, the fourth (the order of the hashes).
    await lab.pool('172.30.0.201-172.30.0.201');
    ip = await lab.web('web', 3);
  });
  afterAll(() => lab?.down());

  it('loses no new connection but those under way when the address moves: to a new node, and back', async () => {
    expect(await lab.owner('default/web')).toBe('node-1');
    const connected = await natsClients(lab);
    expect(connected.length).toBeGreaterThan(10);
    let added = new Map<string, string>();
    const { report, samples } = await lab.probeWhile(`http://${ip}/`, async () => {
      expect(await lab.ok('node add', '--count', '2')).toBe('node-4\nnode-5\n');
      await until('the address is owned by node-4', async () => (await lab.owner('default/web')) === 'node-4');
      // No process lost its connection to the bus by the change of its users.
      expect(await natsClients(lab)).toEqual(expect.arrayContaining(connected));
      await lab.kube(['scale', 'deploy/web', '--replicas=10']);
      await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
      added = await placement(lab);
      const reachable = new Set<string>();
      await until('a pod of either new node answers through the address', async () => {
        const { stdout } = await lab.client('curl', '-s', '-m', '1', '-H', 'accept: application/json', `http://${ip}/`);
        for (const [pod, node] of added) if (stdout.includes(pod)) reachable.add(node);
        return reachable.has('node-4') && reachable.has('node-5');
      });
      const removed = await lab.ok('node remove', 'node-4');
      expect(removed).toMatch(/^node-4 removed after [\d.]+ s\n$/);
      expect(await lab.owner('default/web')).toBe('node-1');
      expect(await natsClients(lab)).toEqual(expect.arrayContaining(connected));
      await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
    });
    expect(report.new.sent).toBeGreaterThan(500);
    // A connection that is open when the address moves ends in MetalLB too: the new owner has no conntrack entry for it.
    const moves = (await timeline(lab))
      .filter((e) => e.type === 'vip.announced' && e.attrs.vip === ip && e.attrs.round === '0')
      .map((e) => BigInt(e.at_ns));
    expect(moves.length).toBeGreaterThanOrEqual(2);
    const lost = samples.filter((s) => s.kind === 'new' && s.outcome !== 'ok');
    const unexplained = lost.filter((s) => !moves.some((at) => BigInt(s.sentNs) <= at && at <= BigInt(s.doneNs)));
    expect(unexplained.map((s) => `${s.outcome}, sent ${Number(BigInt(s.sentNs) / 1_000_000n)} ms`)).toEqual([]);
    const onNew = (node: string): number =>
      Object.entries(report.backends.new)
        .filter(([pod]) => added.get(pod) === node)
        .reduce((sum, [, count]) => sum + count, 0);
    expect(onNew('node-4')).toBeGreaterThan(0);
    expect(onNew('node-5')).toBeGreaterThan(0);
  });

  it('leaves nothing of a removed node', async () => {
    expect(await names(lab)).toBe('node-1 node-2 node-3 node-5');
    expect(await lab.nodes()).toEqual(['node-1', 'node-2', 'node-3', 'node-5']);
    const now = await placement(lab);
    expect(now.size).toBe(10);
    expect(new Set(now.values())).toEqual(new Set(['node-1', 'node-2', 'node-3', 'node-5']));
    expect(await lab.kube(['get', 'pods,endpointslices', '-A', '-o', 'yaml'])).not.toContain('node-4');
    const status = JSON.parse(await lab.ok('status', '-o', 'json')) as { hosts: { name: string }[] };
    expect(status.hosts.map((h) => h.name)).not.toContain('node-4');
    if (lab.driver === 'docker') {
      const files = ['lab.json', 'nats/nats-1.conf', 'hosts'].map((f) => `/lab/${f}`);
      expect(
        await lab.ok('exec', 'nats/1', '--', 'sh', '-c', `cat ${files[0]} ${files[1]}; ls ${files[2]}`),
      ).not.toContain('node-4');
    } else {
      const dir = join(lab.stateDir, lab.name);
      expect(readdirSync(join(dir, 'run'))).not.toContain('node-4');
      for (const file of ['lab.json', 'secrets.json', 'run/nats-1/nats.conf'])
        expect(readFileSync(join(dir, file), 'utf8')).not.toContain('node-4');
    }
    // It left of its own accord: nobody had to find out.
    const events = await timeline(lab);
    const left = events.filter((e) => e.type === 'member.left').map((e) => e.attrs.peer);
    expect(left).toContain('node-4');
    expect(events.filter((e) => e.type === 'node.removed').map((e) => e.attrs.target)).toEqual(['node-4']);
  });

  it('reaches pods of an added node: exec and logs', async () => {
    const [pod = ''] = [...(await placement(lab))].find(([, node]) => node === 'node-5') ?? [];
    expect((await lab.kube(['exec', pod, '--', 'hostname'])).trim()).toBe(pod);
    expect((await lab.kubectl(['logs', pod])).code).toBe(0);
    expect(await lab.ok('exec', 'node/node-5', '--', 'ip', '-br', 'addr')).toContain('172.30.0.15/24');
  });

  it('can be repeated when it ended midway, and gives no name twice', async () => {
    const early = await lab.cli('node remove', 'node-5', '--timeout', '0s');
    expect(early.code).toBe(4);
    expect(early.stderr).toMatch(/Pods of node-5 have not ended in 0 s: default\/web-.* It stays cordoned/);
    expect((await list(lab)).find((n) => n.name === 'node-5')).toMatchObject({ up: true, removing: true });
    await lab.ok('fault', 'kill', 'node/node-5');
    expect((await lab.cli('node remove', 'node-5', '--force')).code).toBe(0);
    expect(await names(lab)).toBe('node-1 node-2 node-3');
    expect(JSON.parse(await lab.ok('node add', '-o', 'json'))).toEqual([
      { name: 'node-6', ip: '172.30.0.16', control_ip: '172.30.1.16', pod_cidr: '10.244.6.0/24' },
    ]);
  });

  it('takes a node that is down only by force, and says so', async () => {
    await lab.ok('fault', 'kill', 'node/node-6');
    const refused = await lab.cli('node remove', 'node-6');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(
      'Node node-6 is down: bring it back with "svclab fault restart node/node-6", or remove it as it is with --force',
    );
    expect((await list(lab)).find((n) => n.name === 'node-6')).toMatchObject({ up: false, removing: false });
    await lab.ok('node remove', 'node-6', '--force');
    expect(await lab.nodes()).toEqual(['node-1', 'node-2', 'node-3']);
  });

  it('a node that runs is powered off by force, and its address moves as soon as its Node is gone', async () => {
    expect(await lab.owner('default/web')).toBe('node-1');
    expect(JSON.parse(await lab.ok('node remove', 'node-1', '--force', '-o', 'json'))).toMatchObject({
      name: 'node-1',
      forced: true,
    });
    await until('node-2 owns the address', async () => (await lab.owner('default/web')) === 'node-2');
    expect((await lab.client('curl', '-s', '-o', '/dev/null', '-m', '2', `http://${ip}/`)).code).toBe(0);
    await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
  });

  it.each([
    { args: ['remove', 'node-9'], says: /Node "node-9" is not in this lab: give one of node-2, node-3/ },
    { args: ['remove', 'dns-1'], says: /Node "dns-1" is not in this lab/ },
    { args: ['add', '--count', '85'], says: /85 nodes cannot be added: 6 of 90 node numbers/ },
    { args: ['add', '--count', '0'], says: /Number of nodes to add 0 cannot be used: give a whole number from 1/ },
    { args: ['add', '--count', 'two'], says: /Give a whole number/ },
    { args: ['remove', 'node-2', '--timeout', 'soon'], says: /Give a duration such as 30s or 2m/ },
  ])('refuses svclab node $args', async ({ args: [command, ...args], says }) => {
    const result = await lab.cli(`node ${command}`, ...args);
    expect(result.stderr).toMatch(says);
    expect(result.code).toBe(2);
    expect(await names(lab)).toBe('node-2 node-3');
  });

  it('keeps the last node', async () => {
    await lab.ok('node remove', 'node-2');
    for (const force of [[], ['--force']]) {
      const refused = await lab.cli('node remove', 'node-3', ...force);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('Node node-3 is the last one and stays: add another first');
    }
    expect((await list(lab)).map((n) => [n.name, n.ready, n.removing])).toEqual([['node-3', true, false]]);
    expect((await lab.client('curl', '-s', '-o', '/dev/null', '-m', '2', `http://${ip}/`)).code).toBe(0);
  });
});
