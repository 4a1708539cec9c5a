import type { Clock, HostSpec } from '@svclab/core';
import type { Vip } from '@svclab/wire';
import { describe, expect, it } from 'vitest';
import type { LabState } from '../plan/nodes.ts';
import { planLab } from '../plan/plan.ts';
import { createSecrets } from '../state/secrets.ts';
import { type NodeHosts, nodeChanges } from './node-changes.ts';

/** A clock whose timers fire at once, each moving time on. */
function quickClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    nowNs: () => BigInt(now) * 1_000_000n,
    wall: () => now,
    after: (ms, fn) => {
      now += ms;
      queueMicrotask(fn);
      return () => undefined;
    },
    every: () => () => undefined,
  };
}

const vip = (announcing: string[]): Vip => ({
  vip: '172.30.0.200',
  namespace: 'default',
  service: 'web',
  owner: announcing[0] ?? '',
  reason: '',
  sinceWallMs: 0n,
  next: [],
  announcing,
});

/** A driver that writes down what it was asked to do. `vips` are the answers to one question after the other; the last one stays. */
function driver(options: { nodes?: number; vips?: Vip[][]; boot?: (host: HostSpec) => void; outside?: boolean } = {}) {
  const lab = planLab({ name: 'lab', driver: 'netns', profile: 'fast', nodes: options.nodes ?? 3, set: {} });
  const done: string[] = [];
  const answers = [...(options.vips ?? [[]])];
  let state: LabState = { lab, secrets: createSecrets(lab) };
  const down = new Set<string>();
  const hosts: NodeHosts = {
    get state() {
      return state;
    },
    update(next) {
      state = next;
      done.push(`update ${names()}`);
    },
    ...(options.outside
      ? {}
      : {
          boot(host) {
            options.boot?.(host);
            done.push(`boot ${host.name} ${host.lanIP}`);
          },
        }),
    isUp: (host) => !down.has(host),
    async endProcess(host, component) {
      done.push(`end ${component}@${host}`);
    },
    async dismantle(host) {
      done.push(`dismantle ${host}`);
    },
  };
  const names = (): string =>
    state.lab.hosts
      .filter((h) => h.role === 'node')
      .map((h) => h.name.slice('node-'.length))
      .join('');
  const clock = quickClock();
  const asked: string[] = [];
  const calls = nodeChanges({
    hosts,
    clock,
    vips: {
      list: async (isAsked) => {
        asked.push(['node-1', 'node-2', 'node-3'].filter(isAsked).join(' '));
        return (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
      },
    },
    timeline: {
      stamp: (type, { attrs = {} } = {}) => {
        done.push(`${type} ${attrs.target}`);
        return { atNs: 0n, wallMs: 0, node: '', component: '', type, cause: '', attrs };
      },
    },
  });
  return { calls, done, down, asked, clock };
}
const context = {} as never;

describe('addNodes', () => {
  it('makes the change known before it makes the hosts', async () => {
    const { calls, done } = driver();
    expect(await calls.addNodes({ count: 2 }, context)).toMatchObject({
      nodes: [{ name: 'node-4', podCidr: '10.244.4.0/24' }, { name: 'node-5' }],
    });
    expect(done).toEqual([
      'update 12345',
      'node.added node-4',
      'node.added node-5',
      'boot node-4 172.30.0.14',
      'boot node-5 172.30.0.15',
    ]);
  });

  it('takes all back when one host cannot be made', async () => {
    const { calls, done } = driver({
      boot: (host) => {
        if (host.name === 'node-5') throw new Error('No space');
      },
    });
    await expect(calls.addNodes({ count: 2 }, context)).rejects.toThrow('No space');
    expect(done.slice(3)).toEqual([
      'boot node-4 172.30.0.14',
      'dismantle node-4',
      'update 1235',
      'dismantle node-5',
      'update 123',
    ]);
  });

  it('makes no host where hosts are made from outside', async () => {
    const { calls, done } = driver({ outside: true });
    await expect(calls.addNodes({ count: 1 }, context)).rejects.toThrow(/Hosts of this lab are made from outside/);
    expect(done).toEqual([]);
    await calls.prepareNodes({ count: 1 }, context);
    expect(done).toEqual(['update 1234', 'node.added node-4']);
  });
});

describe('leaveNode', () => {
  it('ends the other processes once somebody else announces what this node did', async () => {
    const taken = [vip(['node-3'])];
    const { asked, calls, done } = driver({ vips: [[vip(['node-2'])], [vip([])], [vip([])], taken] });
    expect(await calls.leaveNode({ name: 'node-2' }, context)).toEqual({ unmoved: [] });
    expect(done).toEqual(['end l2-announcer@node-2', 'end node-agent@node-2', 'end pod-host@node-2']);
    // The leaving one is asked what it announces, and not again once its announcer has ended.
    expect(asked).toEqual(['node-1 node-2 node-3', 'node-1 node-3', 'node-1 node-3', 'node-1 node-3']);
  });

  it.each([
    { what: 'a Service that lost its address meanwhile', vips: [[vip(['node-2'])], []] },
    { what: 'an address of another node', vips: [[vip(['node-1'])]] },
  ])('does not wait for $what', async ({ vips }) => {
    const { calls, clock } = driver({ vips });
    expect(await calls.leaveNode({ name: 'node-2' }, context)).toEqual({ unmoved: [] });
    expect(clock.now()).toBe(0);
  });

  it('goes on after a while, and tells, when nobody takes an address over', async () => {
    const { calls, done } = driver({ vips: [[vip(['node-2'])], [vip([])]] });
    expect(await calls.leaveNode({ name: 'node-2' }, context)).toEqual({ unmoved: ['172.30.0.200'] });
    expect(done).toContain('end pod-host@node-2');
  });

  it('has nothing to do on a host that is down', async () => {
    const { calls, done, down } = driver();
    down.add('node-2');
    expect(await calls.leaveNode({ name: 'node-2' }, context)).toEqual({ unmoved: [] });
    expect(done).toEqual([]);
  });
});

describe('removeNode', () => {
  it('ends the host, then forgets it', async () => {
    const { calls, done } = driver();
    await calls.removeNode({ name: 'node-2' }, context);
    expect(done).toEqual(['dismantle node-2', 'update 13', 'node.removed node-2']);
  });

  it.each([
    { call: 'removeNode', name: 'node-9', says: /Node "node-9" is not in this lab/ },
    { call: 'leaveNode', name: 'dns-1', says: /Node "dns-1" is not in this lab/ },
  ] as const)('$call refuses $name', async ({ call, name, says }) => {
    const { calls, done } = driver();
    await expect(calls[call]({ name }, context)).rejects.toThrow(says);
    expect(done).toEqual([]);
  });

  it('keeps the last one', async () => {
    const { calls, done } = driver({ nodes: 1 });
    await expect(calls.removeNode({ name: 'node-1' }, context)).rejects.toThrow(/the last one/);
    await expect(calls.leaveNode({ name: 'node-1' }, context)).rejects.toThrow(/the last one/);
    expect(done).toEqual([]);
  });
});
