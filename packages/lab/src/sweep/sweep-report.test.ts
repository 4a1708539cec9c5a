import { speakMs } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import { exampleReport } from '../../../../test/report/example-report.ts';
import { parseScenario } from '../scenario/scenario-file.ts';
import type { IdleFigures, SweepPoint, SweepReport } from './model.ts';
import { sweepChart } from './sweep-chart.ts';
import { sweepHtml } from './sweep-html.ts';
import { sweepExitCode, sweepPoint, sweepReport, sweepSentence } from './sweep-report.ts';
import { sweepMarkdown, sweepNotes, sweepRows, sweepText } from './sweep-text.ts';

const KNOB = 'membership.probeInterval';
const axes = [{ knobs: [KNOB], values: [['50ms'], ['200ms'], ['1s']] }];

const idle = (more: Partial<IdleFigures> = {}): IdleFigures => ({
  seconds: 20,
  false_failovers: 0,
  false_failovers_per_hour: 0,
  false_deaths: 0,
  false_suspicions: 0,
  announcer_cpu: 0.01,
  lan_bytes_per_s: 4000,
  lan_packets_per_s: 50,
  ...more,
});

function point(value: string, slower: number, figures: IdleFigures | undefined, notes: string[] = []): SweepPoint {
  return sweepPoint({
    settings: { [KNOB]: value },
    axes,
    detectionMs: [100, 200],
    report: exampleReport({ runs: 5, seed: 1, slower }),
    idle: figures,
    error: '',
    path: `${KNOB}=${value}/report.json`,
    notes,
  });
}
const failed = (value: string): SweepPoint =>
  sweepPoint({
    ...{ settings: { [KNOB]: value }, axes, detectionMs: [1, 2], report: undefined, idle: undefined, notes: [] },
    error: 'A complete cluster <did not> come about | in 120 s',
    path: 'x/report.json',
  });

const POINTS = [
  point(
    '50ms',
    0,
    idle({ false_failovers: 2, false_failovers_per_hour: 360, announcer_cpu: 0.06, lan_bytes_per_s: 30_000 }),
  ),
  point('200ms', 500, idle({ announcer_cpu: 0.02, lan_bytes_per_s: 12_000 }), ['Something was changed']),
  point('1s', 4000, idle({ announcer_cpu: 0.005, lan_bytes_per_s: 3000 }), ['Something was changed']),
];

function report(points: readonly SweepPoint[], interrupted = false): SweepReport {
  const scenario = parseScenario({ service: 'shop/frontend', title: 'VIP <failover>' }, '/s');
  return sweepReport(points, {
    ...{ scenario, axes, repeats: 5, seed: 1, driver: 'netns', interrupted },
    command: 'svclab sweep a.yaml',
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:10:00.000Z',
  });
}

describe('the sentence of a sweep', () => {
  it('names the quickest value without a false failover, what it saves and costs, and what is quicker but restless', () => {
    const p95 = (p: SweepPoint | undefined): string => speakMs(p?.dark_ms?.new.p95 ?? 0);
    const [quick, calm, slow] = POINTS;
    expect(sweepSentence(POINTS, axes)).toBe(
      `membership.probeInterval = 200ms is the quickest without a false failover: dark for ${p95(calm)} (p95), against ${p95(slow)} with 1s, ` +
        'for 1.5 % more of a CPU and 9 kB/s more on the LAN; ' +
        `50ms is quicker (${p95(quick)}) but moved the VIP 2 times in 20.0 s without a fault.`,
    );
  });
  it('says so when no value was calm', () => {
    expect(
      sweepSentence(
        [POINTS[0]].flatMap((p) => p ?? []),
        axes,
      ),
    ).toMatch(
      /^Every value that was watched caused false failovers; the quickest, membership.probeInterval = 50ms, left the VIP dark for/,
    );
  });
  it('says so when nothing was watched', () => {
    expect(sweepSentence([point('50ms', 0, undefined), point('1s', 4000, undefined)], axes)).toMatch(
      /^membership.probeInterval = 50ms is the quickest: dark for .* \(p95\); false failovers were not counted\.$/,
    );
  });
  it('says so when nothing was measured', () => {
    expect(sweepSentence([failed('1ms')], axes)).toBe('Nothing was measured.');
  });
});

describe('the report of a sweep', () => {
  it('takes its figures from the reports of its points', () => {
    expect(report(POINTS).points[0]).toMatchObject({
      label: '50ms',
      verdict: 'held',
      dark_ms: { new: exampleReport({ runs: 5, seed: 1 }).dark_ms.new },
    });
    expect(failed('1ms')).toMatchObject({ verdict: 'error', dark_ms: null, lost: null, idle: null });
  });
  it.each<[string, SweepReport, number]>([
    ['everything was measured', report(POINTS), 0],
    ['a value could not be measured', report([...POINTS, failed('1ms')]), 3],
    ['it was interrupted', report(POINTS, true), 130],
  ])('ends as it should when %s', (_, r, code) => {
    expect(sweepExitCode(r)).toBe(code);
  });
});

describe('the forms of a sweep', () => {
  const whole = report([...POINTS, failed('1ms')]);
  it('has a row for each value', () => {
    const rows = sweepRows(whole);
    expect(rows.map((r) => r[0])).toEqual(['50ms', '200ms', '1s', '1ms']);
    expect(rows[0]?.slice(4)).toEqual(['2', '0', '6.00', '30.0', 'held']);
    expect(rows[3]).toEqual(['1ms', '-', '-', '-', '-', '-', '-', '-', 'error']);
  });
  it('tells a note once for all values it concerns', () => {
    expect(sweepNotes(whole)).toEqual([
      '200ms, 1s: Something was changed',
      '1ms: A complete cluster <did not> come about | in 120 s',
    ]);
  });
  it('is a table with bars on a terminal, the sentence last', () => {
    const text = sweepText(whole, (head, rows) => [head, ...rows].map((r) => r.join('  ')).join('\n'));
    expect(text.split('\n').at(-1)).toBe(whole.sentence);
    expect(text).toMatch(/^1s {5}█{29,30}░? +[\d.]+ \/ [\d.]+ ms$/m);
    expect(text).toContain('2 false');
  });
  it('is Markdown that nothing in it breaks', () => {
    const markdown = sweepMarkdown(whole);
    expect(markdown).toContain('VIP \\<failover\\> over membership.probeInterval');
    const rows = markdown.split('\n').filter((l) => l.startsWith('| '));
    expect(new Set(rows.map((r) => r.split(/(?<!\\)\|/).length))).toEqual(new Set([11]));
  });
  it('is a page without script or request, with a column for each figure that was measured', () => {
    const page = sweepHtml(whole, ':root { --text: #000; }');
    expect(page).not.toMatch(/<script|src=|https?:/);
    expect(page).toContain("default-src 'none'");
    expect(page).toContain('VIP &lt;failover&gt;');
    expect(page).toContain('<a href="membership.probeInterval=50ms/report.html">50ms</a>');
    expect(page).toContain('data-points="12"');
    expect([...sweepChart(whole).matchAll(/class="full \w+"/g)]).toHaveLength(12);
    expect([...sweepChart(whole).matchAll(/: not measured</g)]).toHaveLength(4);
  });
  it('draws the highest column inside its lane, and nothing when nothing was measured', () => {
    const heights = [
      ...sweepChart(whole).matchAll(
        /<rect class="\w+(?: \w+)?" x="[\d.]+" y="([\d.-]+)" width="[\d.]+" height="([\d.-]+)"/g,
      ),
    ];
    expect(heights.length).toBe(15);
    for (const [, y, height] of heights) {
      expect(Number(y)).toBeGreaterThanOrEqual(0);
      expect(Number(height)).toBeGreaterThanOrEqual(0);
      expect(Number(height)).toBeLessThanOrEqual(150);
    }
    expect(sweepChart(report([]))).toBe('');
    expect(sweepChart(report([failed('1ms')]))).toContain('data-points="0"');
  });
});
