import type { Cancel, Clock } from '@svclab/core';

/** A clock that stands still until told otherwise. */
export interface FakeClock extends Clock {
  /** Moves time on by `ms` and runs the timers that fall due, in order of their time, then of their making. */
  advance(ms: number): void;
  /** The same, and lets promises settle before each timer and at the end. */
  advanceAsync(ms: number): Promise<void>;
  /** Timers that wait. */
  readonly pending: number;
}

interface Timer {
  readonly id: number;
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly fn: () => void;
}

/** Virtual time, starting at `startMs` on the monotonic clock and `wallMs` on the wall clock. */
export function fakeClock(options: { startMs?: number; wallMs?: number } = {}): FakeClock {
  const timers = new Map<number, Timer>();
  const wallOffset = (options.wallMs ?? Date.UTC(2026, 0, 1)) - (options.startMs ?? 0);
  let nowMs = options.startMs ?? 0;
  let nextId = 1;

  const start = (delayMs: number, periodMs: number | undefined, fn: () => void): Cancel => {
    const id = nextId++;
    timers.set(id, { id, dueMs: nowMs + Math.max(0, delayMs), periodMs, fn });
    return () => void timers.delete(id);
  };
  const nextDue = (untilMs: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers.values())
      if (timer.dueMs <= untilMs && (!first || timer.dueMs < first.dueMs)) first = timer;
    return first;
  };
  const fire = (timer: Timer): void => {
    nowMs = Math.max(nowMs, timer.dueMs);
    if (timer.periodMs === undefined) timers.delete(timer.id);
    else {
      // Behind its peers of the same instant, as an interval that is set anew.
      timers.delete(timer.id);
      timer.dueMs = nowMs + timer.periodMs;
      timers.set(timer.id, timer);
    }
    timer.fn();
  };

  return {
    now: () => nowMs,
    nowNs: () => BigInt(Math.round(nowMs * 1e6)),
    wall: () => nowMs + wallOffset,
    after: (ms, fn) => start(ms, undefined, fn),
    every: (ms, fn) => start(Math.max(1, ms), Math.max(1, ms), fn),
    advance(ms) {
      const untilMs = nowMs + ms;
      for (let timer = nextDue(untilMs); timer; timer = nextDue(untilMs)) fire(timer);
      nowMs = untilMs;
    },
    async advanceAsync(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let timer = nextDue(untilMs); timer; timer = nextDue(untilMs)) {
        fire(timer);
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
    get pending() {
      return timers.size;
    },
  };
}

/** Lets every promise that can settle do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
