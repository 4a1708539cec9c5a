/** Faults and programs on hosts: what the CLI passes on, what it refuses, and that a host that was lost comes back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, svclab, until } from './lab.ts';

describe('faults and hosts', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.up(['--nodes', '2']);
  });
  afterAll(() => lab?.down());

  it.each([
    {
      args: ['fault', 'kill', 'node/node-9'],
      says: /Target "node\/node-9" does not exist: give one of node\/node-1, node\/node-2/,
    },
    {
      args: ['fault', 'maim', 'node/node-1'],
      says: /Fault "maim" is not known: give one of kill, stop, pause, resume, restart/,
    },
    {
      args: ['fault', 'kill', 'owner/default/nothing'],
      says: /Service default\/nothing has no address that is announced/,
    },
    { args: ['fault', 'kill', 'pod/default/nothing'], says: /Pod default\/nothing runs on no node/ },
    { args: ['vip', 'default/nothing'], says: /Service "default\/nothing" has no announced address/ },
    {
      args: ['exec', 'node/node-9', '--', 'true'],
      says: /Host "node\/node-9" does not exist: give one of .*node\/node-1/,
    },
  ])('svclab $args', async ({ args, says }) => {
    const [command = '', ...rest] = args;
    const result = await lab.cli(command, ...rest);
    expect(result.stderr).toMatch(says);
    expect(result.code).toBe(2);
  });

  it('exec and client pass arguments, input, output and exit codes', async () => {
    expect(await lab.client('sh', '-c', 'echo "$0 $1"; echo talk >&2; exit 7', 'a b', 'c')).toEqual({
      code: 7,
      stdout: 'a b c\n',
      stderr: 'talk\n',
    });
    const echoed = await svclab(['client', ...lab.ref, '--', 'cat'], lab.stateDir, 'through\n');
    expect(echoed).toEqual({ code: 0, stdout: 'through\n', stderr: '' });
    expect((await lab.client('no-such-program')).code).toBe(127);
  });

  it('nothing leads out of the lab', async () => {
    // No neighbour answers for an outside address (7: no route to host, 28: nobody answered in time).
    // (A controller in a container has a way to the machine, by which its API is published; packets get no further address there.)
    const closed = ['node/node-1', 'dns/1', 'nats/1', 'client/1', ...(lab.driver === 'docker' ? [] : ['controller/1'])];
    for (const host of closed)
      expect([7, 28], host).toContain(
        (await lab.cli('exec', host, '--', 'curl', '-s', '-m', '2', 'http://198.51.100.1/')).code,
      );
    const links = await lab.ok('exec', 'node/node-1', '--', 'ip', '-br', 'link');
    expect(
      links
        .trim()
        .split('\n')
        .map((l) => l.split(/[@\s]/)[0])
        .sort(),
    ).toEqual(lab.driver === 'docker' ? ['eth0', 'eth1', 'lo', 'svclab-vxlan'] : ['ctl0', 'lan0', 'lo']);
  });

  it('a job left in the background does not hold up the program that started it', async () => {
    const result = await lab.client('sh', '-c', 'sleep 300 & echo started');
    expect(result).toEqual({ code: 0, stdout: 'started\n', stderr: '' });
  });

  it('a node that lost its power comes back as a member of the cluster', async () => {
    await lab.ok('fault', 'kill', 'node/node-2');
    const ready = async () =>
      lab.kube(['get', 'node', 'node-2', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}']);
    await until('node-2 is not Ready', async () => (await ready()) === 'Unknown');
    expect((await lab.cli('exec', 'node/node-2', '--', 'true')).stderr).toContain(
      'Host node-2 is down: bring it back with "svclab fault restart node/node-2"',
    );
    await lab.ok('fault', 'restart', 'node/node-2');
    await until('node-2 is Ready', async () => (await ready()) === 'True');
  });
});
