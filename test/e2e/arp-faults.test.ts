/** Lost gratuitous ARP and slow ARP caches: what a client of an address that moves believes. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
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

/** An address that moves, and one that nothing is done to. */
const MOVING = '172.30.0.222';
const OTHER = '172.30.0.223';
/** Nobody's hardware address. */
const NOBODY = '02:00:00:00:00:99';

let lab: Lab;
/** Interfaces on the LAN and hardware addresses, by host. */
const devs: Record<string, string> = {};
const macs: Record<string, string> = {};
beforeAll(async () => {
  lab = await Lab.up();
  for (const host of [...(await lab.nodes()), 'client']) await learn(host);
});
afterAll(() => lab?.down());

/** Runs a program on a node, or on the client. */
const on = (host: string, ...command: string[]) =>
  host === 'client' ? lab.client(...command) : onNode(lab, host, ...command);

async function learn(host: string): Promise<void> {
  devs[host] = await lanInterface(lab, host);
  const { stdout } = await on(host, 'ip', '-br', 'link', 'show', devs[host] ?? '');
  macs[host] = /([0-9a-f]{2}(?::[0-9a-f]{2}){5})/.exec(stdout)?.[1] ?? '';
}

/** Gives a host an entry for an address. */
async function believe(host: string, address: string, mac: string): Promise<void> {
  const dev = devs[host] ?? '';
  const entry = `${address} dev ${dev}`;
  const script = `ip neigh del ${entry} 2> /dev/null; ip neigh replace ${entry} lladdr ${mac} nud stale`;
  const done = await on(host, 'sh', '-c', script);
  expect(done).toMatchObject({ code: 0 });
}

/** The hardware address a host has for an address. */
async function believes(host: string, address: string): Promise<string | undefined> {
  const { stdout } = await on(host, 'ip', '-4', 'neigh', 'show', address, 'dev', devs[host] ?? '');
  return /lladdr (\S+)/.exec(stdout)?.[1];
}

/** A node takes an address and says so, once as a request and once as an answer, both gratuitous. */
async function announce(node: string, address: string): Promise<void> {
  const dev = devs[node] ?? '';
  const say = (kind: string): string => `arping -q ${kind} -c 1 -I ${dev} -s ${address} ${address}`;
  const script = `ip addr add ${address}/32 dev ${dev}; ${say('-U')}; ${say('-A')}; ip addr del ${address}/32 dev ${dev}`;
  const done = await onNode(lab, node, 'sh', '-c', script);
  expect(done).toMatchObject({ code: 0, stderr: '' });
}

/** Whether a host changes its mind when a node announces an address. */
async function hears(host: string, node: string): Promise<boolean> {
  await believe(host, MOVING, NOBODY);
  await announce(node, MOVING);
  const now = await believes(host, MOVING);
  expect([NOBODY, macs[node]]).toContain(now);
  return now === macs[node];
}

/** Makes a fault that ends by itself, or with the process that made it, and waits for that. */
async function makeAndLose(end: 'its duration' | 'its session', verb: string, target: string): Promise<void> {
  if (end === 'its duration') return gone(lab, (await makeFault(lab, verb, target, '--duration', '500ms')).id);
  const session = await holdSession(lab);
  const { id } = await session.fault(verb, target);
  expect(await faultsOf(lab)).toMatchObject([{ id, verb }]);
  await session.kill();
  await gone(lab, id);
}

const ENDS = ['its duration', 'its session'] as const;

afterEach(() => heal(lab));

describe('gratuitous-arp-loss', () => {
  it('loses what a node announces and nothing else, until it is healed', async () => {
    expect(await hears('client', 'node-2')).toBe(true);
    await makeFault(lab, 'gratuitous-arp-loss', 'node/node-2');
    expect(await hears('client', 'node-2')).toBe(false);
    expect(await hears('node-1', 'node-2')).toBe(false);
    expect(await hears('client', 'node-3')).toBe(true);
    // What it asks and what it answers gets through.
    expect(await hearsArp(lab, 'client', '172.30.0.12')).toBe(true);
    expect(await hearsArp(lab, 'node-2', '172.30.0.13')).toBe(true);
    await heal(lab);
    expect(await hears('client', 'node-2')).toBe(true);
  });

  it.each(ENDS)('is gone with %s', async (end) => {
    await makeAndLose(end, 'gratuitous-arp-loss', 'node/node-2');
    expect(await hears('client', 'node-2')).toBe(true);
    if (lab.driver === 'netns') expect(await rulesOfFaults(lab)).toEqual([]);
  });

  it('of a client loses what it would hear, and nobody else', async () => {
    await makeFault(lab, 'gratuitous-arp-loss', 'client');
    expect(await hears('client', 'node-2')).toBe(false);
    expect(await hears('node-1', 'node-2')).toBe(true);
    expect(await hearsArp(lab, 'client', '172.30.0.12')).toBe(true);
  });

  it('stays with a node that is restarted', async () => {
    await makeFault(lab, 'gratuitous-arp-loss', 'node/node-2');
    await lab.ok('fault', 'restart', 'node/node-2');
    await learn('node-2');
    expect(await hears('client', 'node-2')).toBe(false);
    await heal(lab);
    expect(await hears('client', 'node-2')).toBe(true);
  });
});

describe('arp-cache', () => {
  beforeEach(async () => {
    await believe('client', MOVING, macs['node-2'] ?? '');
    await believe('client', OTHER, macs['node-2'] ?? '');
  });

  it('holds on to an entry whatever is announced, until it is healed', async () => {
    await makeFault(lab, 'arp-cache', 'client', '--address', MOVING);
    await announce('node-3', MOVING);
    await announce('node-3', OTHER);
    expect(await believes('client', MOVING)).toBe(macs['node-2']);
    expect(await believes('client', OTHER)).toBe(macs['node-3']);
    expect(await hears('node-1', 'node-3')).toBe(true);
    await heal(lab);
    // Forgotten, so that the next packet asks anew.
    expect(await believes('client', MOVING)).toBeUndefined();
    await believe('client', MOVING, NOBODY);
    await announce('node-3', MOVING);
    expect(await believes('client', MOVING)).toBe(macs['node-3']);
  });

  it.each(ENDS)('is gone with %s', async (end) => {
    await makeAndLose(end, 'arp-cache', 'client');
    expect(await believes('client', MOVING)).toBeUndefined();
    expect(await hears('client', 'node-3')).toBe(true);
  });

  it('holds on to all it knows when no address is given', async () => {
    await makeFault(lab, 'arp-cache', 'client');
    await announce('node-3', MOVING);
    await announce('node-3', OTHER);
    expect(await believes('client', MOVING)).toBe(macs['node-2']);
    expect(await believes('client', OTHER)).toBe(macs['node-2']);
  });

  it.each([
    [['--address', '172.30.0.250'], /has no ARP entry for 172\.30\.0\.250 to hold on to: it has .*172\.30\.0\.22/],
    [['--address', 'vip'], /Argument address of fault arp-cache is "vip": give IPv4 addresses/],
  ])('refuses %j', async (args, message) => {
    const refused = await lab.cli('fault', 'arp-cache', 'client', ...args);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(message);
    expect(await faultsOf(lab)).toEqual([]);
  });

  it('keeps a client in the dark after the address has moved', async () => {
    await lab.pool();
    const vip = await lab.web('web');
    const answers = async (): Promise<boolean> =>
      (await lab.client('curl', '-s', '-o', '/dev/null', '-m', '1', `http://${vip}/`)).code === 0;
    const before = await lab.owner('web');
    await makeFault(lab, 'arp-cache', 'client', '--address', vip);
    await makeFault(lab, 'kill', `node/${before}`);
    let owner = '';
    await until('another node announces', async () => {
      owner = await lab.owner('web');
      return owner !== before && owner !== '';
    });
    const other = (await lab.nodes()).find((node) => node !== before && node !== owner) ?? '';
    await until(`${other} is answered for the address`, () => hearsArp(lab, other, vip));
    expect(await answers()).toBe(false);
    await heal(lab, 'arp-cache');
    await until('the client reaches it', answers);
  });
});
