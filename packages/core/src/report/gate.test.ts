import { describe, expect, it } from 'vitest';
import { gate } from './gate.ts';

const of = (p50: number, p95: number) => ({ 'dark_ms.new': { p50, p95 } });
const options = { leeway: 0.3, error: () => 10 };

describe('gate', () => {
  it.each([
    ['as before', of(100, 140), [of(100, 140)], [true, true]],
    ['within leeway and error', of(140, 190), [of(100, 140)], [true, true]],
    ['a median beyond it', of(141, 190), [of(100, 140)], [false, true]],
    ['a p95 beyond it', of(100, 193), [of(100, 140)], [true, false]],
    ['better', of(10, 20), [of(100, 140)], [true, true]],
    ['one bad past does not move the median', of(150, 150), [of(100, 140), of(100, 140), of(900, 950)], [false, true]],
    ['nothing was lost before: the error is all that is granted', of(11, 20), [of(0, 0)], [false, false]],
  ])('%s', (_name, current, past, held) => {
    expect(gate(current, past, options).map((f) => f.held)).toEqual(held);
  });
  it('tells what it compared with what', () => {
    expect(gate(of(141, 190), [of(100, 140), of(120, 150)], options)).toEqual([
      { figure: 'dark_ms.new.p50', found: 141, past: 100, limit: 140, held: false },
      { figure: 'dark_ms.new.p95', found: 190, past: 150, limit: 205, held: true },
    ]);
  });
  it('judges nothing without a past', () => {
    expect(gate(of(1, 1), [], options)).toEqual([]);
    expect(gate(of(1, 1), [{}], options)).toEqual([]);
  });
});
