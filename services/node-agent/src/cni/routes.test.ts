import type { Node } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import { parseRoutes, routeChanges, wantedRoutes } from './routes.ts';

const node = (name: string, podCIDR: string, ip?: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: podCIDR ? { podCIDR } : {},
  status: { addresses: ip ? [{ type: 'InternalIP', address: ip }] : [] },
});

describe('pod routes', () => {
  it('lead to every other node that has said where it is', () => {
    expect(
      wantedRoutes(
        [
          node('node-1', '10.244.1.0/24', '172.30.0.11'),
          node('node-2', '10.244.2.0/24', '172.30.0.12'),
          node('node-3', '10.244.3.0/24'),
          node('node-4', '', '172.30.0.14'),
        ],
        'node-1',
      ),
    ).toEqual([{ to: '10.244.2.0/24', via: '172.30.0.12' }]);
  });

  it('change only where they differ', () => {
    const a = { to: '10.244.2.0/24', via: '172.30.0.12' };
    const b = { to: '10.244.3.0/24', via: '172.30.0.13' };
    expect(routeChanges([a, b], [a, b])).toEqual([]);
    expect(routeChanges([a], [b])).toEqual([
      'route del 10.244.2.0/24 proto 201',
      'route replace 10.244.3.0/24 via 172.30.0.13 proto 201',
    ]);
    expect(routeChanges([a], [{ ...a, via: '172.30.0.99' }])).toEqual([
      'route replace 10.244.2.0/24 via 172.30.0.99 proto 201',
    ]);
  });

  it('are read from what ip prints', () => {
    const json =
      '[{"dst":"10.244.2.0/24","gateway":"172.30.0.12","dev":"lan0","flags":[]},{"dst":"10.9.9.9","gateway":"172.30.0.1"}]';
    expect(parseRoutes(json)).toEqual([
      { to: '10.244.2.0/24', via: '172.30.0.12' },
      { to: '10.9.9.9/32', via: '172.30.0.1' },
    ]);
    expect(parseRoutes('')).toEqual([]);
  });
});
