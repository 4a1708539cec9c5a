import { describe, expect, it } from 'vitest';
import { LabError } from '../state/errors.ts';
import { gridPoints, parseOver, pointFolder, pointLabel } from './grid.ts';

const INTERVAL = 'membership.probeInterval';
const TIMEOUT = 'membership.probeTimeout';

describe('parseOver', () => {
  it('reads a knob and its values', () => {
    expect(parseOver([`${INTERVAL}=50ms, 100ms,1s`], 'fast')).toEqual([
      { knobs: [INTERVAL], values: [['50ms'], ['100ms'], ['1s']] },
    ]);
  });
  it('reads knobs that change together', () => {
    expect(parseOver([`${INTERVAL}+${TIMEOUT}=50ms+25ms,1s+500ms`], 'realistic')).toEqual([
      {
        knobs: [INTERVAL, TIMEOUT],
        values: [
          ['50ms', '25ms'],
          ['1s', '500ms'],
        ],
      },
    ]);
  });
  it.each<[string, string[], string]>([
    ['nothing', [], 'A sweep needs a knob and its values'],
    ['no values', [INTERVAL], `--over does not take "${INTERVAL}": give KNOB=VALUE,VALUE...`],
    ['no knob', ['=1s'], '--over does not take "=1s"'],
    ['an unknown knob', ['membership.probe=1s'], 'Unknown knob "membership.probe": the knobs of membership are'],
    ['an unknown area', ['member.probe=1s'], 'Unknown knob "member.probe": the areas are'],
    ['a value that is none', [`${INTERVAL}=1s,soon`], `Knob ${INTERVAL} does not take "soon": give a duration`],
    ['an empty value', [`${INTERVAL}=1s,`], `Knob ${INTERVAL} does not take ""`],
    ['a value out of range', [`${INTERVAL}=0ms`], 'the range is 1 to 3600000 ms'],
    ['a value twice', [`${INTERVAL}=1s,1s`], `--over ${INTERVAL} has 1s twice`],
    ['a knob twice', [`${INTERVAL}=1s`, `${INTERVAL}=2s`], `Knob ${INTERVAL} is swept twice`],
    ['too few values', [`${INTERVAL}+${TIMEOUT}=1s`], 'give 2 values joined by +'],
    ['too many values', [`${INTERVAL}=1s+2s`], 'give 1 value'],
    [
      'a grid that is too large',
      [`${INTERVAL}=${range(9)}`, `${TIMEOUT}=${range(9)}`],
      'The grid has 81 combinations, each with a lab of its own: give at most 64',
    ],
  ])('refuses %s', (_, texts, message) => {
    expect(() => parseOver(texts, 'fast')).toThrow(LabError);
    expect(() => parseOver(texts, 'fast')).toThrow(message);
  });
});

function range(n: number): string {
  return Array.from({ length: n }, (_, i) => `${i + 1}ms`).join(',');
}

describe('gridPoints', () => {
  const axes = parseOver([`${INTERVAL}=50ms,1s`, 'membership.suspicionMult=2,4'], 'fast');
  it('gives every combination, the last axis fastest', () => {
    expect(gridPoints(axes)).toEqual([
      { [INTERVAL]: '50ms', 'membership.suspicionMult': '2' },
      { [INTERVAL]: '50ms', 'membership.suspicionMult': '4' },
      { [INTERVAL]: '1s', 'membership.suspicionMult': '2' },
      { [INTERVAL]: '1s', 'membership.suspicionMult': '4' },
    ]);
  });
  it('names points so that people and file systems take them', () => {
    const [point = {}] = gridPoints(axes);
    expect(pointLabel(point, axes)).toBe('probeInterval=50ms suspicionMult=2');
    expect(pointFolder(point)).toBe('membership.probeInterval=50ms,membership.suspicionMult=2');
    const one = parseOver([`${INTERVAL}+${TIMEOUT}=50ms+25ms`], 'fast');
    expect(pointLabel(gridPoints(one)[0] ?? {}, one)).toBe('50ms+25ms');
  });
});
