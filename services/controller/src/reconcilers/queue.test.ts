import { fakeClock } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import { WorkQueue } from './queue.ts';

/** A handler whose runs end when the test says so. */
function gated(): { handle: (key: string) => Promise<undefined>; started: string[]; finish: () => void } {
  const started: string[] = [];
  const waiting: (() => void)[] = [];
  return {
    started,
    handle: (key) =>
      new Promise<undefined>((resolve) => {
        started.push(key);
        waiting.push(() => resolve(undefined));
      }),
    finish: () => waiting.shift()?.(),
  };
}

describe('WorkQueue', () => {
  it('keeps a key that waits once, and never works on one key twice at a time', async () => {
    const clock = fakeClock();
    const { handle, started, finish } = gated();
    const queue = new WorkQueue({ clock, handle, workers: 2 });
    for (const key of ['a', 'a', 'b', 'c', 'a']) queue.add(key);
    expect(started).toEqual([]);
    queue.start();
    await clock.advanceAsync(0);
    expect(started).toEqual(['a', 'b']);
    queue.add('a');
    finish();
    await clock.advanceAsync(0);
    expect(started).toEqual(['a', 'b', 'c']);
    finish();
    finish();
    await clock.advanceAsync(0);
    expect(started).toEqual(['a', 'b', 'c', 'a']);
    finish();
    await queue.stop();
  });

  it('comes back after failures: 5 ms, doubled up to 30 s, and from the start after a success', async () => {
    const clock = fakeClock();
    const delays: number[] = [];
    let failing = true;
    const queue = new WorkQueue({
      clock,
      handle: async () => {
        if (failing) throw new Error('No');
        return undefined;
      },
      onError: (_key, _error, retryMs) => delays.push(retryMs),
    });
    queue.start();
    queue.add('a');
    for (let i = 0; i < 15; i += 1) await clock.advanceAsync(30_000);
    expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(Math.max(...delays)).toBe(30_000);
    failing = false;
    await clock.advanceAsync(30_000);
    failing = true;
    delays.length = 0;
    queue.add('a');
    await clock.advanceAsync(1);
    expect(delays).toEqual([5]);
    await queue.stop();
  });

  it('looks again when the handler says so; of several wishes the earliest counts', async () => {
    const clock = fakeClock();
    const at: number[] = [];
    const queue = new WorkQueue({
      clock,
      handle: async () => {
        at.push(clock.now());
        return at.length === 1 ? 100 : undefined;
      },
    });
    queue.start();
    queue.add('a');
    await clock.advanceAsync(10);
    queue.addAfter('a', 500);
    queue.addAfter('a', 20);
    await clock.advanceAsync(1000);
    expect(at).toEqual([0, 30]);
    expect(clock.pending).toBe(0);
    await queue.stop();
  });

  it('takes nothing after its end, and waits for what runs', async () => {
    const clock = fakeClock();
    const { handle, started, finish } = gated();
    const queue = new WorkQueue({ clock, handle });
    queue.start();
    queue.add('a');
    queue.add('b');
    await clock.advanceAsync(0);
    let ended = false;
    const end = queue.stop().then(() => {
      ended = true;
    });
    queue.add('c');
    await clock.advanceAsync(100);
    expect([started, ended]).toEqual([['a'], false]);
    finish();
    await end;
    expect(started).toEqual(['a']);
  });
});
