import { describe, expect, it } from 'vitest';
import { labFile } from './lab-file.ts';

describe('labFile()', () => {
  it('reads every field', () => {
    const file = { nodes: 5, profile: 'fast', podNetwork: 'vxlan', set: { 'dns.ttl': '1s' }, ha: true };
    expect(labFile(file, 'lab.yaml')).toEqual(file);
    expect(labFile({}, 'lab.yaml')).toEqual({});
  });

  it.each<[unknown, RegExp]>([
    [[], /Lab file lab.yaml must be a mapping with nodes, profile, podNetwork, set, ha, metrics/],
    [{ node: 3 }, /field "node" is not known: there are nodes, profile, podNetwork, set, ha, metrics/],
    [{ nodes: '3' }, /nodes is "3": give a whole number/],
    [{ profile: 1 }, /profile is 1: give realistic or fast/],
    [{ podNetwork: true }, /podNetwork is true: give direct or vxlan/],
    [{ ha: 'yes' }, /ha is "yes": give true or false/],
    [{ set: [] }, /set must be a mapping from knob to value/],
  ])('refuses %j', (value, says) => {
    expect(() => labFile(value, 'lab.yaml')).toThrow(says);
  });
});
