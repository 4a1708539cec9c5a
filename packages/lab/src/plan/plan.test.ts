import { describe, expect, it } from 'vitest';
import { planLab } from './plan.ts';

const base = { name: 'lab', driver: 'netns', profile: 'fast', nodes: 3, set: {} } as const;

describe('planLab', () => {
  it('gives every host its addresses', () => {
    const hosts = planLab(base).hosts.map(
      (h) => `${h.name} ${h.lanIP ?? '-'} ${h.controlIP ?? '-'} ${h.podCIDR ?? '-'}`,
    );
    expect(hosts).toEqual([
      'nats-1 - 172.30.1.2 -',
      'controller-1 - 172.30.1.3 -',
      'dns-1 172.30.0.2 172.30.1.4 -',
      'dns-2 172.30.0.3 172.30.1.5 -',
      'node-1 172.30.0.11 172.30.1.11 10.244.1.0/24',
      'node-2 172.30.0.12 172.30.1.12 10.244.2.0/24',
      'node-3 172.30.0.13 172.30.1.13 10.244.3.0/24',
      'client-1 172.30.0.101 - -',
    ]);
  });

  it('brings two more of each server with ha', () => {
    const lab = planLab({ ...base, ha: true });
    expect(lab.natsServers).toEqual(['nats://172.30.1.2:4222', 'nats://172.30.1.6:4222', 'nats://172.30.1.7:4222']);
    expect(lab.hosts.filter((h) => h.role === 'controller').map((h) => `${h.name} ${h.controlIP}`)).toEqual([
      'controller-1 172.30.1.3',
      'controller-2 172.30.1.8',
      'controller-3 172.30.1.9',
    ]);
    const addresses = lab.hosts.flatMap((h) => [h.lanIP, h.controlIP].filter((ip) => ip !== undefined));
    expect(new Set(addresses).size).toBe(addresses.length);
  });

  it.each([
    { what: 'no nodes', change: { nodes: 0 }, says: /Number of nodes 0 cannot be used/ },
    {
      what: 'a LAN that is no network',
      change: { lan: '172.30' },
      says: /LAN "172.30" cannot be used: give the first three numbers/,
    },
    { what: 'one network twice', change: { control: '172.30.0' }, says: /are both 172.30.0.0\/24/ },
    {
      what: 'an unknown pod network',
      change: { podNetwork: 'ipip' },
      says: /"ipip" is not known: give direct or vxlan/,
    },
    { what: 'half a node', change: { nodes: 1.5 }, says: /whole number from 1 to 90/ },
    { what: 'more nodes than addresses', change: { nodes: 91 }, says: /91 cannot be used/ },
    {
      what: 'an unknown profile',
      change: { profile: 'slow' },
      says: /Profile "slow" is not known: give realistic or fast/,
    },
    {
      what: 'an unknown knob',
      change: { set: { 'membership.probe': '1s' } },
      says: /Unknown knob "membership.probe": .*membership\.probeInterval/,
    },
    { what: 'a knob of an unknown area', change: { set: { x: '1' } }, says: /the areas are/ },
    {
      what: 'no duration',
      change: { set: { 'dns.ttl': 'soon' } },
      says: /dns\.ttl does not take "soon": give a duration/,
    },
    {
      what: 'a lease that ends before its holder gives up',
      change: { set: { 'election.leaseDuration': '500ms' } },
      says: /leaseDuration 500 ms, renewDeadline 900 ms.* must be more/,
    },
    { what: 'out of range', change: { set: { 'membership.probeInterval': '0ms' } }, says: /the range is/ },
  ])('refuses $what', ({ change, says }) => {
    expect(() => planLab({ ...base, ...change })).toThrow(says);
  });

  it('sets single knobs on top of a profile', () => {
    expect(planLab({ ...base, set: { 'membership.probeInterval': '1.5s' } }).knobs['membership.probeInterval']).toBe(
      1500,
    );
  });
});
