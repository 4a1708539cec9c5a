import { describe, expect, it } from 'vitest';
import { vuSteps } from './ramping-vus.ts';

describe('vuSteps', () => {
  it.each([
    [
      'goes up one VU at a time and reaches the target at the end of its stage',
      [0, [[1000, 4]]],
      [
        [0, 0],
        [250, 1],
        [500, 2],
        [750, 3],
        [1000, 4],
      ],
    ],
    [
      'goes down as evenly',
      [3, [[300, 0]]],
      [
        [0, 3],
        [100, 2],
        [200, 1],
        [300, 0],
      ],
    ],
    [
      'stays where the target is the same, and begins the next stage after it',
      [
        1,
        [
          [500, 1],
          [100, 2],
        ],
      ],
      [
        [0, 1],
        [600, 2],
      ],
    ],
    [
      'jumps in a stage of no duration',
      [
        1,
        [
          [100, 2],
          [0, 9],
        ],
      ],
      [
        [0, 1],
        [100, 2],
        [100, 9],
      ],
    ],
  ] as const)('%s', (_, [startVUs, stages], steps) => {
    const given = stages.map(([durationMs, target]) => ({ durationMs, target }));
    expect(vuSteps(startVUs, given).map(({ atMs, vus }) => [atMs, vus])).toEqual(steps);
  });
});
