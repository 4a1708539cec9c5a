import { describe, expect, it } from 'vitest';
import { createBusUsers, createSecrets } from '../state/secrets.ts';
import { type LabState, requireRemovable, withNodes, withNodesOf, withoutNode } from './nodes.ts';
import { planLab } from './plan.ts';

const plan = (nodes: number) =>
  planLab({ name: 'lab', driver: 'netns', profile: 'fast', nodes, set: {}, lan: '172.31.0', control: '172.31.1' });
const state = (nodes = 3): LabState => {
  const lab = plan(nodes);
  return { lab, secrets: createSecrets(lab) };
};
const names = ({ lab }: Pick<LabState, 'lab'>): string =>
  lab.hosts
    .filter((h) => h.role === 'node')
    .map((h) => h.name)
    .join(' ');
const usersOf = ({ secrets }: LabState, host: string): string[] =>
  secrets.busUsers.filter((u) => u.host === host).map((u) => u.user);

describe('withNodes', () => {
  it('gives the next numbers, their addresses in the networks of the lab, and users of their own', () => {
    const before = state();
    const after = withNodes(before, 2, createBusUsers);
    expect(after.added).toEqual([
      { name: 'node-4', role: 'node', lanIP: '172.31.0.14', controlIP: '172.31.1.14', podCIDR: '10.244.4.0/24' },
      { name: 'node-5', role: 'node', lanIP: '172.31.0.15', controlIP: '172.31.1.15', podCIDR: '10.244.5.0/24' },
    ]);
    expect(names(after)).toBe('node-1 node-2 node-3 node-4 node-5');
    expect(after.lab.hosts.at(-1)?.name).toBe('client-1');
    expect(usersOf(after, 'node-4')).toEqual(['pod-host@node-4', 'l2-announcer@node-4', 'node-agent@node-4']);
    // What others log in with stays, so that nobody is cut off.
    expect(after.secrets.busUsers.slice(0, before.secrets.busUsers.length)).toEqual(before.secrets.busUsers);
    expect(new Set(after.secrets.busUsers.map((u) => u.password)).size).toBe(after.secrets.busUsers.length);
    expect(names(before)).toBe('node-1 node-2 node-3');
  });

  it('never gives a number twice', () => {
    let now = withoutNode(state(), 'node-3');
    now = withoutNode(withNodes(now, 1, createBusUsers), 'node-4');
    now = withoutNode(now, 'node-1');
    now = withNodes(now, 1, createBusUsers);
    expect(names(now)).toBe('node-2 node-5');
  });

  it.each([
    {
      what: 'more than there are numbers',
      nodes: 89,
      count: 2,
      says: /2 nodes cannot be added: 89 of 90 node numbers/,
    },
    { what: 'one when all are used', nodes: 90, count: 1, says: /A node cannot be added: 90 of 90 node numbers/ },
    { what: 'none', nodes: 3, count: 0, says: /Number of nodes to add 0 cannot be used: give a whole number from 1/ },
    { what: 'half a node', nodes: 3, count: 1.5, says: /1\.5 cannot be used/ },
  ])('refuses $what', ({ nodes, count, says }) => {
    expect(() => withNodes(state(nodes), count, createBusUsers)).toThrow(says);
  });

  it('counts numbers of removed nodes as used', () => {
    const now = withoutNode(state(90), 'node-90');
    expect(() => withNodes(now, 1, createBusUsers)).toThrow(/90 of 90 node numbers/);
  });
});

describe('withoutNode', () => {
  it('takes the node and its users', () => {
    const before = state();
    const after = withoutNode(before, 'node-2');
    expect(names(after)).toBe('node-1 node-3');
    expect(usersOf(after, 'node-2')).toEqual([]);
    expect(after.secrets.busUsers).toHaveLength(before.secrets.busUsers.length - 3);
    expect(after.secrets.token).toBe(before.secrets.token);
  });

  it.each([
    { name: 'node-9', says: /Node "node-9" is not in this lab: give one of node-1, node-2/ },
    { name: 'client-1', says: /Node "client-1" is not in this lab/ },
  ])('refuses $name', ({ name, says }) => {
    expect(() => withoutNode(state(2), name)).toThrow(says);
  });

  it('refuses the last one', () => {
    expect(() => withoutNode(state(1), 'node-1')).toThrow(/Node node-1 is the last one and stays/);
  });

  it('does not count those on their way out as left', () => {
    const nodes = ['node-1', 'node-2'];
    expect(() => requireRemovable(nodes, 'node-1', new Set(['node-2']))).toThrow(/the last one/);
    expect(() => requireRemovable(nodes, 'node-2', new Set(['node-2']))).not.toThrow();
  });
});

describe('withNodesOf', () => {
  it('is the plan when there was no lab before, or one on other networks', () => {
    const planned = plan(3);
    expect(withNodesOf(planned, undefined)).toBe(planned);
    expect(withNodesOf(planned, { ...planned, lanCIDR: '172.30.0.0/24' })).toBe(planned);
  });

  it('keeps added nodes, lets removed ones be gone, and makes planned ones that never were', () => {
    const before = withoutNode(withNodes(state(), 1, createBusUsers), 'node-2').lab;
    expect(names({ lab: withNodesOf(plan(3), before) })).toBe('node-1 node-3 node-4');
    expect(names({ lab: withNodesOf(plan(6), before) })).toBe('node-1 node-3 node-4 node-5 node-6');
    const shrunk = withoutNode({ lab: before, secrets: createSecrets(before) }, 'node-4').lab;
    expect(names({ lab: withNodesOf(plan(4), shrunk) })).toBe('node-1 node-3');
  });
});
