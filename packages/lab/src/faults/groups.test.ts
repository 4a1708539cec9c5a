import { describe, expect, it } from 'vitest';
import { planLab } from '../plan/plan.ts';
import { formatGroups, parseGroups } from './groups.ts';

const lab = planLab({ name: 'lab', driver: 'netns', profile: 'fast', nodes: 3, set: {} });

describe('parseGroups', () => {
  it.each([
    ['node-1,node-2 node-3', [['node-1', 'node-2'], ['node-3']]],
    ['node/node-1 client dns/2', [['node-1'], ['client-1'], ['dns-2']]],
    ['  node-1,  node-2,client-1 ', [['node-1'], ['node-2', 'client-1']]],
  ])('reads %s', (text, groups) => {
    expect(parseGroups(text, lab)).toEqual(groups);
  });

  it.each([
    ['node-1', /two groups or more/],
    ['', /two groups or more/],
    ['node-1 node-9', /"node-9" is not on the LAN: give some of dns-1, dns-2, node-1/],
    ['node-1 nats-1', /"nats-1" is not on the LAN/],
    ['node-1,node-2 node-2', /"node-2" is named twice/],
  ])('refuses %s', (text, message) => {
    expect(() => parseGroups(text, lab)).toThrow(message);
  });
});

it('formats groups', () => {
  expect(formatGroups([['node-1', 'node-2'], ['node-3']])).toBe('node-1,node-2 | node-3');
});
