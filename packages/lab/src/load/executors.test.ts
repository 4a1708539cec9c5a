import { type FakeClock, fakeClock } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import { initialVUs, runScenario, type Worker } from './executors.ts';
import { readOptions } from './options.ts';
import type { Scenario } from './scenarios.ts';

function scenario(raw: Record<string, unknown>): Scenario {
  const [first] = readOptions({ scenarios: { s: { gracefulStop: '1s', ...raw } } }).scenarios;
  if (!first) throw new Error('no scenario');
  return first;
}

/** Runs a scenario under virtual time; each iteration takes `iterationMs`. */
function play(raw: Record<string, unknown>, iterationMs: number) {
  const clock: FakeClock = fakeClock();
  const started: number[] = [];
  const perWorker: number[] = [];
  const late: number[] = [];
  let finished = 0;
  let interrupted = 0;
  let dropped = 0;
  const worker = (): Worker => {
    const index = perWorker.push(0) - 1;
    let breakOff = (): void => {};
    return {
      iterate: () =>
        new Promise((resolve) => {
          started.push(clock.now());
          perWorker[index] = (perWorker[index] ?? 0) + 1;
          const cancel = clock.after(iterationMs, () => {
            finished++;
            resolve();
          });
          breakOff = () => {
            cancel();
            interrupted++;
            resolve();
          };
        }),
      interrupt: () => breakOff(),
    };
  };
  const s = scenario(raw);
  const abort = new AbortController();
  let endedAt = -1;
  const done = runScenario(s, {
    clock,
    workers: Array.from({ length: initialVUs(s) }, worker),
    spawn: async () => worker(),
    dropped: () => {
      dropped++;
    },
    late: (ms) => late.push(ms),
    turn: () => Promise.resolve(),
    signal: abort.signal,
  }).then(() => {
    endedAt = clock.now();
  });
  return {
    clock,
    abort,
    done,
    counts: () => ({ started: started.length, finished, interrupted, dropped, vus: perWorker.length, endedAt }),
    started,
    perWorker,
  };
}

describe('constant-arrival-rate', () => {
  const raw = { executor: 'constant-arrival-rate', rate: 10, duration: '2s', preAllocatedVUs: 3 };
  it('starts each iteration when it is due, however long the others take', async () => {
    const run = play(raw, 250);
    await run.clock.advanceAsync(10_000);
    await run.done;
    expect(run.counts()).toMatchObject({ started: 20, finished: 20, dropped: 0, vus: 3 });
    expect(run.started.every((t, i) => Math.abs(t - i * 100) <= 1)).toBe(true);
  });
  it('drops what finds no free VU', async () => {
    const run = play(raw, 450);
    await run.clock.advanceAsync(10_000);
    await run.done;
    const { started, dropped } = run.counts();
    expect(started + dropped).toBe(20);
    expect(dropped).toBe(8);
  });
  it('makes VUs up to maxVUs when they run out', async () => {
    const run = play({ ...raw, maxVUs: 5 }, 450);
    await run.clock.advanceAsync(10_000);
    await run.done;
    expect(run.counts()).toMatchObject({ vus: 5, dropped: 2, started: 18 });
  });
  it('waits for the last iterations, but no longer than gracefulStop', async () => {
    const run = play({ executor: 'constant-arrival-rate', rate: 1, duration: '1s', preAllocatedVUs: 1 }, 5000);
    await run.clock.advanceAsync(10_000);
    await run.done;
    expect(run.counts()).toMatchObject({ started: 1, finished: 0, interrupted: 1, endedAt: 2000 });
  });
  it('begins at its start time', async () => {
    const run = play({ ...raw, startTime: '3s' }, 10);
    await run.clock.advanceAsync(10_000);
    await run.done;
    expect(run.started[0]).toBe(3000);
    expect(run.counts().endedAt).toBe(5000);
  });
  it('ends when it is told to', async () => {
    const run = play(raw, 10);
    await run.clock.advanceAsync(500);
    run.abort.abort();
    await run.clock.advanceAsync(2000);
    await run.done;
    expect(run.counts().started).toBeLessThan(8);
  });
});

describe('closed executors', () => {
  it('constant-vus runs one iteration after the other until its time is up', async () => {
    const run = play({ executor: 'constant-vus', vus: 3, duration: '1s' }, 100);
    await run.clock.advanceAsync(5000);
    await run.done;
    expect(run.perWorker).toEqual([10, 10, 10]);
    expect(run.counts()).toMatchObject({ finished: 30, interrupted: 0 });
  });
  it('per-vu-iterations gives each VU its share', async () => {
    const run = play({ executor: 'per-vu-iterations', vus: 2, iterations: 4 }, 50);
    await run.clock.advanceAsync(5000);
    await run.done;
    expect(run.perWorker).toEqual([4, 4]);
  });
  it('shared-iterations lets whoever is free take the next', async () => {
    const run = play({ executor: 'shared-iterations', vus: 3, iterations: 10 }, 50);
    await run.clock.advanceAsync(5000);
    await run.done;
    expect(run.perWorker.reduce((a, b) => a + b)).toBe(10);
    expect(run.counts()).toMatchObject({ vus: 3, finished: 10 });
  });
  it('stops at maxDuration', async () => {
    const run = play({ executor: 'per-vu-iterations', vus: 1, iterations: 100, maxDuration: '1s' }, 300);
    await run.clock.advanceAsync(5000);
    await run.done;
    expect(run.counts()).toMatchObject({ started: 4, finished: 4 });
  });
});

describe('ramping-arrival-rate', () => {
  it('follows its stages', async () => {
    const run = play(
      { executor: 'ramping-arrival-rate', startRate: 0, stages: [{ duration: '2s', target: 20 }], preAllocatedVUs: 5 },
      10,
    );
    await run.clock.advanceAsync(5000);
    await run.done;
    expect(run.counts()).toMatchObject({ started: 20, dropped: 0, endedAt: 2010 });
    expect(run.started.filter((t) => t <= 1000)).toHaveLength(5);
  });
});
