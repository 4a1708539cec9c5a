import { describe, expect, it } from 'vitest';
import type { Namespace, Service, ServicePort, ServiceSpec } from '../../api/core.ts';
import type { StringMap } from '../../api/meta.ts';
import type { IPAddressPool } from '../../api/metallb.ts';
import { decideLoadBalancers, type LoadBalancerDecision } from './decide.ts';

interface ServiceOptions {
  readonly spec?: Partial<ServiceSpec>;
  readonly annotations?: StringMap;
  readonly labels?: StringMap;
  readonly namespace?: string;
  readonly ips?: readonly string[];
  /** Seconds after the first. */
  readonly age?: number;
}

const service = (name: string, options: ServiceOptions = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name,
    namespace: options.namespace ?? 'default',
    uid: `uid-${name}`,
    creationTimestamp: `2026-01-01T00:00:${String(options.age ?? 0).padStart(2, '0')}Z`,
    ...(options.annotations ? { annotations: options.annotations } : {}),
    ...(options.labels ? { labels: options.labels } : {}),
  },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ipFamilies: ['IPv4'], ...options.spec },
  status: { loadBalancer: options.ips ? { ingress: options.ips.map((ip) => ({ ip })) } : {} },
});

const pool = (
  name: string,
  addresses: readonly string[],
  spec: Partial<IPAddressPool['spec']> = {},
): IPAddressPool => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'IPAddressPool',
  metadata: { name, namespace: 'metallb-system' },
  spec: { addresses, ...spec },
});

const namespaces: readonly Namespace[] = ['default', 'shop'].map((name) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { team: name } },
}));

const ports = (...numbers: number[]): readonly ServicePort[] => numbers.map((port) => ({ name: `p${port}`, port }));

/** name -> addresses, pool, reasons of events. */
type Outcome = Readonly<Record<string, string>>;

function outcome(decision: LoadBalancerDecision): Outcome {
  return Object.fromEntries(
    decision.assignments.map((a) => [
      a.service.metadata.name,
      [a.ips.join(',') || '-', a.pool ?? '-', ...[...a.standing, ...a.events].map((e) => e.reason)].join(' '),
    ]),
  );
}

const decide = (
  services: readonly Service[],
  pools: readonly IPAddressPool[],
  known: ReadonlyMap<string, string> = new Map(),
): LoadBalancerDecision => decideLoadBalancers({ services, pools, namespaces, known });

const main = pool('main', ['10.0.0.0/24']);
const shared = { 'metallb.io/allow-shared-ip': 'k' };
const local = { externalTrafficPolicy: 'Local' as const };

interface Case {
  readonly name: string;
  readonly services: readonly Service[];
  readonly pools: readonly IPAddressPool[];
  readonly expected: Outcome;
}

/** Numbers are those of the conformance list of observable behaviours. */
const CASES: readonly Case[] = [
  {
    name: '1 without a pool a Service waits',
    services: [service('a')],
    pools: [],
    expected: { a: '- - AllocationFailed' },
  },
  {
    name: '2, 3 the first Service of a fresh pool gets its lowest address',
    services: [service('a')],
    pools: [main],
    expected: { a: '10.0.0.0 main IPAllocated' },
  },
  {
    name: '3 avoidBuggyIPs leaves .0 and .255 out',
    services: [service('a'), service('b')],
    pools: [pool('p', ['10.0.0.255-10.0.1.2'], { avoidBuggyIPs: true })],
    expected: { a: '10.0.1.1 p IPAllocated', b: '10.0.1.2 p IPAllocated' },
  },
  {
    name: '3 a Service that asks for a .0 that is avoided is refused',
    services: [service('a', { spec: { loadBalancerIP: '10.0.0.0' } })],
    pools: [pool('p', ['10.0.0.0/24'], { avoidBuggyIPs: true })],
    expected: { a: '- - AllocationFailed' },
  },
  {
    name: '4 ranges are used in the order listed, and each family from its own',
    services: [service('a'), service('b'), service('c', { spec: { ipFamilies: ['IPv6'] } })],
    pools: [pool('p', ['10.9.0.1-10.9.0.1', 'fd00::10-fd00::11', '10.0.0.8/31'])],
    expected: {
      a: '10.9.0.1 p IPAllocated',
      b: '10.0.0.8 p IPAllocated',
      c: 'fd00::10 p IPAllocated',
    },
  },
  {
    name: '4 a /32 serves one Service, the second is told so',
    services: [service('a'), service('b', { age: 1 })],
    pools: [pool('p', ['10.0.0.1/32'])],
    expected: { a: '10.0.0.1 p IPAllocated', b: '- - AllocationFailed' },
  },
  {
    name: '5 the address of a Service that changed its type goes to the one that waits',
    services: [service('a', { spec: { type: 'ClusterIP' }, ips: ['10.0.0.1'] }), service('b')],
    pools: [pool('p', ['10.0.0.1/32'])],
    expected: { a: '- -', b: '10.0.0.1 p IPAllocated' },
  },
  {
    name: '6 a pool without autoAssign is used only when asked for',
    services: [
      service('a'),
      service('b', { annotations: { 'metallb.io/address-pool': 'p' } }),
      service('c', { spec: { loadBalancerIP: '10.0.0.7' } }),
    ],
    pools: [pool('p', ['10.0.0.0/24'], { autoAssign: false })],
    expected: {
      a: '- - AllocationFailed',
      b: '10.0.0.0 p IPAllocated',
      c: '10.0.0.7 p IPAllocated',
    },
  },
  {
    name: '7 spec.loadBalancerIP in a pool is honoured, outside every pool refused',
    services: [
      service('a', { spec: { loadBalancerIP: '10.0.0.9' } }),
      service('b', { spec: { loadBalancerIP: '192.168.0.1' } }),
    ],
    pools: [main],
    expected: { a: '10.0.0.9 main IPAllocated', b: '- - AllocationFailed' },
  },
  {
    name: '8 addresses by annotation: one, both families, two of one family',
    services: [
      service('a', { annotations: { 'metallb.io/loadBalancerIPs': '10.0.0.9' } }),
      service('b', {
        spec: { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' },
        annotations: { 'metallb.io/loadBalancerIPs': '10.0.0.10, fd00::1' },
      }),
      service('c', { annotations: { 'metallb.io/loadBalancerIPs': '10.0.0.11,10.0.0.12' } }),
      service('d', { annotations: { 'metallb.io/loadBalancerIPs': 'fd00::2' } }),
      service('e', { annotations: { 'metallb.io/loadBalancerIPs': 'ten' } }),
    ],
    pools: [pool('p', ['10.0.0.0/24', 'fd00::/120'])],
    expected: {
      a: '10.0.0.9 p IPAllocated',
      b: '10.0.0.10,fd00::1 p IPAllocated',
      c: '- - LoadBalancerFailed',
      d: '- - LoadBalancerFailed',
      e: '- - LoadBalancerFailed',
    },
  },
  {
    name: '9 field and annotation together are an error',
    services: [
      service('a', { spec: { loadBalancerIP: '10.0.0.9' }, annotations: { 'metallb.io/loadBalancerIPs': '10.0.0.9' } }),
    ],
    pools: [main],
    expected: { a: '- - LoadBalancerFailed' },
  },
  {
    name: '10 address and pool must agree, and the pool must exist',
    services: [
      service('a', { spec: { loadBalancerIP: '10.0.0.9' }, annotations: { 'metallb.io/address-pool': 'other' } }),
      service('b', { annotations: { 'metallb.io/address-pool': 'nowhere' } }),
    ],
    pools: [main, pool('other', ['10.1.0.0/24'])],
    expected: { a: '- - AllocationFailed', b: '- - AllocationFailed' },
  },
  {
    name: '11 annotations with the old prefix work, with a warning; the new prefix wins',
    services: [
      service('a', { annotations: { 'metallb.universe.tf/address-pool': 'other' } }),
      service('b', {
        annotations: { 'metallb.universe.tf/address-pool': 'other', 'metallb.io/address-pool': 'main' },
      }),
    ],
    pools: [main, pool('other', ['10.1.0.0/24'])],
    expected: {
      a: '10.1.0.0 other deprecatedAnnotation IPAllocated',
      b: '10.0.0.0 main deprecatedAnnotation IPAllocated',
    },
  },
  {
    name: '12 another address asked for on a live Service replaces its address',
    services: [service('a', { ips: ['10.0.0.5'], spec: { loadBalancerIP: '10.0.0.9' } })],
    pools: [main],
    expected: { a: '10.0.0.9 main ClearAssignment IPAllocated' },
  },
  {
    name: '12 another pool asked for on a live Service replaces its address',
    services: [service('a', { ips: ['10.0.0.5'], annotations: { 'metallb.io/address-pool': 'other' } })],
    pools: [main, pool('other', ['10.1.0.0/24'])],
    expected: { a: '10.1.0.0 other ClearAssignment IPAllocated' },
  },
  {
    name: '13 scoped pools serve whom they are for, lower priority number first, then the next, then the unscoped',
    services: [
      service('a', { namespace: 'shop', age: 1 }),
      service('b', { namespace: 'shop', age: 2 }),
      service('c', { namespace: 'shop', age: 3 }),
      service('d', { age: 4 }),
      service('e', { age: 5, labels: { tier: 'gold' } }),
    ],
    pools: [
      main,
      pool('by-label', ['10.3.0.1/32'], {
        serviceAllocation: { serviceSelectors: [{ matchLabels: { tier: 'gold' } }] },
      }),
      pool('by-name', ['10.2.0.1/32'], { serviceAllocation: { priority: 20, namespaces: ['shop'] } }),
      pool('by-selector', ['10.1.0.1/32'], {
        serviceAllocation: { priority: 10, namespaceSelectors: [{ matchLabels: { team: 'shop' } }] },
      }),
    ],
    expected: {
      a: '10.1.0.1 by-selector IPAllocated',
      b: '10.2.0.1 by-name IPAllocated',
      c: '10.0.0.0 main IPAllocated',
      d: '10.0.0.1 main IPAllocated',
      e: '10.3.0.1 by-label IPAllocated',
    },
  },
  {
    name: '13 a pool that is not for the Service is refused even when asked for',
    services: [
      service('a', { annotations: { 'metallb.io/address-pool': 'p' } }),
      service('b', { spec: { loadBalancerIP: '10.0.0.1' } }),
    ],
    pools: [pool('p', ['10.0.0.0/24'], { serviceAllocation: { namespaces: ['shop'] } })],
    expected: { a: '- - AllocationFailed', b: '- - AllocationFailed' },
  },
  {
    name: '13 a scope of a priority alone is for everybody',
    services: [service('a')],
    pools: [main, pool('p', ['10.1.0.0/24'], { serviceAllocation: { priority: 1 } })],
    expected: { a: '10.1.0.0 p IPAllocated' },
  },
  {
    name: '14 sharing: the same key, other ports, policy Cluster',
    services: [
      service('a', { annotations: shared }),
      service('b', { annotations: shared, spec: { ports: ports(443), loadBalancerIP: '10.0.0.0' }, age: 1 }),
      service('c', {
        annotations: shared,
        spec: { ports: [{ port: 80, protocol: 'UDP' }], loadBalancerIP: '10.0.0.0' },
        age: 2,
      }),
    ],
    pools: [main],
    expected: { a: '10.0.0.0 main IPAllocated', b: '10.0.0.0 main IPAllocated', c: '10.0.0.0 main IPAllocated' },
  },
  {
    name: '15 no sharing: the same port, another key, no key, policies mixed, another selector with policy Local',
    services: [
      service('a', { annotations: shared, ips: ['10.0.0.0'] }),
      service('same-port', { annotations: shared, spec: { loadBalancerIP: '10.0.0.0' } }),
      service('other-key', {
        annotations: { 'metallb.io/allow-shared-ip': 'other' },
        spec: { ports: ports(81), loadBalancerIP: '10.0.0.0' },
      }),
      service('no-key', { spec: { ports: ports(82), loadBalancerIP: '10.0.0.0' } }),
      service('mixed', { annotations: shared, spec: { ports: ports(83), loadBalancerIP: '10.0.0.0', ...local } }),
    ],
    pools: [main],
    expected: {
      a: '10.0.0.0 main',
      'same-port': '- - AllocationFailed',
      'other-key': '- - AllocationFailed',
      'no-key': '- - AllocationFailed',
      mixed: '- - AllocationFailed',
    },
  },
  {
    name: '16 both Local with the same selector share',
    services: [
      service('a', { annotations: shared, ips: ['10.0.0.0'], spec: { ...local, selector: { app: 'x' } } }),
      service('b', {
        annotations: shared,
        ips: ['10.0.0.0'],
        spec: { ...local, selector: { app: 'x' }, ports: ports(443) },
      }),
    ],
    pools: [main],
    expected: { a: '10.0.0.0 main', b: '10.0.0.0 main' },
  },
  {
    name: '17 a Service with a class is nobody of ours',
    services: [service('a', { spec: { loadBalancerClass: 'example.com/other' } }), service('b')],
    pools: [main],
    expected: { b: '10.0.0.0 main IPAllocated' },
  },
  {
    name: '18 both families come from one pool',
    services: [service('a', { spec: { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' } })],
    pools: [pool('four', ['10.0.0.0/24']), pool('six', ['fd00::/120'])],
    expected: { a: '- - AllocationFailed' },
  },
  {
    name: '19 where one family will do, a pool of both is preferred, else the first family',
    services: [
      service('a', { spec: { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' } }),
      service('b', { spec: { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'PreferDualStack' }, age: 1 }),
    ],
    pools: [pool('both', ['10.1.0.1/32', 'fd01::1/128']), pool('a-four', ['10.0.0.0/24']), pool('six', ['fd00::/120'])],
    expected: { a: '10.1.0.1,fd01::1 both IPAllocated', b: 'fd00:: six IPAllocated' },
  },
  {
    name: '20 a controller that has just started changes nothing, whatever the order of age',
    services: [service('young', { ips: ['10.0.0.0'], age: 9 }), service('old', { age: 1 })],
    pools: [pool('p', ['10.0.0.0/31'])],
    expected: { young: '10.0.0.0 p', old: '10.0.0.1 p IPAllocated' },
  },
  {
    name: '20 when its pool goes, an address is taken from another, or taken away',
    services: [service('a', { ips: ['10.9.0.1'] }), service('b', { ips: ['10.9.0.2'], age: 1 })],
    pools: [pool('p', ['10.0.0.1/32'])],
    expected: { a: '10.0.0.1 p ClearAssignment IPAllocated', b: '- - AllocationFailed ClearAssignment' },
  },
];

describe('decideLoadBalancers', () => {
  it.each(CASES)('$name', ({ services, pools, expected }) => {
    expect(outcome(decide(services, pools))).toEqual(expected);
  });

  it('16 of two sharers the one that changed yields, and a second one with its own selector as well', () => {
    const before = [
      service('a', { annotations: shared, ips: ['10.0.0.0'] }),
      service('b', { annotations: shared, ips: ['10.0.0.0'], spec: { ports: ports(443) }, age: 1 }),
    ];
    const { known } = decide(before, [pool('p', ['10.0.0.0/32'])]);
    const [a, b] = before as [Service, Service];
    const changed = { ...a, spec: { ...a.spec, ...local } };
    expect(outcome(decide([changed, b], [pool('p', ['10.0.0.0/32'])], known))).toEqual({
      a: '- - AllocationFailed ClearAssignment',
      b: '10.0.0.0 p',
    });
  });

  it('takes addresses away before it gives any', () => {
    const services = [service('a'), service('b', { spec: { type: 'ClusterIP' }, ips: ['10.0.0.1'] })];
    const { assignments } = decide(services, [pool('p', ['10.0.0.1/32'])]);
    expect(assignments.map((a) => a.service.metadata.name)).toEqual(['b', 'a']);
  });

  it('21 counts what is given out and what is left, a shared address once', () => {
    const services = [
      service('a', { annotations: shared, ips: ['10.0.0.1'] }),
      service('b', { annotations: shared, ips: ['10.0.0.1'], spec: { ports: ports(443) } }),
    ];
    const avoiding = pool('p', ['10.0.0.0/23', 'fd00::/64'], { avoidBuggyIPs: true });
    expect(decide(services, [avoiding]).pools[0]?.status).toEqual({
      assignedIPv4: 1,
      assignedIPv6: 0,
      availableIPv4: 507,
      availableIPv6: 2 ** 64,
    });
  });

  it('words its events as MetalLB does', () => {
    const events = decide([service('a')], [main]).assignments.flatMap((a) => a.events.map((e) => e.message));
    expect(events).toEqual(['Assigned IP ["10.0.0.0"]']);
    const failed = decide([service('a'), service('b')], [pool('p', ['10.0.0.0/32'])]).assignments[1]?.standing;
    expect(failed?.map((e) => e.message)).toEqual(['Failed to allocate IP for "default/b": no available IPs']);
  });
});
