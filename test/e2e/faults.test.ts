/** Faults from outside: that they act, only where they should, and that nothing of them is left however they end. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  faultEvents,
  faultsOf,
  gone,
  heal,
  hearsArp,
  holdSession,
  lanInterface,
  makeFault,
  onNode,
  rulesOfFaults,
} from './faults.ts';
import { Lab, until } from './lab.ts';

const NODES = { 'node-1': '172.30.0.11', 'node-2': '172.30.0.12', 'node-3': '172.30.0.13' };

/** What only holds where hosts are namespaces of one lab. */
const IN_NAMESPACES = process.env.SVCLAB_TEST_DRIVER !== 'docker';

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.up();
});
afterAll(() => lab?.down());

/** Names of processes that are not ready. */
async function notReady(): Promise<string[]> {
  const { processes } = JSON.parse(await lab.ok('status', '-o', 'json')) as {
    processes: { component: string; host: string; state: string }[];
  };
  return processes.filter((p) => p.state !== 'ready').map((p) => `${p.component}@${p.host}`);
}

/** The processes of the lab as the machine sees them, with their state (T: stopped). */
async function processState(component: string, host: string): Promise<string> {
  const { processes } = JSON.parse(await lab.ok('status', '-o', 'json')) as {
    processes: { component: string; host: string; pid: number }[];
  };
  const pid = processes.find((p) => p.component === component && p.host === host)?.pid ?? 0;
  const shown = await lab.cli('exec', `node/${host}`, '--', 'ps', '-o', 'state=', '-p', String(pid));
  return shown.stdout.trim();
}

describe('a fault', () => {
  it('is listed with what it acts on, and acts on nothing else', async () => {
    const made = await makeFault(lab, 'pause', 'announcer/node-2', '--duration', '1h');
    expect(made).toMatchObject({ verb: 'pause', resolved: 'announcer/node-2' });
    expect(await faultsOf(lab)).toMatchObject([
      { id: made.id, verb: 'pause', targets: ['announcer/node-2'], args: { duration: '1h' }, session: '' },
    ]);
    expect(await processState('l2-announcer', 'node-2')).toBe('T');
    expect(await processState('l2-announcer', 'node-1')).not.toBe('T');
    expect(await processState('node-agent', 'node-2')).not.toBe('T');
    await heal(lab, 'announcer/node-2');
    expect(await processState('l2-announcer', 'node-2')).not.toBe('T');
    expect(await faultsOf(lab)).toEqual([]);
  });

  it('heals by itself after its duration, not before', async () => {
    const made = await makeFault(lab, 'pause', 'announcer/node-2', '--duration', '700ms');
    await gone(lab, made.id);
    expect(await processState('l2-announcer', 'node-2')).not.toBe('T');
    const [effective, healed] = await faultEvents(lab, made.id);
    const attrs = { fault: 'pause', target: 'announcer/node-2', id: made.id, args: 'duration=700ms' };
    expect(effective).toMatchObject({ type: 'fault.effective', attrs });
    expect(healed).toMatchObject({ type: 'fault.healed', cause: 'its duration is over', attrs });
    const lastedNs = BigInt(healed?.at_ns ?? 0) - BigInt(effective?.at_ns ?? 0);
    expect(Number(lastedNs)).toBeGreaterThanOrEqual(700e6);
  });

  it('keeps a killed process down for its duration, and a stopped one', async () => {
    const killed = await makeFault(lab, 'kill', 'dns/1', '--duration', '1h');
    const stopped = await makeFault(lab, 'stop', 'agent/node-3', '--duration', '1h');
    await until('both are down', async () => (await notReady()).length === 2);
    expect((await notReady()).sort()).toEqual(['dns@dns-1', 'node-agent@node-3']);
    await heal(lab, killed.id ?? '');
    await until('dns is back', async () => !(await notReady()).includes('dns@dns-1'));
    expect(await notReady()).toEqual(['node-agent@node-3']);
    await heal(lab, 'agent/node-3');
    await until('all are back', async () => (await notReady()).length === 0);
    expect(await faultsOf(lab)).toEqual([]);
    expect(stopped.id).not.toBe(killed.id);
  });

  it('is over once its target was brought back by hand', async () => {
    await makeFault(lab, 'kill', 'node/node-2');
    await makeFault(lab, 'pause', 'announcer/node-1');
    await lab.ok('fault', 'restart', 'node/node-2');
    await lab.ok('fault', 'resume', 'announcer/node-1');
    expect(await faultsOf(lab)).toEqual([]);
    await until('all are back', async () => (await notReady()).length === 0);
  });

  it('lies beside others, and each is healed alone', async () => {
    const one = await makeFault(lab, 'partition', 'node-1', 'node-2');
    const two = await makeFault(lab, 'partition', 'node-3', 'nats-1', '--network', 'control');
    const three = await makeFault(lab, 'pause', 'announcer/node-3');
    expect((await faultsOf(lab)).map((f) => f.id)).toEqual([one.id, two.id, three.id]);
    await heal(lab, two.id ?? '');
    expect(await hearsArp(lab, 'node-1', NODES['node-2'])).toBe(false);
    await heal(lab);
    expect(await faultsOf(lab)).toEqual([]);
    expect(await hearsArp(lab, 'node-1', NODES['node-2'])).toBe(true);
    expect(await processState('l2-announcer', 'node-3')).not.toBe('T');
  });

  it('is only told of with --dry-run', async () => {
    const told = await lab.ok('fault', 'partition', 'node-1', 'node-2', '--dry-run');
    expect(told).toMatch(/nft -f -/);
    expect(await faultsOf(lab)).toEqual([]);
    expect(await hearsArp(lab, 'node-1', NODES['node-2'])).toBe(true);
  });

  it.each([
    [['kill', 'node/node-9'], /"node\/node-9" does not exist: give one of node\/node-1/],
    [['kill', 'link/node-1-node-2'], /Fault kill does not act on link\/node-1-node-2: give one of node\/NAME/],
    [
      ['pause', 'node/node-1', '--duration', '5'],
      /Argument duration of fault pause is "5": give a duration with its unit/,
    ],
    [['pause'], /Fault pause needs a target/],
    [
      ['partition', 'node-1', 'node-2', '--network', 'wan'],
      /Argument network of fault partition is "wan": give one of lan, control/,
    ],
    [['pauze', 'node/node-1'], /Fault "pauze" is not known: give one of kill, stop, pause/],
    [['pause', 'node/node-1', '--percent', '3'], /unknown option '--percent'/],
    [['heal', 'f999'], /No fault "f999" is in effect: none is/],
    [['pause', 'node?tier=none'], /No node has labels tier=none/],
  ])('is refused when it is %j', async (args, message) => {
    const refused = await lab.cli('fault', ...args);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(message);
    expect(await faultsOf(lab)).toEqual([]);
  });
});

describe('targets by role', () => {
  it.each([
    ['minority/nodes', 'node/node-3'],
    ['majority/nodes', 'node/node-1,node/node-2'],
    ['leader', 'controller/1'],
    ['announcer?kubernetes.io/hostname in (node-1,node-3)', 'announcer/node-1,announcer/node-3'],
  ])('%s is %s', async (target, resolved) => {
    const plan = JSON.parse(await lab.ok('fault', 'pause', target, '--dry-run', '-o', 'json')) as { resolved: string };
    expect(plan.resolved).toBe(resolved);
  });

  it('choose by chance the same for the same seed', async () => {
    const chosen = async (seed: number): Promise<string> => {
      const plan = await lab.ok('fault', 'pause', `random:${seed}/nodes`, '--dry-run', '-o', 'json');
      return (JSON.parse(plan) as { resolved: string }).resolved;
    };
    const all: string[] = [];
    for (let seed = 1; seed <= 12; seed++) all.push(await chosen(seed));
    expect(await chosen(1)).toBe(all[0]);
    expect(new Set(all).size).toBeGreaterThan(1);
  });

  it('act on every target, and heal them together', async () => {
    const made = await makeFault(lab, 'pause', 'announcer?kubernetes.io/hostname');
    for (const node of Object.keys(NODES)) expect(await processState('l2-announcer', node)).toBe('T');
    await heal(lab, made.id ?? '');
    for (const node of Object.keys(NODES)) expect(await processState('l2-announcer', node)).not.toBe('T');
  });
});

describe('a one-way partition', () => {
  it('drops what the first group sends, and nothing else', async () => {
    // A neighbour would have to be asked for first, which takes both ways: the entries are given.
    await pin('node-1', 'node-2');
    await pin('node-2', 'node-1');
    expect(await arrives('node-1', 'node-2')).toBe(true);
    const made = await makeFault(lab, 'partition', 'node-1', 'node-2', '--one-way');
    expect(await arrives('node-1', 'node-2')).toBe(false);
    expect(await arrives('node-2', 'node-1')).toBe(true);
    expect(await hearsArp(lab, 'node-1', NODES['node-3'])).toBe(true);
    await heal(lab, made.id ?? '');
    expect(await arrives('node-1', 'node-2')).toBe(true);
    expect(await arrives('node-2', 'node-1')).toBe(true);
  });

  type Node = keyof typeof NODES;

  async function pin(node: Node, other: Node): Promise<void> {
    const { stdout } = await onNode(lab, other, 'ip', '-br', 'link', 'show', await lanInterface(lab, other));
    const dev = await lanInterface(lab, node);
    const lladdr = /([0-9a-f]{2}(?::[0-9a-f]{2}){5})/.exec(stdout)?.[1] ?? '';
    const done = await onNode(lab, node, 'ip', 'neigh', 'replace', NODES[other], 'lladdr', lladdr, 'dev', dev);
    expect(done).toMatchObject({ code: 0 });
  }

  /** Whether datagrams to a port nobody listens on are counted at the other end. */
  async function arrives(from: Node, to: Node): Promise<boolean> {
    const counted = async (): Promise<number> => {
      const { stdout } = await onNode(lab, to, 'cat', '/proc/net/snmp');
      return Number(/^Udp: \d+ (\d+)/m.exec(stdout)?.[1]);
    };
    const before = await counted();
    await onNode(lab, from, 'bash', '-c', `for i in 1 2 3; do echo x > /dev/udp/${NODES[to]}/9; done`);
    return (await counted()) > before;
  }
});

describe('a partition of the control network', () => {
  it('cuts a node off the store, while the LAN carries on', async () => {
    const reaches = async (): Promise<boolean> =>
      (await onNode(lab, 'node-1', 'timeout', '2', 'bash', '-c', '</dev/tcp/172.30.1.2/4222')).code === 0;
    expect(await reaches()).toBe(true);
    const made = await makeFault(lab, 'partition', 'node-1', 'nats-1,controller-1', '--network', 'control');
    expect(await reaches()).toBe(false);
    expect(await hearsArp(lab, 'node-1', NODES['node-2'])).toBe(true);
    await heal(lab, made.id ?? '');
    await until('node-1 reaches the store', reaches);
  });
});

describe('a fault session', () => {
  it('heals what was made in it, and nothing else, when its process is killed', async () => {
    const lasting = await makeFault(lab, 'pause', 'announcer/node-1');
    const session = await holdSession(lab);
    const cut = await session.fault('partition', 'node-1 node-2', {});
    const killed = await session.fault('kill', 'node/node-3', {});
    expect((await faultsOf(lab)).map((f) => f.session)).toEqual(['', session.id, session.id]);
    expect(await hearsArp(lab, 'node-1', NODES['node-2'])).toBe(false);
    await session.kill();
    await gone(lab, cut.id);
    await gone(lab, killed.id);
    expect(await hearsArp(lab, 'node-1', NODES['node-2'])).toBe(true);
    expect((await faultsOf(lab)).map((f) => f.id)).toEqual([lasting.id]);
    await heal(lab);
    await until('all are back', async () => (await notReady()).length === 0);
  });

  it.runIf(IN_NAMESPACES)('takes the lab down as well where it was asked to', async () => {
    const other = await Lab.up(['--nodes', '1']);
    const session = await holdSession(other, { endLab: true });
    await session.fault('pause', 'announcer/node-1');
    await session.kill();
    await until('the lab is gone', async () => (await other.cli('status')).code !== 0);
    await other.down();
  });

  it.runIf(IN_NAMESPACES)('leaves no rule behind', async () => {
    expect(await faultsOf(lab)).toEqual([]);
    expect(await rulesOfFaults(lab)).toEqual([]);
    await makeFault(lab, 'partition', 'node-1', 'node-2');
    expect(await rulesOfFaults(lab)).toHaveLength(1);
    await heal(lab);
    expect(await rulesOfFaults(lab)).toEqual([]);
  });
});
