/** The node LAN in parts: no packet passes from one to the other, whatever is restarted, until it is healed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, until } from './lab.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.up();
});
afterAll(() => lab?.down());

/** Whether a node reaches an address of the LAN: asks who has it, five times at most. */
async function reaches(node: string, address: string): Promise<boolean> {
  const asked = await lab.cli(
    'exec',
    `node/${node}`,
    '--',
    'arping',
    '-q',
    '-f',
    '-c',
    '5',
    '-w',
    '5',
    '-I',
    'lan0',
    address,
  );
  if (asked.code > 1) throw new Error(`arping exits ${asked.code}: ${asked.stderr}`);
  return asked.code === 0;
}

describe.runIf(process.env.SVCLAB_TEST_DRIVER !== 'docker')('a partition', () => {
  it('lies between its groups, not within, and not around hosts that are in none', async () => {
    await lab.ok('fault', 'partition', 'node-1', 'node-2,node-3');
    expect(await reaches('node-1', '172.30.0.12')).toBe(false);
    expect(await reaches('node-3', '172.30.0.11')).toBe(false);
    expect(await reaches('node-2', '172.30.0.13')).toBe(true);
    expect(await reaches('node-1', '172.30.0.101')).toBe(true);
    expect(await reaches('node-2', '172.30.0.101')).toBe(true);
  });

  it('splits the announcers: either side has an owner', async () => {
    await lab.pool();
    await lab.web('web');
    await until('both sides announce', async () => {
      const [vip] = JSON.parse(await lab.ok('vip', 'web', '-o', 'json')) as { announcing: string[] }[];
      return vip?.announcing.includes('node-1') === true && vip.announcing.length === 2;
    });
  });

  it('holds for a node that comes back', async () => {
    await lab.ok('fault', 'restart', 'node/node-1');
    await until('node-1 reaches the client', () => reaches('node-1', '172.30.0.101'));
    expect(await reaches('node-1', '172.30.0.12')).toBe(false);
  });

  it('gives way to another, and to none', async () => {
    await lab.ok('fault', 'partition', 'node-2', 'client');
    expect(await reaches('node-1', '172.30.0.12')).toBe(true);
    expect(await reaches('node-2', '172.30.0.101')).toBe(false);
    const healed = JSON.parse(await lab.ok('fault', 'heal', '-o', 'json')) as { resolved: string };
    expect(healed.resolved).toBe('node-2 | client-1');
    expect(await reaches('node-2', '172.30.0.101')).toBe(true);
    expect(await lab.cli('fault', 'heal')).toMatchObject({ code: 0 });
    await until('one node announces', async () => {
      const [vip] = JSON.parse(await lab.ok('vip', 'web', '-o', 'json')) as { announcing: string[] }[];
      return vip?.announcing.length === 1;
    });
  });

  it.each([
    [['node-1'], /two groups or more/],
    [['node-1', 'nats-1'], /"nats-1" is not on the LAN/],
    [['node-1', 'node-1,node-2'], /"node-1" is named twice/],
  ])('refuses %j', async (groups, message) => {
    const refused = await lab.cli('fault', 'partition', ...groups);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(message);
  });
});

it.runIf(process.env.SVCLAB_TEST_DRIVER === 'docker')(
  'is refused in Docker where neither side may be changed, with what to do instead',
  async () => {
    const refused = await lab.cli('fault', 'partition', 'dns-1', 'dns-2');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/only nodes and clients.*docker network disconnect/);
  },
);
