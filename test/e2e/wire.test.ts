/** Links that are impaired: what a datagram from the client feels, only where it should, and nothing any more after heal. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Datagrams, datagrams, type Echo, gaps, quantile, rtts, startEcho, throughput } from './echo.ts';
import { Lab, svclab, until } from './lab.ts';

const NODE_1 = '172.30.0.11';
const NODE_2 = '172.30.0.12';
const docker = process.env.SVCLAB_TEST_DRIVER === 'docker';

let lab: Lab;
let echoes: Echo[];
beforeAll(async () => {
  lab = await Lab.up(['--nodes', '2']);
  echoes = [await startEcho(lab, 'node-1'), await startEcho(lab, 'node-2')];
});
afterEach(async () => {
  await lab.ok('fault heal');
});
afterAll(async () => {
  for (const echo of echoes ?? []) await echo.close();
  await lab?.down();
});

/** Six standard deviations around the mean of a binomial distribution: two in a billion fall outside by chance. */
function binomial(n: number, p: number): readonly [low: number, high: number] {
  const margin = 6 * Math.sqrt(n * p * (1 - p));
  return [n * p - margin, n * p + margin];
}

/** Makes sure that the neighbours are known, so that no datagram waits for ARP. */
async function warm(...addresses: string[]): Promise<void> {
  for (const address of addresses) expect((await datagrams(lab, address, 5, 10)).replies).toHaveLength(5);
}

function expectLost(of: Datagrams, p: number): void {
  const [low, high] = binomial(of.sent, p);
  const lost = of.sent - of.replies.length;
  expect(lost).toBeGreaterThan(low);
  expect(lost).toBeLessThan(high);
}

const N = 1000;
/** A socket holds so many datagrams while its program waits for a CPU: none of them is lost for that. */
const ALL = 250;

describe('loss', () => {
  it.each([
    // Each way: a datagram and its answer must both pass.
    ['node/node-1', 'both', 1 - 0.7 ** 2, 0.3],
    ['node/node-1', 'to', 0.3, 0.3],
    ['node/node-1', 'from', 0.3, 0],
    ['link/node-1-client-1', 'to', 0.3, 0],
    ['link/node-1-client-1', 'from', 0.3, 0.3],
  ])('%s --direction %s loses its share, and of nobody else', async (target, direction, whole, before) => {
    await warm(NODE_1, NODE_2);
    await lab.ok('fault loss', target, '--percent', '30', '--direction', direction);
    const [hit, spared] = await Promise.all([datagrams(lab, NODE_1, N, 3), datagrams(lab, NODE_2, ALL, 12)]);
    expectLost(hit, whole);
    // How many reached the server tells the ways apart. The last answers may be lost, and with them the last counts.
    const [low, high] = binomial(N, before);
    expect(N - hit.served).toBeGreaterThanOrEqual(low);
    expect(N - hit.served).toBeLessThan(high + 40);
    expect(spared.replies).toHaveLength(ALL);
    await lab.ok('fault heal');
    expect((await datagrams(lab, NODE_1, ALL, 2)).replies).toHaveLength(ALL);
  });

  it('is over after its duration', async () => {
    await lab.ok('fault loss', 'node/node-1', '--percent', '100', '--duration', '1s');
    await until('it is healed', async () => JSON.parse(await lab.ok('fault list', '-o', 'json')).length === 0);
    await until('the client finds node-1 again', async () => (await datagrams(lab, NODE_1, 1, 1)).replies.length === 1);
    expect((await datagrams(lab, NODE_1, 100, 2)).replies).toHaveLength(100);
  });
});

describe.runIf(!docker)('delay', () => {
  it.each([
    ['node/node-1', 'both', 100],
    ['node/node-1', 'to', 50],
    ['link/node-1-client-1', 'from', 50],
  ])('%s --direction %s holds every datagram so long, and nobody else’s', async (target, direction, least) => {
    await warm(NODE_1, NODE_2);
    await lab.ok('fault delay', target, '--delay', '50ms', '--direction', direction);
    const [hit, spared] = await Promise.all([datagrams(lab, NODE_1, ALL, 5), datagrams(lab, NODE_2, ALL, 5)]);
    expect(hit.replies).toHaveLength(ALL);
    expect(Math.min(...rtts(hit))).toBeGreaterThanOrEqual(least);
    expect(quantile(rtts(hit))).toBeLessThan(least + 50);
    expect(spared.replies).toHaveLength(ALL);
    expect(quantile(rtts(spared))).toBeLessThan(50);
    await lab.ok('fault heal');
    expect(quantile(rtts(await datagrams(lab, NODE_1, ALL, 2)))).toBeLessThan(50);
  });

  it('scatters by the jitter and keeps the order, or not', async () => {
    await warm(NODE_1);
    const one = ['link/node-1-client-1', '--delay', '60ms', '--jitter', '40ms', '--direction', 'to'];
    await lab.ok('fault delay', ...one);
    const ordered = await datagrams(lab, NODE_1, 500, 5);
    await lab.ok('fault heal');
    await lab.ok('fault delay', ...one, '--reorder');
    const free = await datagrams(lab, NODE_1, 500, 5);
    const order = (of: Datagrams): number[] => of.replies.map(([i]) => i);
    for (const of of [ordered, free]) {
      expect(of.replies).toHaveLength(500);
      expect(Math.min(...rtts(of))).toBeGreaterThanOrEqual(20);
    }
    expect(order(ordered)).toEqual([...order(ordered)].sort((a, b) => a - b));
    expect(order(free)).not.toEqual([...order(free)].sort((a, b) => a - b));
    // Drawn evenly from 20 to 100 ms: a quarter is below 40 ms, a quarter above 80.
    const [low] = binomial(500, 0.25);
    expect(rtts(free).filter((rtt) => rtt > 80).length).toBeGreaterThan(low);
    expect(rtts(free).filter((rtt) => rtt < 45).length).toBeGreaterThan(low);
  });

  it('loses nothing when it begins, nor when it is healed', async () => {
    await warm(NODE_1);
    const through = await datagrams(lab, NODE_1, 2000, 4, async () => {
      for (let n = 0; n < 2; n++) {
        await lab.ok('fault delay', 'node/node-1', '--delay', '100ms');
        await lab.ok('fault heal');
      }
    });
    expect(Math.max(...rtts(through))).toBeGreaterThanOrEqual(200);
    expect(through.replies).toHaveLength(2000);
  });

  it('adds up with another', async () => {
    await warm(NODE_1);
    await lab.ok('fault delay', 'node/node-1', '--delay', '40ms');
    await lab.ok('fault delay', 'link/client-1-node-1', '--delay', '30ms', '--direction', 'to');
    expect(Math.min(...rtts(await datagrams(lab, NODE_1, 100, 5)))).toBeGreaterThanOrEqual(110);
    await lab.ok('fault heal', 'node/node-1');
    const left = rtts(await datagrams(lab, NODE_1, 100, 5));
    expect(Math.min(...left)).toBeGreaterThanOrEqual(30);
    expect(quantile(left)).toBeLessThan(80);
  });

  it('carries transfers, whose segments are larger than frames', async () => {
    await lab.ok('fault delay', 'node/node-1', '--delay', '5ms');
    expect(await throughput(lab, NODE_1, 20_000_000)).toBeGreaterThan(0);
  });

  it('lasts when the process that holds the frames is killed', async () => {
    await warm(NODE_1);
    await lab.ok('fault delay', 'node/node-1', '--delay', '50ms');
    // The programs of a lab see the lab's processes only.
    const find =
      'for p in $(ls /proc | grep "^[0-9]"); do if tr "\\0" " " < /proc/$p/cmdline | grep -q "^[^ ]*node .*/relay.js "; then echo $p; fi; done';
    const pids = async (): Promise<string[]> =>
      (await lab.ok('exec', 'node/node-1', '--', 'sh', '-c', find)).split('\n').filter((l) => l !== '');
    const before = await pids();
    expect(before).toHaveLength(1);
    await lab.ok('exec', 'node/node-1', '--', 'kill', '-9', ...before);
    await until('another holds frames', async () => {
      const replies = rtts(await datagrams(lab, NODE_1, 5, 5));
      return replies.length === 5 && Math.min(...replies) >= 100;
    });
    await lab.ok('fault heal');
    expect(await pids()).toEqual([]);
    expect((await datagrams(lab, NODE_1, 100, 2)).replies).toHaveLength(100);
  });

  it('acts on the control network when asked, and not on the LAN', async () => {
    await lab.ok('fault delay', 'controller/1', '--delay', '40ms', '--network', 'control');
    const asked = await lab.ok('exec', 'node/node-1', '--', 'arping', '-c', '2', '-I', 'ctl0', await controllerIP());
    const times = [...asked.matchAll(/ ([\d.]+)ms/g)].map(([, ms]) => Number(ms));
    expect(times.length).toBeGreaterThan(0);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(80);
    expect(quantile(rtts(await datagrams(lab, NODE_1, 100, 2)))).toBeLessThan(40);
  });
});

async function controllerIP(): Promise<string> {
  const { hosts } = JSON.parse(await lab.ok('status', '-o', 'json')) as {
    hosts: { name: string; control_ip: string }[];
  };
  return hosts.find((h) => h.name === 'controller-1')?.control_ip ?? '';
}

describe('rate', () => {
  it('is kept by a transfer, and only there', async () => {
    const RATE = 8e6;
    const BYTES = 3_000_000;
    const free = await throughput(lab, NODE_1, BYTES);
    await lab.ok('fault rate', 'node/node-1', '--rate', '8mbit', '--direction', 'from');
    const limited = await throughput(lab, NODE_1, BYTES);
    const other = await throughput(lab, NODE_2, BYTES);
    await lab.ok('fault heal');
    const healed = await throughput(lab, NODE_1, BYTES);
    expect(limited).toBeLessThanOrEqual(RATE * 1.05);
    expect(limited).toBeGreaterThan(RATE * 0.5);
    for (const full of [free, other, healed]) expect(full).toBeGreaterThan(limited * 2);
  });

  it('of a link is below that of the host, and the smallest holds', async () => {
    await lab.ok('fault rate', 'node/node-1', '--rate', '16mbit', '--direction', 'from');
    await lab.ok('fault rate', 'link/client-1-node-1', '--rate', '4mbit', '--direction', 'from');
    expect(await throughput(lab, NODE_1, 2_000_000)).toBeLessThanOrEqual(4e6 * 1.05);
    await lab.ok('fault heal', 'link/client-1-node-1');
    const left = await throughput(lab, NODE_1, 4_000_000);
    expect(left).toBeLessThanOrEqual(16e6 * 1.05);
    expect(left).toBeGreaterThan(4e6 * 1.2);
  });
});

describe.runIf(!docker)('several at once', () => {
  it('compose: loss, delay and rate of one host', async () => {
    await warm(NODE_1);
    await lab.ok('fault loss', 'node/node-1', '--percent', '20', '--direction', 'to');
    await lab.ok('fault delay', 'node/node-1', '--delay', '30ms');
    await lab.ok('fault rate', 'node/node-1', '--rate', '10mbit');
    const all = await datagrams(lab, NODE_1, N, 3);
    expectLost(all, 0.2);
    expect(Math.min(...rtts(all))).toBeGreaterThanOrEqual(60);
    await lab.ok('fault heal', 'loss');
    expect((await datagrams(lab, NODE_1, 100, 3)).replies).toHaveLength(100);
    expect(await throughput(lab, NODE_1, 2_000_000)).toBeLessThanOrEqual(10.5e6);
  });
});

describe('flap', () => {
  it.each([['node/node-1'], ['link/node-1-client-1']])(
    '%s is down and up and down, and up after heal',
    async (target) => {
      await warm(NODE_1, NODE_2);
      await lab.ok('fault flap', target, '--down', '500ms', '--up', '700ms');
      const [hit, spared] = await Promise.all([datagrams(lab, NODE_1, N, 5), datagrams(lab, NODE_2, ALL, 20)]);
      const cuts = gaps(hit).filter((g) => g.length >= 60);
      expect(cuts.length).toBeGreaterThanOrEqual(2);
      expect(hit.replies.length).toBeGreaterThan(N / 10);
      expect(spared.replies).toHaveLength(ALL);
      await lab.ok('fault heal');
      await until('node-1 answers', async () => (await datagrams(lab, NODE_1, 1, 1)).replies.length === 1);
      expect((await datagrams(lab, NODE_1, ALL, 2)).replies).toHaveLength(ALL);
    },
  );

  it.runIf(!docker)('takes the carrier of the host', async () => {
    await lab.ok('fault flap', 'node/node-2', '--down', '1s', '--up', '1s');
    const carrier = async (): Promise<boolean> =>
      !(await lab.ok('exec', 'node/node-2', '--', 'ip', 'link', 'show', 'lan0')).includes('NO-CARRIER');
    await until('it is down', async () => !(await carrier()));
    await until('it is up', carrier);
    await until('it is down again', async () => !(await carrier()));
    await lab.ok('fault heal');
    expect(await carrier()).toBe(true);
  });
});

describe.runIf(!docker)('a host that is restarted', () => {
  it.each([
    ['delay', ['--delay', '50ms'], async () => Math.min(...rtts(await datagrams(lab, NODE_2, 20, 5))) >= 100],
    ['loss', ['--percent', '100'], async () => (await datagrams(lab, NODE_2, 20, 5)).replies.length === 0],
    ['rate', ['--rate', '4mbit'], async () => (await throughput(lab, NODE_2, 1_000_000)) <= 4.2e6],
  ] as const)('stays under its %s', async (verb, args, holds) => {
    await lab.ok(`fault ${verb}`, 'node/node-2', ...args);
    await lab.ok('fault restart', 'node/node-2');
    await echoes[1]?.close();
    echoes[1] = await startEcho(lab, 'node-2');
    await until(`${verb} is back`, holds);
    await lab.ok('fault heal', verb);
    await until('node-2 answers', async () => (await datagrams(lab, NODE_2, 1, 1)).replies.length === 1);
    expect(await holds()).toBe(false);
  });
});

describe('refusals', () => {
  it.each([
    [['loss', 'node/node-1'], /needs argument "percent"/],
    [['loss', 'node/node-1', '--percent', '101'], /from 0 to 100/],
    [['loss', 'nats/1', '--percent', '5'], /nats-1 is not on the LAN: give --network control/],
    [['delay', 'node/node-1', '--delay', '50'], /duration with its unit/],
    [['delay', 'node/node-1', '--delay', '5ms', '--jitter', '6ms'], /Jitter of 6 ms is more than the delay of 5 ms/],
    [['rate', 'link/node-1-node-9', '--rate', '1mbit'], /is no link/],
    [['flap', 'node/node-1', '--down', '1s'], /needs argument "up"/],
  ])('%j', async (args, message) => {
    const refused = await lab.cli('fault', ...args);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(message);
    expect(JSON.parse(await lab.ok('fault list', '-o', 'json'))).toEqual([]);
  });
});

it.runIf(docker)('refuses delay in Docker where the kernel has no netem, and what nobody there can hold', async () => {
  const to = await lab.cli('fault delay', 'node/node-1', '--delay', '50ms', '--direction', 'to');
  expect(to).toMatchObject({ code: 2, stdout: '' });
  expect(to.stderr).toMatch(/give --direction from/);
  const { stdout } = await svclab(['doctor', '-o', 'json'], lab.stateDir);
  const from = await lab.cli('fault delay', 'node/node-1', '--delay', '50ms', '--direction', 'from');
  if (stdout.includes('netem (')) {
    expect(from).toMatchObject({ code: 0 });
    expect(Math.min(...rtts(await datagrams(lab, NODE_1, 50, 5)))).toBeGreaterThanOrEqual(50);
  } else {
    expect(from).toMatchObject({ code: 2, stdout: '' });
    expect(from.stderr).toMatch(/the kernel under Docker has no netem/);
    await warm(NODE_1);
  }
});

it('says the commands and does nothing when asked for a dry run', async () => {
  const plan = await lab.ok('fault loss', 'link/node-1-client-1', '--percent', '30', '--dry-run');
  expect(plan).toMatch(/numgen random mod 10000 < 3000 drop/);
  expect(JSON.parse(await lab.ok('fault list', '-o', 'json'))).toEqual([]);
  await warm(NODE_1);
});
