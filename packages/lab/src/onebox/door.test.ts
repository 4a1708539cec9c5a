import type { Service } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import { doorOf, parseAuthority } from './door.ts';

const HOSTS = { client: 'client-1', nodes: [{ name: 'node-2', lanIP: '172.30.0.12' }] };

function service(spec: Record<string, unknown>, ingress: readonly string[] = []): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      clusterIP: '10.96.0.7',
      ports: [
        { name: 'http', port: 80 },
        { name: 'admin', port: 9000 },
      ],
      ...spec,
    },
    status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
  } as unknown as Service;
}

describe('doorOf', () => {
  it.each([
    ['the load balancer address first', service({}, ['172.30.0.200']), undefined, ['client-1', '172.30.0.200', 80]],
    ['a port by number', service({}, ['172.30.0.200']), '9000', ['client-1', '172.30.0.200', 9000]],
    ['a port by name', service({}, ['172.30.0.200']), 'admin', ['client-1', '172.30.0.200', 9000]],
    ['a node port next', service({ ports: [{ port: 80, nodePort: 30080 }] }), '80', ['client-1', '172.30.0.12', 30080]],
    ['the cluster IP, from a node', service({}), undefined, ['node-2', '10.96.0.7', 80]],
  ] as const)('takes %s', (_, object, port, [from, address, number]) => {
    expect(doorOf(object, port, HOSTS)).toEqual({ from, address, port: number });
  });

  it.each([
    ['an unknown port', service({}), '81', HOSTS, /shop\/web has no port 81: it has 80, 9000/],
    ['no ports', service({ ports: [] }), undefined, HOSTS, /has no port : it has none/],
    ['a headless Service', service({ clusterIP: 'None' }), undefined, HOSTS, /is headless/],
    ['no nodes', service({}), undefined, { client: 'client-1', nodes: [] }, /no node is up/],
  ] as const)('refuses %s', (_, object, port, hosts, message) => {
    expect(() => doorOf(object, port, hosts)).toThrow(message);
  });
});

describe('parseAuthority', () => {
  it.each([
    ['web', 'default', 'web', undefined],
    ['web:80', 'default', 'web', '80'],
    ['web.shop', 'shop', 'web', undefined],
    ['web.shop.svc:http', 'shop', 'web', 'http'],
    ['web.shop.svc.cluster.local:8080', 'shop', 'web', '8080'],
    ['web.shop.svc.cluster.local.', 'shop', 'web', undefined],
  ])('reads %s', (text, namespace, name, port) => {
    expect(parseAuthority(text, 'cluster.local')).toEqual({ namespace, name, port });
  });

  it.each(['172.30.0.200:80', 'a.b.c', 'www.example.com:443', '', ':80', 'Web'])('does not take %s', (text) => {
    expect(parseAuthority(text, 'cluster.local')).toBeUndefined();
  });
});
