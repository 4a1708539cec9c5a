import { describe, expect, it } from 'vitest';
import { failedLines } from './ip-batch.ts';
import { hostInterfaceName, nodeSide, podSide, removal } from './plan.ts';

const spec = {
  hostInterface: 'veth01234567',
  netnsPath: '/proc/7/fd/30',
  ip: '10.244.1.5',
  gateway: '10.244.1.1',
  mtu: 0,
};

describe('pod network plan', () => {
  it('names the interface by the uid, within 15 characters', () => {
    expect(hostInterfaceName('a')).toMatch(/^veth[0-9a-f]{8}$/);
    expect(hostInterfaceName('a')).not.toBe(hostInterfaceName('b'));
  });

  it('is a routed point-to-point link', () => {
    expect(nodeSide(spec)).toEqual([
      'link add veth01234567 type veth peer name eth0 netns /proc/7/fd/30',
      'addr add 10.244.1.1/32 dev veth01234567',
      'link set veth01234567 up',
      'route replace 10.244.1.5/32 dev veth01234567',
    ]);
    expect(nodeSide({ ...spec, mtu: 1450 })[0]).toBe(
      'link add veth01234567 mtu 1450 type veth peer name eth0 mtu 1450 netns /proc/7/fd/30',
    );
    expect(podSide(spec)).toEqual([
      'addr add 10.244.1.5/32 dev eth0',
      'link set eth0 up',
      'route add 10.244.1.1/32 dev eth0 scope link',
      'route add default via 10.244.1.1 dev eth0',
    ]);
    expect(removal('veth01234567')).toEqual(['link del veth01234567']);
  });
});

describe('failedLines()', () => {
  it('maps what ip says to lines', () => {
    const said =
      'Cannot find device "veth9"\nCommand failed -:1\nRTNETLINK answers: File exists\nCommand failed -:3\nCommand failed -:4\n';
    expect([...failedLines(said)]).toEqual([
      [0, 'Cannot find device "veth9"'],
      [2, 'RTNETLINK answers: File exists'],
      [3, 'no reason given'],
    ]);
    expect(failedLines('').size).toBe(0);
  });
});
