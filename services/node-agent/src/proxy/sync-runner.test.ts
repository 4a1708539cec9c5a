import { SyncRunner } from '@svclab/core';
import { fakeClock } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';

function setup(minIntervalMs: number) {
  const clock = fakeClock();
  const runs: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const runner = new SyncRunner({
    clock,
    minIntervalMs,
    burst: 2,
    retryMs: 5_000,
    run() {
      runs.push(clock.now());
      return new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
    },
  });
  const finish = async (error?: Error): Promise<void> => {
    ends.shift()?.(error);
    await clock.advanceAsync(0);
  };
  return { clock, runs, runner, finish };
}

describe('SyncRunner', () => {
  it('runs at once when asked after a quiet time', () => {
    const { runs, runner } = setup(1000);
    runner.request();
    expect(runs).toEqual([0]);
  });

  it('never runs twice at a time, and once more for all requests during a run', async () => {
    const { runs, runner, finish } = setup(0);
    runner.request();
    runner.request();
    runner.request();
    expect(runs).toHaveLength(1);
    await finish();
    expect(runs).toHaveLength(2);
    await finish();
    expect(runs).toHaveLength(2);
  });

  it('lets a burst of two through, then keeps the interval', async () => {
    const { clock, runs, runner, finish } = setup(1000);
    for (let i = 0; i < 4; i++) {
      runner.request();
      await finish();
      await clock.advanceAsync(10);
    }
    await clock.advanceAsync(5_000);
    await finish();
    expect(runs.slice(0, 2)).toEqual([0, 10]);
    expect(runs[2]).toBeGreaterThanOrEqual(1000);
    expect(runs).toHaveLength(3);
  });

  it('tries again after a failure', async () => {
    const { clock, runs, runner, finish } = setup(0);
    runner.request();
    await finish(new Error('no'));
    await clock.advanceAsync(4_999);
    expect(runs).toHaveLength(1);
    await clock.advanceAsync(1);
    expect(runs).toHaveLength(2);
  });

  it('stops', async () => {
    const { clock, runs, runner, finish } = setup(1000);
    runner.request();
    runner.request();
    runner.stop();
    await finish();
    await clock.advanceAsync(10_000);
    expect(runs).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});
