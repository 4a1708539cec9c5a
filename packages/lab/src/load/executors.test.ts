import { type FakeClock, fakeClock } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import type { Worker } from './executor-context.ts';
import { initialVUs, runScenario } from './executors.ts';
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
    late,
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
  it('measures how late each was started, from when it was due', async () => {
    const run = play({ ...raw, duration: '1s' }, 10);
    await run.clock.advanceAsync(250);
    const onTime = run.late.length;
    expect(Math.max(...run.late)).toBeLessThanOrEqual(1);
    // The generator does not get the CPU for 500 ms: what was due meanwhile is started after it, each as late as it is.
    run.clock.advance(500);
    await run.clock.advanceAsync(5000);
    await run.done;
    expect(run.counts()).toMatchObject({ started: 8, dropped: 2 });
    const late = run.late.slice(onTime);
    expect(late.length).toBe(7);
    expect(Math.max(...late)).toBeGreaterThanOrEqual(400);
  });
  it('begins nothing after its end: what a stalled generator did not get to has been dropped', async () => {
    const run = play({ ...raw, rate: 10, duration: '1s' }, 10);
    await run.clock.advanceAsync(250);
    run.clock.advance(2000);
    await run.clock.advanceAsync(5000);
    await run.done;
    const { started, dropped } = run.counts();
    expect(started).toBe(3);
    expect(dropped).toBe(7);
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

describe('ramping-vus', () => {
  const stages = [
    { duration: '1s', target: 4 },
    { duration: '1s', target: 0 },
  ];
  it('follows its stages, one VU at a time', async () => {
    const run = play({ executor: 'ramping-vus', startVUs: 0, stages }, 50);
    await run.clock.advanceAsync(10_000);
    await run.done;
    // 1 to 4 VUs at 250 ms each, then back: 20 iterations a second and VU.
    const { started, finished, interrupted } = run.counts();
    expect(started).toBeGreaterThanOrEqual(75);
    expect(started).toBeLessThanOrEqual(85);
    expect(finished).toBe(started);
    expect(interrupted).toBe(0);
    expect(run.started[0]).toBe(250);
    expect(run.counts().endedAt).toBeGreaterThanOrEqual(2000);
    const [first = 0, , , last = 0] = run.perWorker;
    expect(first).toBeGreaterThan(last * 3);
  });
  it('starts with one VU where it is not told otherwise', async () => {
    const run = play({ executor: 'ramping-vus', stages: [{ duration: '1s', target: 1 }] }, 100);
    await run.clock.advanceAsync(5000);
    await run.done;
    expect(run.counts()).toMatchObject({ started: 10, finished: 10, vus: 1 });
  });
  it('gives a VU that is ramped down gracefulRampDown for its iteration', async () => {
    const down = { executor: 'ramping-vus', startVUs: 2, stages: [{ duration: '1s', target: 0 }], gracefulStop: '5s' };
    const hasty = play({ ...down, gracefulRampDown: '0s' }, 3000);
    await hasty.clock.advanceAsync(10_000);
    await hasty.done;
    expect(hasty.counts()).toMatchObject({ started: 2, finished: 0, interrupted: 2 });
    const patient = play({ ...down, gracefulRampDown: '5s' }, 3000);
    await patient.clock.advanceAsync(10_000);
    await patient.done;
    expect(patient.counts()).toMatchObject({ started: 2, finished: 2, interrupted: 0, endedAt: 3000 });
  });
  it("takes an interrupted VU's place with a new one when it ramps up again", async () => {
    const run = play(
      {
        executor: 'ramping-vus',
        startVUs: 1,
        gracefulRampDown: '0s',
        stages: [
          { duration: '0s', target: 0 },
          { duration: '1s', target: 0 },
          { duration: '0s', target: 1 },
          { duration: '1s', target: 1 },
        ],
      },
      700,
    );
    await run.clock.advanceAsync(10_000);
    await run.done;
    expect(run.counts()).toMatchObject({ interrupted: 1, vus: 2 });
    expect(run.perWorker[1]).toBe(2);
  });
  it('ends when it is told to', async () => {
    const run = play({ executor: 'ramping-vus', startVUs: 3, stages: [{ duration: '60s', target: 3 }] }, 10);
    await run.clock.advanceAsync(500);
    run.abort.abort();
    await run.clock.advanceAsync(2000);
    await run.done;
    expect(run.counts().endedAt).toBeLessThan(2500);
  });
});

describe('gracefulStop', () => {
  it.each([
    [{ executor: 'constant-vus', vus: 2, duration: '1s' }, 2],
    [{ executor: 'per-vu-iterations', vus: 2, iterations: 2, maxDuration: '1s' }, 2],
    [{ executor: 'shared-iterations', vus: 2, iterations: 3, maxDuration: '1s' }, 2],
    [{ executor: 'constant-arrival-rate', rate: 2, duration: '1s', preAllocatedVUs: 2 }, 2],
    [{ executor: 'ramping-vus', startVUs: 2, stages: [{ duration: '1s', target: 2 }] }, 2],
    [
      { executor: 'ramping-arrival-rate', startRate: 2, stages: [{ duration: '1s', target: 2 }], preAllocatedVUs: 2 },
      2,
    ],
  ])('breaks off what runs on after it: %j', async (raw, interrupted) => {
    const run = play({ ...raw, gracefulStop: '500ms' }, 60_000);
    await run.clock.advanceAsync(10_000);
    await run.done;
    expect(run.counts()).toMatchObject({ started: 2, finished: 0, interrupted, endedAt: 1500 });
  });
});
