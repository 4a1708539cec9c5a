import { describe, expect, it } from 'vitest';
import { NodeMonitor } from './monitor.ts';

const LIMITS = { graceMs: 600, periodMs: 50 };

/** Plays time from 0 in steps of the period; `at` tells what happens at each. Returns when a node was first called silent. */
function play(untilMs: number, at: (ms: number, monitor: NodeMonitor) => boolean | undefined): Record<string, number> {
  const monitor = new NodeMonitor(LIMITS, 0);
  const first: Record<string, number> = {};
  for (let ms = LIMITS.periodMs; ms <= untilMs; ms += LIMITS.periodMs) {
    const connected = at(ms, monitor) ?? true;
    for (const node of monitor.look(['a', 'b'], connected, ms).silent) first[node] ??= ms;
  }
  return first;
}

describe('NodeMonitor', () => {
  it('calls a node silent after the grace period', () => {
    const first = play(3000, (ms, m) => {
      m.heard('a', ms);
      if (ms <= 1000) m.heard('b', ms);
      return true;
    });
    expect(first).toEqual({ b: 1600 });
  });

  it('gives nodes it has never heard a whole grace period from its start', () => {
    expect(
      play(2000, (ms, m) => {
        m.heard('a', ms);
        return true;
      }),
    ).toEqual({ b: 600 });
  });

  it('starts the grace period anew after the bus was away', () => {
    const first = play(3000, (ms, m) => {
      if (ms < 400 || ms >= 1000) m.heard('a', ms);
      return ms < 400 || ms >= 1000;
    });
    expect(first).toEqual({ b: 1600 });
  });

  it('blames nobody while nobody is heard, and starts anew with the first sound', () => {
    const first = play(4000, (ms, m) => {
      if (ms <= 500) m.heard('b', ms);
      if (ms <= 500 || ms >= 2000) m.heard('a', ms);
      return true;
    });
    expect(first).toEqual({ b: 2600 });
  });

  it('hears that messages arrive from others as well', () => {
    const first = play(2000, (ms, m) => {
      if (ms <= 500) for (const node of ['a', 'b']) m.heard(node, ms);
      m.sound(ms);
      return true;
    });
    expect(first).toEqual({ a: 1100, b: 1100 });
  });

  it('starts the grace period anew after it stood still itself', () => {
    const monitor = new NodeMonitor(LIMITS, 0);
    monitor.heard('a', 40);
    expect(monitor.look(['a'], true, 50)).toEqual({ silent: [], held: undefined });
    expect(monitor.look(['a'], true, 5000)).toEqual({ silent: [], held: 'stalled' });
    monitor.sound(5040);
    expect(monitor.look(['a'], true, 5050).silent).toEqual([]);
    expect(monitor.isAlive('a', 5050)).toBe(false);
  });
});
