import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import { differenceOfMedians, distribution } from './distribution.ts';

const noise = (n: number, centre: number, width: number, seed: number): number[] => {
  const random = seededRandom(seed);
  return Array.from({ length: n }, () => centre + (random.next() - 0.5) * width);
};

describe('distribution', () => {
  it('uses measured values only', () => {
    expect(distribution([5, 1, 4, 2, 3], { seed: 1, error: 10 })).toMatchObject({
      n: 5,
      min: 1,
      p50: 3,
      p95: 5,
      max: 5,
      mean: 3,
      error: 10,
    });
  });
  it.each([
    ['none', [], [0, 0]],
    ['one value', [42], [42, 42]],
    ['all equal', [7, 7, 7, 7], [7, 7]],
  ])('%s', (_name, values, ci95) => {
    expect(distribution(values, { seed: 1, error: 0 }).ci95).toEqual(ci95);
  });
  it('gives the same interval for the same seed and order does not matter', () => {
    const values = noise(30, 100, 40, 3);
    const one = distribution(values, { seed: 9, error: 1 });
    expect(distribution([...values].reverse(), { seed: 9, error: 1 })).toEqual(one);
    expect(one.ci95[0]).toBeLessThanOrEqual(one.p50);
    expect(one.ci95[1]).toBeGreaterThanOrEqual(one.p50);
  });
  it('holds the true median in about 95 of 100 experiments', () => {
    const held = Array.from({ length: 200 }, (_, i) =>
      distribution(noise(30, 100, 40, i + 1), { seed: i, error: 0, resamples: 400 }),
    );
    const share = held.filter((d) => d.ci95[0] <= 100 && 100 <= d.ci95[1]).length / held.length;
    expect(share).toBeGreaterThan(0.9);
    expect(share).toBeLessThan(0.99);
  });
});

describe('differenceOfMedians', () => {
  const of = (a: number[], b: number[], error = 1) => differenceOfMedians(a, b, { seed: 5, error });
  it.each([
    ['clearly slower', noise(30, 100, 20, 1), noise(30, 150, 20, 2), 'differs'],
    ['clearly faster', noise(30, 150, 20, 1), noise(30, 100, 20, 2), 'differs'],
    ['the same spread', noise(30, 100, 40, 1), noise(30, 100, 40, 2), 'same'],
    ['apart by less than the error of a value', [10, 10, 10, 10, 10], [10.5, 10.5, 10.5, 10.5, 10.5], 'same'],
    ['too few', [100], [500], 'unknown'],
    ['none', [], [1, 2, 3, 4, 5], 'unknown'],
  ])('%s: %#', (_name, a, b, verdict) => {
    expect(of(a, b).verdict).toBe(verdict);
  });
  it('counts from the first to the second', () => {
    expect(of([10, 10, 10, 10, 10], [30, 30, 30, 30, 30])).toEqual({
      before: 10,
      after: 30,
      difference: 20,
      ci95: [20, 20],
      verdict: 'differs',
    });
  });
});
