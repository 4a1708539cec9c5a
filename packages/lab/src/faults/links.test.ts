import { describe, expect, it } from 'vitest';
import { planLab } from '../plan/plan.ts';
import { containerEnds } from '../wire/lose.ts';
import { sending } from '../wire/shape.ts';
import { placeOf } from './links.ts';
import type { ResolvedTarget } from './target.ts';

const config = planLab({ name: 'lab', driver: 'netns', profile: 'fast', nodes: 2, set: {} });

describe('placeOf', () => {
  it.each<[ResolvedTarget, Record<string, string>, unknown]>([
    [{ kind: 'host', host: 'node-1' }, {}, { place: { host: 'node-1' }, network: 'lan', direction: 'both' }],
    [
      { kind: 'process', host: 'controller-1', component: 'controller' },
      { network: 'control', direction: 'to' },
      { place: { host: 'controller-1' }, network: 'control', direction: 'to' },
    ],
    [
      { kind: 'link', a: 'node-1', b: 'client-1' },
      { direction: 'from' },
      { place: { a: 'node-1', b: 'client-1' }, network: 'lan', direction: 'from' },
    ],
  ])('%j %j', (target, args, expected) => {
    expect(placeOf(target, args, { config })).toEqual(expected);
  });

  it.each<[ResolvedTarget, Record<string, string>, RegExp]>([
    [
      { kind: 'process', host: 'nats-1', component: 'nats-server' },
      {},
      /nats-1 is not on the LAN: give --network control/,
    ],
    [{ kind: 'link', a: 'node-1', b: 'client-1' }, { network: 'control' }, /client-1 is not on the control network/],
    [{ kind: 'groups', groups: [['node-1'], ['node-2']] }, {}, /node-1 \| node-2 has no link of its own/],
  ])('refuses %j %j', (target, args, message) => {
    expect(() => placeOf(target, args, { config })).toThrow(message);
  });
});

describe('in Docker', () => {
  it.each([
    [{ to: 'node-1' }, { host: 'node-1', way: 'in', peer: undefined }],
    [{ from: 'client-1' }, { host: 'client-1', way: 'out', peer: undefined }],
    [
      { from: 'dns-1', to: 'node-1' },
      { host: 'node-1', way: 'in', peer: 'dns-1' },
    ],
    [
      { from: 'node-1', to: 'dns-1' },
      { host: 'node-1', way: 'out', peer: 'dns-1' },
    ],
  ])('%j is touched on a container that may', (flow, end) => {
    expect(containerEnds([flow], { config })).toEqual([end]);
  });

  it('refuses what neither end may', () => {
    expect(() => containerEnds([{ from: 'dns-1', to: 'controller-1' }], { config })).toThrow(
      /dns-1 and controller-1 may not: give a link to one of them, .*or use the netns driver/,
    );
  });
});

describe('sending', () => {
  it.each([
    [{ to: 'node-1' }, 'lan', 'netns', { name: 'l-node-1' }],
    [{ from: 'client-1', to: 'node-1' }, 'lan', 'netns', { name: 'l-node-1', peer: { end: 'src', host: 'client-1' } }],
    [{ from: 'node-1' }, 'lan', 'netns', { where: 'node-1', name: 'own' }],
    [
      { from: 'node-1' },
      'control',
      'netns',
      { where: 'node-1', name: 'own', exempt: { end: 'dst', address: '02:73:76:63:00:02' } },
    ],
    [{ to: 'nats-1' }, 'control', 'netns', { name: 'c-nats-1', exempt: { end: 'src', address: '02:73:76:63:00:02' } }],
    [
      { from: 'node-1', to: 'client-1' },
      'lan',
      'docker',
      { where: 'node-1', name: 'own', peer: { end: 'dst', host: 'client-1' } },
    ],
  ] as const)('%j on the %s network (%s)', (flow, network, driver, expected) => {
    expect(sending(flow, network, driver, 'own')).toEqual({ where: undefined, ...expected });
  });
});
