import { describe, expect, it } from 'vitest';
import { judge, judgeReport, parseExpectation } from './expectation.ts';

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
  ])('%s: %s %s', (text, value, ok) => {
    expect(judge(parseExpectation(text, 'expectations[0]'), REPORT)).toEqual({ expectation: text, value, ok });
  });
  it.each(['', 'dark_ms.new', '<= 5', 'dark_ms.new =< 5', 'a <= 5 6'])('refuses "%s"', (text) => {
    expect(() => parseExpectation(text, 'expectations[3]')).toThrow('Field expectations[3] is');
  });
});

describe('judgeReport', () => {
  const report = { dark_ms: { new: { p95: 190, max: 230 } }, baseline: { lost: 0 } };
  const runs = [
    { dark_ms: { new: 132 }, checks: [{ check: 'one-owner', held: true, figures: { none_ms: 130 } }] },
    { dark_ms: { new: 230 }, checks: [{ check: 'one-owner', held: false, figures: { none_ms: 228 } }] },
    { dark_ms: { new: 180 }, checks: [{ check: 'one-owner', held: true, figures: { none_ms: 170 } }] },
  ];
  it.each([
    ['dark_ms.new.p95 <= 200', 190, true],
    ['dark_ms.new.max < 200', 230, false],
    ['baseline.lost == 0', 0, true],
    ['dark_ms.new <= 200', 230, false],
    ['dark_ms.new <= 300', 180, true],
    ['checks.one-owner.held == true', 'false', false],
    ['checks.one-owner.figures.none_ms <= 150', 228, false],
    ['checks.affinity.held == true', null, false],
  ])('%s: %s %s', (text, value, held) => {
    expect(judgeReport(parseExpectation(text, 'e'), report, runs)).toEqual({ expr: text, value, held });
  });
});
