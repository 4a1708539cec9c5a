import type { Cancel, Clock, Random } from '@svclab/core';

export { seededRandom } from '@svclab/core';

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
