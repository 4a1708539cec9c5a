import type { Node } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import type { Interface } from './interfaces.ts';
import {
  deviceChanges,
  deviceMac,
  forwardingChanges,
  neighbourChanges,
  parseForwarding,
  parseNeighbours,
  podMtu,
  type VxlanPeer,
  vxlanPeers,
  vxlanRoute,
} from './vxlan.ts';

const PEER: VxlanPeer = {
  podCIDR: '10.244.2.0/24',
  address: '10.244.2.0',
  mac: '02:00:ac:1e:00:0c',
  lanIP: '172.30.0.12',
};
const OTHER: VxlanPeer = {
  podCIDR: '10.244.3.0/24',
  address: '10.244.3.0',
  mac: '02:00:ac:1e:00:0d',
  lanIP: '172.30.0.13',
};

describe('MTU of the pods', () => {
  it.each<['direct' | 'vxlan', number, number]>([
    ['direct', 1500, 1500],
    ['direct', 9000, 9000],
    ['vxlan', 1500, 1450],
    ['vxlan', 1549, 1499],
    ['vxlan', 1550, 1500],
    ['vxlan', 9000, 1500],
  ])('%s on a LAN of %i: %i', (network, lan, expected) => {
    expect(podMtu(network, lan)).toBe(expected);
  });
});

describe('peers', () => {
  const node = (name: string, podCIDR: string | undefined, ip?: string): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: podCIDR ? { podCIDR } : {},
    status: { addresses: ip ? [{ type: 'InternalIP', address: ip }] : [] },
  });

  it('are the other nodes that have said where they are', () => {
    const nodes = [
      node('node-1', '10.244.1.0/24', '172.30.0.11'),
      node('node-2', '10.244.2.0/24', '172.30.0.12'),
      node('node-3', '10.244.3.0/24'),
      node('node-4', undefined, '172.30.0.14'),
    ];
    expect(vxlanPeers(nodes, 'node-1')).toEqual([PEER]);
    expect(vxlanRoute(PEER)).toEqual({
      to: '10.244.2.0/24',
      via: '10.244.2.0',
      dev: 'svclab-vxlan',
      onlink: true,
    });
    expect(deviceMac('10.1.200.255')).toBe('02:00:0a:01:c8:ff');
  });
});

describe('the device', () => {
  const lan = { name: 'eth1', index: 7, mac: '', mtu: 1500, up: true, addresses: [] };
  const self = { lanIP: '172.30.0.11', podCIDR: '10.244.1.0/24' };
  const right: Interface = {
    name: 'svclab-vxlan',
    index: 9,
    mac: '02:00:ac:1e:00:0b',
    mtu: 1450,
    up: true,
    addresses: [{ address: '10.244.1.0', prefix: 32 }],
    vxlan: { id: 1, local: '172.30.0.11', link: 'eth1', port: 4789, learning: false },
  };
  const make = [
    'link add svclab-vxlan address 02:00:ac:1e:00:0b mtu 1450 type vxlan id 1 local 172.30.0.11 dev eth1 dstport 4789 nolearning',
    'addr add 10.244.1.0/32 dev svclab-vxlan',
    'link set svclab-vxlan up',
  ];
  const { vxlan: _, ...noVxlan } = right;

  it.each<[string, Interface | undefined, string[]]>([
    ['is made', undefined, make],
    ['is left alone when it is right', right, []],
    ...(
      [{ id: 2 }, { local: '172.30.0.99' }, { link: 'eth0' }, { port: 8472 }, { learning: true }] satisfies Partial<
        NonNullable<Interface['vxlan']>
      >[]
    ).map((change): [string, Interface, string[]] => [
      `is made anew for ${JSON.stringify(change)}`,
      { ...right, vxlan: { id: 1, local: '172.30.0.11', link: 'eth1', port: 4789, learning: false, ...change } },
      ['link del svclab-vxlan', ...make],
    ]),
    ['is made anew when it is something else', noVxlan, ['link del svclab-vxlan', ...make]],
    ['gets its MAC', { ...right, mac: '02:00:00:00:00:01' }, ['link set svclab-vxlan address 02:00:ac:1e:00:0b']],
    ['gets its MTU', { ...right, mtu: 1500 }, ['link set svclab-vxlan mtu 1450']],
    [
      'gets its address, and loses others',
      { ...right, addresses: [{ address: '10.244.9.0', prefix: 32 }] },
      ['addr del 10.244.9.0/32 dev svclab-vxlan', 'addr add 10.244.1.0/32 dev svclab-vxlan'],
    ],
    ['is set up', { ...right, up: false }, ['link set svclab-vxlan up']],
  ])('%s', (_what, present, lines) => {
    expect(deviceChanges(present, lan, self)).toEqual(lines);
  });
});

describe('tables', () => {
  const neighbours = parseNeighbours(
    '[{"dst":"10.244.2.0","lladdr":"02:00:ac:1e:00:0c","state":["PERMANENT"]},{"dst":"10.244.9.0","state":["FAILED"]}]',
  );
  const forwarding = parseForwarding(
    '[{"mac":"02:00:ac:1e:00:0c","dst":"172.30.0.12","flags":["self"],"state":"permanent"},{"mac":"33:33:00:00:00:01","flags":["self"],"state":"permanent"}]',
  );

  it('are read from what ip and bridge print', () => {
    expect(neighbours).toEqual([{ key: '10.244.2.0', value: '02:00:ac:1e:00:0c' }]);
    expect(forwarding).toEqual([{ key: '02:00:ac:1e:00:0c', value: '172.30.0.12' }]);
    expect([parseNeighbours(''), parseForwarding('')]).toEqual([[], []]);
  });

  it.each<[string, VxlanPeer[], string[], string[]]>([
    ['nothing differs', [PEER], [], []],
    [
      'a node came',
      [PEER, OTHER],
      ['neigh replace 10.244.3.0 lladdr 02:00:ac:1e:00:0d dev svclab-vxlan nud permanent'],
      ['fdb append 02:00:ac:1e:00:0d dev svclab-vxlan dst 172.30.0.13 self permanent'],
    ],
    [
      'a node went',
      [],
      ['neigh del 10.244.2.0 dev svclab-vxlan'],
      ['fdb del 02:00:ac:1e:00:0c dev svclab-vxlan dst 172.30.0.12 self'],
    ],
    [
      'a node has another LAN address',
      [{ ...PEER, mac: '02:00:ac:1e:00:63', lanIP: '172.30.0.99' }],
      ['neigh replace 10.244.2.0 lladdr 02:00:ac:1e:00:63 dev svclab-vxlan nud permanent'],
      [
        'fdb del 02:00:ac:1e:00:0c dev svclab-vxlan dst 172.30.0.12 self',
        'fdb append 02:00:ac:1e:00:63 dev svclab-vxlan dst 172.30.0.99 self permanent',
      ],
    ],
  ])('follow the peers: %s', (_, peers, ipLines, bridgeLines) => {
    expect(neighbourChanges(neighbours, peers)).toEqual(ipLines);
    expect(forwardingChanges(forwarding, peers)).toEqual(bridgeLines);
  });
});
