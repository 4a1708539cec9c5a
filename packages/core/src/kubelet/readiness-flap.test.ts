import { describe, expect, it } from 'vitest';
import { flapPhase } from './readiness-flap.ts';

describe('flapPhase()', () => {
  it.for([
    [0, true, 300],
    [299.5, true, 0.5],
    [300, false, 700],
    [999, false, 1],
    [1000, true, 300],
    [12_345, false, 655],
  ] as const)('300 ms unready, 700 ms ready, after %d ms', ([elapsed, heldBack, changesInMs]) => {
    expect(flapPhase({ unreadyMs: 300, readyMs: 700 }, elapsed)).toEqual({ heldBack, changesInMs });
  });

  it('holds back for good without a ready time', () => {
    expect(flapPhase({ unreadyMs: 1, readyMs: 0 }, 5000)).toEqual({ heldBack: true, changesInMs: undefined });
  });
});
