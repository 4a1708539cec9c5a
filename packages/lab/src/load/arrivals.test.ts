import { describe, expect, it } from 'vitest';
import { constantArrivals, rampingArrivals } from './arrivals.ts';

describe('constantArrivals', () => {
  it.each([
    [10, 1000, 500, [0, 100, 200, 300, 400]],
    [1, 100, 250, [0, 100, 200]],
    [3, 1000, 1000, [0, 333.333, 666.667]],
    [50, 1000, 10_000, undefined],
    [7, 1000, 1000, undefined],
  ])('%d per %d ms for %d ms', (rate, unit, duration, times) => {
    const got = [...constantArrivals(rate, unit, duration)];
    expect(got).toHaveLength(
      (rate * duration) / unit === Math.floor((rate * duration) / unit) ? (rate * duration) / unit : got.length,
    );
    if (times) expect(got.map((t) => Math.round(t * 1000) / 1000)).toEqual(times);
    expect(got.every((t, i) => t >= 0 && t < duration && (i === 0 || t > (got[i - 1] ?? 0)))).toBe(true);
  });
});

describe('rampingArrivals', () => {
  it('starts as many iterations as the area under the rate', () => {
    const up = [...rampingArrivals(0, [{ durationMs: 10_000, target: 20 }], 1000)];
    expect(up).toHaveLength(100);
    const hill = [
      ...rampingArrivals(
        10,
        [
          { durationMs: 2000, target: 50 },
          { durationMs: 1000, target: 50 },
          { durationMs: 2000, target: 10 },
        ],
        1000,
      ),
    ];
    expect(hill).toHaveLength(60 + 50 + 60);
    expect(hill.every((t, i) => i === 0 || t >= (hill[i - 1] ?? 0))).toBe(true);
  });
  it('is even where the rate is constant', () => {
    expect([...rampingArrivals(4, [{ durationMs: 1000, target: 4 }], 1000)].map(Math.round)).toEqual([
      250, 500, 750, 1000,
    ]);
  });
  it('jumps in a stage without duration, and rests at rate 0', () => {
    const times = [
      ...rampingArrivals(
        0,
        [
          { durationMs: 1000, target: 0 },
          { durationMs: 0, target: 2 },
          { durationMs: 1000, target: 2 },
        ],
        1000,
      ),
    ];
    expect(times.map(Math.round)).toEqual([1500, 2000]);
  });
});
