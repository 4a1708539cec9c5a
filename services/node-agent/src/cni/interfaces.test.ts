import { describe, expect, it } from 'vitest';
import { interfaceWith, parseInterfaces } from './interfaces.ts';

const SHOWN = JSON.stringify([
  { ifname: 'lo', ifindex: 1, mtu: 65536, flags: ['LOOPBACK', 'UP'], addr_info: [] },
  {
    ifname: 'eth1',
    ifindex: 7,
    address: '02:42:ac:1e:00:0b',
    mtu: 1500,
    flags: ['BROADCAST', 'UP', 'LOWER_UP'],
    linkinfo: { info_kind: 'veth' },
    addr_info: [
      { family: 'inet', local: '172.30.0.11', prefixlen: 24 },
      { family: 'inet6', local: 'fe80::1', prefixlen: 64 },
    ],
  },
  {
    ifname: 'svclab-vxlan',
    ifindex: 9,
    address: '02:00:ac:1e:00:0b',
    mtu: 1450,
    flags: ['BROADCAST'],
    linkinfo: {
      info_kind: 'vxlan',
      info_data: { id: 1, local: '172.30.0.11', link: 'eth1', port: 4789, learning: false, ttl: 0 },
    },
    addr_info: [{ family: 'inet', local: '10.244.1.0', prefixlen: 32 }],
  },
  {},
]);

describe('interfaces', () => {
  it('are read from what ip prints', () => {
    const interfaces = parseInterfaces(SHOWN);
    expect(interfaces.slice(1)).toEqual([
      {
        name: 'eth1',
        index: 7,
        mac: '02:42:ac:1e:00:0b',
        mtu: 1500,
        up: true,
        addresses: [{ address: '172.30.0.11', prefix: 24 }],
      },
      {
        name: 'svclab-vxlan',
        index: 9,
        mac: '02:00:ac:1e:00:0b',
        mtu: 1450,
        up: false,
        addresses: [{ address: '10.244.1.0', prefix: 32 }],
        vxlan: { id: 1, local: '172.30.0.11', link: 'eth1', port: 4789, learning: false },
      },
    ]);
    expect(interfaceWith(interfaces, '172.30.0.11')?.name).toBe('eth1');
    expect(interfaceWith(interfaces, '172.30.0.12')).toBeUndefined();
    expect(parseInterfaces('')).toEqual([]);
  });
});
