import type { Node } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import { defaultRouteAddition, directRoutes, parseRoutes, routeAdditions, routeRemovals } from './routes.ts';

const node = (name: string, podCIDR: string, ip?: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: podCIDR ? { podCIDR } : {},
  status: { addresses: ip ? [{ type: 'InternalIP', address: ip }] : [] },
});

describe('pod routes', () => {
  it('lead over the LAN to every other node that has said where it is', () => {
    expect(
      directRoutes(
        [
          node('node-1', '10.244.1.0/24', '172.30.0.11'),
          node('node-2', '10.244.2.0/24', '172.30.0.12'),
          node('node-3', '10.244.3.0/24'),
          node('node-4', '', '172.30.0.14'),
        ],
        'node-1',
        'lan0',
      ),
    ).toEqual([{ to: '10.244.2.0/24', via: '172.30.0.12', dev: 'lan0', onlink: false }]);
  });

  const a = { to: '10.244.2.0/24', via: '172.30.0.12', dev: 'lan0', onlink: false };
  const b = { to: '10.244.3.0/24', via: '172.30.0.13', dev: 'lan0', onlink: false };
  it.each([
    { what: 'nothing', present: [a, b], wanted: [a, b], lines: [] },
    {
      what: 'a node that went, one that came',
      present: [a],
      wanted: [b],
      lines: ['route del 10.244.2.0/24 proto 201', 'route replace 10.244.3.0/24 via 172.30.0.13 dev lan0 proto 201'],
    },
    {
      what: 'another address',
      present: [a],
      wanted: [{ ...a, via: '172.30.0.99' }],
      lines: ['route replace 10.244.2.0/24 via 172.30.0.99 dev lan0 proto 201'],
    },
    {
      what: 'another interface',
      present: [a],
      wanted: [{ ...a, dev: 'eth1' }],
      lines: ['route replace 10.244.2.0/24 via 172.30.0.12 dev eth1 proto 201'],
    },
    {
      what: 'a next hop that no route leads to',
      present: [],
      wanted: [{ to: a.to, via: '10.244.2.0', dev: 'svclab-vxlan', onlink: true }],
      lines: ['route replace 10.244.2.0/24 via 10.244.2.0 dev svclab-vxlan onlink proto 201'],
    },
  ])('change only where they differ: $what', ({ present, wanted, lines }) => {
    expect([...routeRemovals(present, wanted), ...routeAdditions(present, wanted)]).toEqual(lines);
  });

  it('are read from what ip prints: those of the agent, and whether there is a default route', () => {
    const json = `[{"dst":"10.244.2.0/24","gateway":"172.30.0.12","dev":"lan0","protocol":"201","flags":[]},
      {"dst":"10.9.9.9","gateway":"10.9.9.1","dev":"svclab-vxlan","protocol":"201","flags":["onlink"]},
      {"dst":"10.8.0.0/16","gateway":"172.30.0.1","dev":"lan0","protocol":"static","flags":[]},
      {"dst":"172.30.0.0/24","dev":"lan0","protocol":"kernel","flags":[]}]`;
    const routes = parseRoutes(json);
    expect(routes).toEqual({
      hasDefault: false,
      pods: [a, { to: '10.9.9.9/32', via: '10.9.9.1', dev: 'svclab-vxlan', onlink: true }],
    });
    expect(defaultRouteAddition(routes, 'lan0')).toEqual(['route add default dev lan0 metric 4096 proto static']);
    const withDefault = parseRoutes('[{"dst":"default","dev":"eth0","protocol":"static","flags":[]}]');
    expect(defaultRouteAddition(withDefault, 'lan0')).toEqual([]);
    expect(parseRoutes('')).toEqual({ hasDefault: false, pods: [] });
  });
});
