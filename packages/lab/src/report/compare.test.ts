import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type ExampleOptions, exampleReport } from '../../../../test/report/example-report.ts';
import { compareReports, comparisonText } from './compare.ts';
import { appendHistory, gateText, historyEntry, judgeByHistory, readHistory } from './history.ts';

const report = (options: Partial<ExampleOptions> = {}) => exampleReport({ runs: 30, seed: 7, ...options });
const at = (path: string, r = report()) => ({ path, report: r });

describe('compareReports', () => {
  it('finds a difference, its size and its sureness', () => {
    const c = compareReports(at('a'), at('b', report({ slower: 100, seed: 8 })));
    const dark = c.figures.find((f) => f.figure === 'dark_ms.new');
    expect(dark).toMatchObject({ verdict: 'differs', unit: 'ms' });
    expect(dark?.difference).toBeGreaterThan(80);
    expect(dark?.ci95[0]).toBeGreaterThan(50);
    expect(c.sentence).toMatch(
      /^The dark time is longer: 1\d\d ms became 2\d\d ms \(\+\d+(\.\d)? %, 95 % interval \+\d+ ms to \+\d+ ms, 30 and 30 runs\)\.$/,
    );
    expect(comparisonText(c)).toMatch(
      /^dark, new connections +1\d\d ms +2\d\d ms +\+\d+ ms +\+\d+ ms to \+\d+ ms +longer$/m,
    );
    expect(comparisonText(c).split('\n').at(-1)).toBe(c.sentence);
  });
  it('finds none between two measurements of the same', () => {
    const c = compareReports(at('a'), at('b', report({ seed: 9 })));
    expect(c.sentence).toContain('does not differ beyond chance');
  });
  it('does not pretend to know from single runs', () => {
    const c = compareReports(at('a', report({ runs: 1 })), at('b', report({ runs: 1, slower: 500 })));
    expect(c.sentence).toContain('too few to tell whether that is chance: repeat each at least 5 times');
  });
  it('says what else differs', () => {
    const other = report();
    const c = compareReports(
      at('a'),
      at('b', {
        ...other,
        title: 'Other',
        verdict: 'inconclusive',
        environment: { ...other.environment, cpus: 8, set: {} },
      }),
    );
    expect(c.differs_in).toEqual([
      'scenario "VIP failover" and "Other"',
      'cpus 2 and 8',
      'membership.probeInterval 40ms and as the profile',
      'the second report is inconclusive',
    ]);
  });
});

describe('the history', () => {
  const dir = mkdtempSync(join(tmpdir(), 'svclab-history-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const past = [report({ seed: 1 }), report({ seed: 2 }), report({ seed: 3 })].map(historyEntry);

  it('keeps what was appended; a file that is not there is empty', () => {
    const path = join(dir, 'sub', 'history.jsonl');
    expect(readHistory(path)).toEqual([]);
    for (const entry of past) appendHistory(path, entry);
    expect(readHistory(path)).toEqual(past);
  });
  it.each([
    ['{"format":', /line 2: no JSON/],
    ['{"format":"svclab.dev/history/v1"}', /line 2: not understood at "at"/],
  ])('names file and line of %s', (line, message) => {
    const path = join(dir, 'bad.jsonl');
    writeFileSync(path, `${JSON.stringify(past[0])}\n`);
    appendFileSync(path, `${line}\n`);
    expect(() => readHistory(path)).toThrow(message);
    expect(() => readHistory(path)).toThrow(path);
  });
  it('passes a report without a past, and says so', () => {
    const result = judgeByHistory(report(), [], 0.3);
    expect(result).toMatchObject({ held: true, compared_with: 0, findings: [] });
    expect(result.sentence).toContain('Nothing to compare with: the history holds no report of "VIP failover"');
  });
  it('passes one like its past, and fails one that is slower', () => {
    expect(judgeByHistory(report(), past, 0.3)).toMatchObject({ held: true, compared_with: 3 });
    const slower = judgeByHistory(report({ slower: 60 }), past, 0.3);
    expect(slower.held).toBe(false);
    expect(gateText(slower)).toMatch(/^WORSE {3}dark_ms\.new\.p50: 1\d\d ms; before 1\d\d ms, limit 1\d\d ms$/m);
    expect(slower.sentence).toContain('"VIP failover" got worse: dark_ms.new.p50 is ');
  });
  it('compares with its like alone', () => {
    const other = past.map((entry) => ({ ...entry, profile: 'realistic' }));
    const result = judgeByHistory(report({ slower: 900 }), other, 0.3);
    expect(result).toMatchObject({ held: true, compared_with: 0 });
    expect(result.sentence).toContain('(3 of others)');
  });
});
