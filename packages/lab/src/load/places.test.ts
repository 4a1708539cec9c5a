import { describe, expect, it } from 'vitest';
import { lineOf } from './places.ts';

const SCRIPT = `// rate: not this one
export const options = {
  scenarios: {
    slow: { executor: 'constant-arrival-rate', duration: '1s' },
    fast: {
      executor: 'constant-arrival-rate',
      rate: 5,
      stages: [{ duration: '1s', target: 3 }],
    },
  },
  thresholds: { checks: ['p(95)<1'] },
};
`;

describe('lineOf', () => {
  it.each([
    ['scenarios.fast.rate', 7],
    ['scenarios.fast.duration', 8],
    ['scenarios.slow.duration', 4],
    ['scenarios.slow.preAllocatedVUs', 4],
    ['scenarios.fast.stages[0].target', 8],
    ['thresholds["checks"].delayAbortEval', 11],
    ['p(95)<1', 11],
    ['constant-arrival-rate', 4],
    ['thresholds', 11],
  ])('%s', (near, line) => {
    expect(lineOf(SCRIPT, near)).toBe(line);
  });
  it.each(['', 'setup', 'rat'])('finds no "%s"', (near) => {
    expect(lineOf(SCRIPT, near)).toBeUndefined();
  });
});
