import { seededRandom } from '@svclab/runtime';
import { describe, expect, it } from 'vitest';
import { DelayLine, type DelayLineOptions } from './delay-line.ts';

const frame = (n: number, size = 1): Uint8Array => new Uint8Array(size).fill(n);

function line(options: Partial<DelayLineOptions> = {}): DelayLine {
  return new DelayLine({ delayMs: 50, jitterMs: 0, reorder: false, random: seededRandom(1), ...options });
}

/** First bytes of the frames that are due at `now`. */
function due(of: DelayLine, now: number): number[] {
  const out: number[] = [];
  for (let f = of.shift(now); f; f = of.shift(now)) out.push(f[0] ?? -1);
  return out;
}

describe('DelayLine', () => {
  it('holds each frame for the delay', () => {
    const l = line();
    l.push(frame(1), 100);
    l.push(frame(2), 120);
    expect(l.next).toBe(150);
    expect(due(l, 149.9)).toEqual([]);
    expect(due(l, 150)).toEqual([1]);
    expect(l.next).toBe(170);
    expect(due(l, 200)).toEqual([2]);
    expect(l.next).toBeUndefined();
  });

  it.each([
    [false, 'keeps the order whatever was drawn'],
    [true, 'lets frames overtake when asked'],
  ])('reorder %s: %s', (reorder) => {
    const draws = [1, 0, 0.5];
    const l = line({ jitterMs: 10, reorder, random: { next: () => draws.shift() ?? 0 } });
    for (const n of [1, 2, 3]) l.push(frame(n), 0);
    // Drawn: 60, 40, 50.
    expect(l.next).toBe(reorder ? 40 : 60);
    expect(due(l, 60)).toEqual(reorder ? [2, 3, 1] : [1, 2, 3]);
  });

  it('draws evenly from delay - jitter to delay + jitter', () => {
    const l = line({ jitterMs: 10, reorder: true });
    const drawn: number[] = [];
    for (let n = 0; n < 5000; n++) {
      l.push(frame(0), 0);
      drawn.push(l.next ?? 0);
      l.shift(1e9);
    }
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(40);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(60);
    const mean = drawn.reduce((a, b) => a + b) / drawn.length;
    // Six standard errors of the mean of 5000 draws: 6 * 20 / sqrt(12 * 5000).
    expect(Math.abs(mean - 50)).toBeLessThan(0.5);
    for (const [from, to] of [
      [40, 45],
      [45, 50],
      [50, 55],
      [55, 60],
    ] as const)
      expect(drawn.filter((d) => d >= from && d < to).length / drawn.length).toBeCloseTo(0.25, 1);
  });

  it('is the same for the same seed', () => {
    const dues = (seed: number): number[] => {
      const l = line({ jitterMs: 10, reorder: true, random: seededRandom(seed) });
      return Array.from({ length: 20 }, () => {
        l.push(frame(0), 0);
        const next = l.next ?? 0;
        l.shift(1e9);
        return next;
      });
    };
    expect(dues(7)).toEqual(dues(7));
    expect(dues(7)).not.toEqual(dues(8));
  });

  it('never delays by less than nothing', () => {
    const l = line({ delayMs: 5, jitterMs: 10, random: { next: () => 0 } });
    l.push(frame(1), 100);
    expect(l.next).toBe(100);
  });

  it('loses what does not fit', () => {
    const l = line({ limit: 10 });
    expect(l.push(frame(1, 6), 0)).toBe(true);
    expect(l.push(frame(2, 5), 0)).toBe(false);
    expect(l.push(frame(3, 4), 0)).toBe(true);
    expect(due(l, 50)).toEqual([1, 3]);
    expect(l.push(frame(4, 10), 60)).toBe(true);
  });

  it('lets go of everything in its order when it is opened, and holds nothing afterwards', () => {
    const l = line();
    for (const n of [1, 2, 3]) l.push(frame(n), n);
    expect(due(l, 51)).toEqual([1]);
    l.open(60);
    l.push(frame(4), 60);
    expect(due(l, 60)).toEqual([2, 3, 4]);
  });

  it('keeps its order over many frames', () => {
    const l = line({ delayMs: 1 });
    const out: number[] = [];
    for (let n = 0; n < 10_000; n++) {
      l.push(frame(n % 251), n * 0.01);
      out.push(...due(l, n * 0.01));
    }
    out.push(...due(l, 1e9));
    expect(out).toEqual(Array.from({ length: 10_000 }, (_, n) => n % 251));
  });
});
