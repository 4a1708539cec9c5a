import { describe, expect, it } from 'vitest';
import { judge, parseExpectation } from './expectation.ts';

const REPORT = { dark_ms: { new: 132 }, owner_after: 'node-1', endpoints_removed_ms: { 'node-1': 640 } };

describe('judge', () => {
  it.each([
    ['dark_ms.new <= 132', 132, true],
    ['dark_ms.new < 132', 132, false],
    ['dark_ms.new>100', 132, true],
    ['dark_ms.new >= 133', 132, false],
    ['dark_ms.new != 132', 132, false],
    ['dark_ms.new == 132', 132, true],
    ['endpoints_removed_ms.node-1 <= 1e3', 640, true],
    ['owner_after == node-1', 'node-1', true],
    ['owner_after != node-1', 'node-1', false],
    ['owner_after > 3', 'node-1', false],
    ['dark_ms.reused <= 999', null, false],
    ['dark_ms <= 999', null, false],
    ['dark_ms.new.deep <= 999', null, false],
  ])('%s: %s %s', (text, value, ok) => {
    expect(judge(parseExpectation(text, 'expectations[0]'), REPORT)).toEqual({ expectation: text, value, ok });
  });
  it.each(['', 'dark_ms.new', '<= 5', 'dark_ms.new =< 5', 'a <= 5 6'])('refuses "%s"', (text) => {
    expect(() => parseExpectation(text, 'expectations[3]')).toThrow('Field expectations[3] is');
  });
});
