import { describe, expect, it } from 'vitest';
import type { Node, Service } from '../api/core.ts';
import type { EndpointSlice } from '../api/discovery.ts';
import { type ElectionInput, elect, electionOrder } from './election.ts';
import { sha256 } from './sha256.ts';

describe('sha256', () => {
  const hex = (text: string) => [...sha256(text)].map((b) => b.toString(16).padStart(2, '0')).join('');
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
  ])('%s', (text, expected) => {
    expect(hex(text)).toBe(expected);
  });
});

describe('electionOrder', () => {
  const abc = ['node-a', 'node-b', 'node-c'];
  it.each([
    [abc, '10.0.0.1', ['node-b', 'node-a', 'node-c']],
    [abc, '10.0.0.2', ['node-b', 'node-c', 'node-a']],
    [['iris1', 'iris2'], '10.20.30.1', ['iris2', 'iris1']],
    [['iris1', 'iris2'], '10.20.30.2', ['iris1', 'iris2']],
    [abc, '192.168.100.10', ['node-a', 'node-c', 'node-b']],
    [abc, '192.168.100.11', ['node-a', 'node-b', 'node-c']],
    [abc, '192.168.100.12', ['node-b', 'node-a', 'node-c']],
    [abc, '192.168.100.13', ['node-b', 'node-a', 'node-c']],
    [abc, 'fc00:f853:ccd:e799::10', ['node-b', 'node-a', 'node-c']],
    [
      ['kind-worker', 'kind-worker2', 'kind-worker3'],
      '172.18.255.200',
      ['kind-worker2', 'kind-worker', 'kind-worker3'],
    ],
  ])('%j %s', (nodes, ip, order) => {
    expect(electionOrder(nodes, ip, sha256)).toEqual(order);
    expect(electionOrder([...nodes].reverse(), ip, sha256)).toEqual(order);
  });
});

const service = (change: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'default', name: 'web', annotations: { 'metallb.io/ip-allocated-from-pool': 'pool' } },
  spec: { type: 'LoadBalancer', ...change },
  status: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } },
});
const slice = (...endpoints: EndpointSlice['endpoints']): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace: 'default', name: 'web-1' },
  addressType: 'IPv4',
  endpoints,
});
const node = (
  name: string,
  change: { labels?: Record<string, string>; conditions?: [string, 'True' | 'False'][]; unschedulable?: boolean } = {},
): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: change.labels ?? {} },
  spec: { unschedulable: change.unschedulable ?? false },
  status: { conditions: (change.conditions ?? []).map(([type, status]) => ({ type, status })) },
});
const ready = (nodeName: string) => ({ addresses: ['10.244.1.2'], nodeName, conditions: { ready: true } });

function input(change: Partial<ElectionInput> = {}): ElectionInput {
  return {
    self: 'node-b',
    service: service(),
    slices: [slice(ready('node-a'))],
    nodes: new Map(['node-a', 'node-b', 'node-c'].map((n) => [n, node(n)])),
    pools: [
      {
        apiVersion: 'metallb.io/v1beta1',
        kind: 'IPAddressPool',
        metadata: { name: 'pool', labels: { zone: 'x' } },
        spec: { addresses: ['10.0.0.0/24'] },
      },
    ],
    advertisements: [{ apiVersion: 'metallb.io/v1beta1', kind: 'L2Advertisement', metadata: { name: 'all' } }],
    members: ['node-a', 'node-b', 'node-c'],
    sha256,
    ...change,
  };
}
const nodes = (...changed: Node[]) =>
  new Map([...input().nodes, ...changed.map((n): [string, Node] => [n.metadata.name, n])]);
const ad = (spec: Record<string, unknown>) => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'L2Advertisement',
  metadata: { name: 'ad' },
  spec,
});

describe('elect', () => {
  const cases: { rule: string; change: Partial<ElectionInput>; owner: string; reason: string }[] = [
    { rule: 'the lowest hash wins', change: {}, owner: 'node-b', reason: 'won-election' },
    { rule: 'others know that they lost', change: { self: 'node-a' }, owner: 'node-b', reason: 'lost-election' },
    {
      rule: 'a node that is no member is no candidate',
      change: { members: ['node-a', 'node-c'] },
      owner: 'node-a',
      reason: 'lost-election',
    },
    { rule: 'no endpoint, nobody', change: { slices: [] }, owner: '', reason: 'no-endpoints' },
    {
      rule: 'an endpoint that is not ready does not count',
      change: { slices: [slice({ ...ready('node-a'), conditions: { ready: false } })] },
      owner: '',
      reason: 'no-endpoints',
    },
    {
      rule: 'one that terminates but serves counts',
      change: {
        slices: [slice({ ...ready('node-a'), conditions: { ready: false, serving: true, terminating: true } })],
      },
      owner: 'node-b',
      reason: 'won-election',
    },
    {
      rule: 'absent conditions are ready',
      change: { slices: [slice({ addresses: ['1.1.1.1'], nodeName: 'node-a' })] },
      owner: 'node-b',
      reason: 'won-election',
    },
    {
      rule: 'policy Local keeps nodes with an endpoint',
      change: { service: service({ externalTrafficPolicy: 'Local' }) },
      owner: 'node-a',
      reason: 'lost-election',
    },
    {
      rule: 'policy Local without a member that has one: nobody',
      change: { service: service({ externalTrafficPolicy: 'Local' }), members: ['node-b'] },
      owner: '',
      reason: 'no-candidate',
    },
    {
      rule: 'NetworkUnavailable takes a node out',
      change: { nodes: nodes(node('node-b', { conditions: [['NetworkUnavailable', 'True']] })) },
      owner: 'node-a',
      reason: 'lost-election',
    },
    {
      rule: 'the exclude label takes a node out',
      change: {
        nodes: nodes(node('node-b', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } })),
      },
      owner: 'node-a',
      reason: 'lost-election',
    },
    {
      rule: 'cordon and NotReady do not',
      change: { nodes: nodes(node('node-b', { unschedulable: true, conditions: [['Ready', 'False']] })) },
      owner: 'node-b',
      reason: 'won-election',
    },
    { rule: 'no advertisement, nobody', change: { advertisements: [] }, owner: '', reason: 'no-advertisement' },
    {
      rule: 'an advertisement of another pool does not count',
      change: { advertisements: [ad({ ipAddressPools: ['other'] })] },
      owner: '',
      reason: 'no-advertisement',
    },
    {
      rule: 'one that selects the pool by label does',
      change: { advertisements: [ad({ ipAddressPoolSelectors: [{ matchLabels: { zone: 'x' } }] })] },
      owner: 'node-b',
      reason: 'won-election',
    },
    {
      rule: 'node selectors limit the candidates',
      change: {
        advertisements: [ad({ nodeSelectors: [{ matchLabels: { rack: '1' } }] })],
        nodes: nodes(node('node-c', { labels: { rack: '1' } })),
      },
      owner: 'node-c',
      reason: 'lost-election',
    },
    {
      rule: 'two advertisements are a union',
      change: {
        advertisements: [
          ad({ nodeSelectors: [{ matchLabels: { rack: '1' } }] }),
          ad({ nodeSelectors: [{ matchLabels: { rack: '2' } }] }),
        ],
        nodes: nodes(node('node-c', { labels: { rack: '1' } }), node('node-a', { labels: { rack: '2' } })),
      },
      owner: 'node-a',
      reason: 'lost-election',
    },
    {
      rule: 'service selectors',
      change: { advertisements: [ad({ serviceSelectors: [{ matchLabels: { tier: 'x' } }] })] },
      owner: '',
      reason: 'no-advertisement',
    },
    { rule: 'a pool that is gone', change: { pools: [] }, owner: '', reason: 'no-pool' },
  ];
  it.each(cases)('$rule', ({ change, owner, reason }) => {
    const [verdict] = elect(input(change));
    expect(verdict).toMatchObject({ owner, reason, vip: '10.0.0.1' });
    expect(verdict?.order[0] ?? '').toBe(owner);
  });

  it('gives all addresses of a Service the owner of the first', () => {
    const dual: Service = {
      ...service(),
      status: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }, { ip: 'fc00::1' }] } },
    };
    expect(elect(input({ service: dual })).map((v) => `${v.vip} ${v.owner}`)).toEqual([
      '10.0.0.1 node-b',
      'fc00::1 node-b',
    ]);
  });

  it.each([
    ['no advertisement names one', [ad({})], []],
    ['all name some', [ad({ interfaces: ['eth1'] }), ad({ interfaces: ['eth0'] })], ['eth0', 'eth1']],
    ['one names none', [ad({ interfaces: ['eth1'] }), ad({})], []],
  ])('interfaces: %s', (_, advertisements, interfaces) => {
    expect(elect(input({ advertisements }))[0]?.interfaces).toEqual(interfaces);
  });

  it('has nothing to say of a Service without an address or of another type', () => {
    expect(elect(input({ service: { ...service(), status: {} } }))).toEqual([]);
    expect(elect(input({ service: service({ type: 'ClusterIP' }) }))).toEqual([]);
    expect(elect(input({ service: service({ loadBalancerClass: 'example.com/other' }) }))).toEqual([]);
  });
});
