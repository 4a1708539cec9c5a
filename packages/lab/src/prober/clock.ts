import type { Cancel, Clock } from '@svclab/core';

/** CLOCK_MONOTONIC at `performance.now() === 0`, nanoseconds. */
const originNs = process.hrtime.bigint() - BigInt(Math.round(performance.now() * 1e6));

/** The machine's monotonic clock without an allocation per reading: the prober and the load host read it several times a request. */
export const measuringClock: Clock = {
  now: () => performance.now(),
  nowNs: () => originNs + BigInt(Math.round(performance.now() * 1e6)),
  wall: () => performance.timeOrigin + performance.now(),
  after(ms, fn): Cancel {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
  every(ms, fn): Cancel {
    const timer = setInterval(fn, ms);
    return () => clearInterval(timer);
  },
};
