import type { Cancel, Clock, Random } from '@svclab/core';

/** The machine's clock. `nowNs` is CLOCK_MONOTONIC, which all processes of a machine share. */
export const systemClock: Clock = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  nowNs: () => process.hrtime.bigint(),
  wall: () => Date.now(),
  after(ms, fn): Cancel {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
  every(ms, fn): Cancel {
    const timer = setInterval(fn, ms);
    return () => clearInterval(timer);
  },
};

/** Chance from the operating system's seed. */
export const systemRandom: Random = { next: () => Math.random() };

/** A repeatable source of chance (mulberry32). The same `seed` gives the same sequence. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}
