import { describe, expect, it } from 'vitest';
import { exampleReport } from '../../../../test/report/example-report.ts';
import { junitXml, xmlText } from './junit.ts';
import { markdownText, runReportMarkdown } from './run-markdown.ts';
import { runReportText } from './run-text.ts';

const held = exampleReport({ runs: 30, seed: 7 });
const one = exampleReport({ runs: 1, seed: 7 });
const bad = exampleReport({ runs: 3, seed: 7, bad: true });
const doubtful = exampleReport({ runs: 3, seed: 7, verdict: 'inconclusive' });

describe('runReportText', () => {
  it('tells the distribution, the verdicts, the command, and the sentence last', () => {
    const text = runReportText(held);
    expect(text.split('\n')[0]).toBe('VIP failover: held, 30 runs, seed 7');
    expect(text).toMatch(/^dark, new connections +\d+ ms +\d+ ms +\d+ ms +\d+ ms to \d+ ms +± 10 ms$/m);
    expect(text).toContain('held    dark_ms.new.p95 <= 500 (found ');
    expect(text).toContain('held    check one-owner: one owner all along');
    expect(text).toContain('Bound   detection ');
    expect(text).toContain(`Again: ${held.command}`);
    expect(text.split('\n').at(-1)).toBe(held.sentence);
  });
  it('gives single figures for one run', () => {
    expect(runReportText(one)).toMatch(/^ +found +error$/m);
    expect(runReportText(one)).not.toContain('p95  ');
  });
  it('shows the evidence of a violation and the reasons for doubt', () => {
    expect(runReportText(bad)).toContain(
      'FAILED  check one-owner violated in 1 of 3 runs: two owners for 41 ms\n          2980 ms  node-1 elects',
    );
    expect(runReportText(doubtful)).toContain(
      'DOUBT   The load dropped 7 iterations: it had no free virtual user, or no CPU (run 3)',
    );
  });
});

describe('a violation the scenario means', () => {
  const meant = { ...bad, verdict: 'held' as const, expected_violations: ['one-owner'] };
  it('is told and is no failure', () => {
    expect(runReportText(meant)).toContain(
      'held    check one-owner violated in 1 of 3 runs, as the scenario means to: two owners',
    );
    expect(runReportMarkdown(meant)).toContain('| ✅ | one-owner violated in 1 of 3 runs, as the scenario means to |');
    expect(junitXml(meant)).toMatch(
      /name="one-owner" time="0.000"><system-out>violated in 1 of 3 runs, as the scenario means to: two/,
    );
  });
});

describe('cases', () => {
  const of = (name: string, report: typeof held) => ({
    name,
    variables: { verb: name },
    repeats: report.runs.length,
    dark_ms: report.dark_ms,
    phases_ms: report.phases_ms,
    lost: report.lost,
    sentence: '',
  });
  const twins = { ...bad, cases: [of('kill', bad), of('drain', one)], repeats: 3 };
  it('stand side by side', () => {
    expect(runReportText(twins)).toContain('VIP failover: FAILED, 2 cases, 3 runs each, seed 7');
    expect(runReportText(twins)).toMatch(/^kill +\d+ ms \(max \d+ ms\)/m);
    expect(runReportMarkdown(twins)).toContain('| case | dark, new | dark, reused | lost, new | lost, reused |');
  });
});

describe('runReportMarkdown', () => {
  it('has the sentence first, tables of equal width, and folded details', () => {
    const text = runReportMarkdown(bad);
    expect(text.split('\n')[0]).toBe('## VIP failover: ❌ failed');
    const tables = text.split('\n\n').filter((t) => t.startsWith('|'));
    expect(tables.length).toBeGreaterThanOrEqual(4);
    for (const t of tables)
      expect(new Set(t.split('\n').map((line) => line.split(/(?<!\\)\|/).length)).size, t).toBe(1);
    expect(text).toContain('two owners for 41 ms<br>2980 ms: node-1 elects itself');
    expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length);
  });
  it.each([
    ['a|b', 'a\\|b'],
    ['<img src=x>', '\\<img src=x\\>'],
    ['two\nlines', 'two lines'],
    ['*bold* `code`', '\\*bold\\* \\`code\\`'],
  ])('%j stays text', (from, to) => {
    expect(markdownText(from)).toBe(to);
  });
});

describe('junitXml', () => {
  const count = (xml: string, what: string): number =>
    Number(new RegExp(`<testsuite [^>]*${what}="(\\d+)"`).exec(xml)?.[1]);
  it.each([
    ['held', held, { tests: 2 + 2 + 30 + 1, failures: 0, errors: 0, skipped: 0 }],
    [
      'failed: an expectation, a check, a run and the verdict',
      bad,
      { tests: 2 + 2 + 3 + 1, failures: 4, errors: 0, skipped: 0 },
    ],
    [
      'inconclusive: the run is skipped, the verdict an error',
      doubtful,
      { tests: 8, failures: 0, errors: 1, skipped: 1 },
    ],
    ['interrupted', { ...one, verdict: 'interrupted' as const }, { tests: 6, failures: 0, errors: 1, skipped: 0 }],
  ])('%s', (_name, report, totals) => {
    const xml = junitXml(report);
    for (const [what, n] of Object.entries(totals)) expect(count(xml, what), what).toBe(n);
    expect(xml.match(/<testcase /g)?.length).toBe(totals.tests);
    expect(xml.match(/<failure /g)?.length ?? 0).toBe(totals.failures);
    expect(xml.match(/<error /g)?.length ?? 0).toBe(totals.errors);
  });
  it('holds the evidence of a violation', () => {
    expect(junitXml(bad)).toContain('2980 ms  node-1 elects itself owner of 172.30.0.200&#10;3021 ms');
  });
  it.each([
    ['<a & "b">', '&lt;a &amp; &quot;b&quot;&gt;'],
    ['bell\u0007', 'bell'],
    ['😀', '😀'],
    ['a\nb', 'a&#10;b'],
  ])('%j as XML', (from, to) => {
    expect(xmlText(from)).toBe(to);
  });
});
