import { describe, expect, it } from 'vitest';
import { clusterIpBands, nodePortBands, pickFree } from './band.ts';

describe('bands', () => {
  it.each([
    [256, 16],
    [1024, 64],
    [65536, 256],
  ])('keeps of %i service addresses %i for static use', (size, kept) => {
    const bands = clusterIpBands(size);
    expect(bands.dynamicFirst - bands.first).toBe(kept);
    expect(bands.last).toBe(size - 2);
  });
  it('keeps 30000 to 30085 of the default node ports', () => {
    expect(nodePortBands(30000, 32767)).toEqual({ first: 30000, last: 32767, dynamicFirst: 30086 });
  });
});

describe('pickFree', () => {
  const bands = { first: 1, last: 6, dynamicFirst: 4 };
  it('takes from the upper band first, then from the lower, then nothing', () => {
    const taken = new Set<number>();
    const order: (number | undefined)[] = [];
    for (let i = 0; i < 7; i += 1) {
      const value = pickFree(bands, { next: () => 0.5 }, (v) => taken.has(v));
      order.push(value);
      if (value !== undefined) taken.add(value);
    }
    expect(order).toEqual([5, 6, 4, 2, 3, 1, undefined]);
  });
});
