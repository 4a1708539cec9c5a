import { describe, expect, it } from 'vitest';
import { fakeClock } from './fake-clock.ts';

describe('fakeClock', () => {
  it('runs timers in order of their time, then of their making', () => {
    const clock = fakeClock();
    const seen: string[] = [];
    clock.after(20, () => seen.push(`b@${clock.now()}`));
    clock.after(10, () => seen.push(`a@${clock.now()}`));
    clock.after(20, () => seen.push(`c@${clock.now()}`));
    clock.advance(30);
    expect(seen).toEqual(['a@10', 'b@20', 'c@20']);
    expect(clock.now()).toBe(30);
  });

  it('runs timers made by timers within the same step', () => {
    const clock = fakeClock();
    const seen: number[] = [];
    clock.after(10, () => clock.after(5, () => seen.push(clock.now())));
    clock.advance(15);
    expect(seen).toEqual([15]);
  });

  it('repeats intervals until they are ended', () => {
    const clock = fakeClock();
    const seen: number[] = [];
    const cancel = clock.every(10, () => seen.push(clock.now()));
    clock.advance(35);
    cancel();
    clock.advance(100);
    expect(seen).toEqual([10, 20, 30]);
    expect(clock.pending).toBe(0);
  });

  it('moves the nanosecond and the wall clock in step', () => {
    const clock = fakeClock({ startMs: 1000, wallMs: 5_000_000 });
    clock.advance(250);
    expect(clock.nowNs()).toBe(1_250_000_000n);
    expect(clock.wall()).toBe(5_000_250);
  });

  it('lets promises settle between timers when asked to', async () => {
    const clock = fakeClock();
    const seen: number[] = [];
    clock.after(10, () => void Promise.resolve().then(() => clock.after(10, () => seen.push(clock.now()))));
    await clock.advanceAsync(20);
    expect(seen).toEqual([20]);
  });
});
