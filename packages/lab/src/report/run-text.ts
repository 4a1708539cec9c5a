/** The report for a terminal. */
import { speakMs } from '@svclab/core';
import type { RunReport } from './model.ts';
import {
  CASE_HEADS,
  caseRows,
  checkSummaries,
  checkWords,
  doubts,
  environmentText,
  expectationText,
  figureRows,
  phaseName,
  runsText,
  speak,
  VERDICT_WORDS,
} from './rows.ts';

/** The report for people, without a newline at the end; the sentence last, where the eye is when the command ends. */
export function runReportText(report: RunReport): string {
  return [
    `${report.title}: ${VERDICT_WORDS[report.verdict]}, ${runsText(report)}, seed ${report.seed}`,
    '',
    ...figures(report),
    ...cases(report),
    '',
    `Steady state: ${report.baseline.lost} of ${report.baseline.sent} requests lost`,
    ...losses(report),
    ...report.expectations.map((e) => `${e.held ? 'held  ' : 'FAILED'}  ${expectationText(e)}`),
    ...checks(report),
    ...doubts(report).map((d) => `DOUBT   ${d.reason}${report.runs.length > 1 ? ` (run ${d.runs.join(', ')})` : ''}`),
    ...bounds(report),
    ...notes(report),
    `Lab: ${environmentText(report)}`,
    `Again: ${report.command}`,
    '',
    report.sentence,
  ].join('\n');
}

function figures(report: RunReport): string[] {
  const rows = figureRows(report);
  const many = report.runs.length > 1;
  const cells = rows.map(({ name, unit, figures: d }) =>
    many
      ? [
          name,
          speak(d.p50, unit),
          speak(d.p95, unit),
          speak(d.max, unit),
          `${speak(d.ci95[0], unit)} to ${speak(d.ci95[1], unit)}`,
          d.error === 0 ? '' : `± ${speakMs(d.error)}`,
        ]
      : [name, speak(d.p50, unit), d.error === 0 ? '' : `± ${speakMs(d.error)}`],
  );
  const head = many ? ['', 'median', 'p95', 'max', '95 % of median', 'error'] : ['', 'found', 'error'];
  return columns([head, ...cells]);
}

/** How the lost requests ended, over all runs of a case, new and reused connections apart. */
function losses(report: RunReport): string[] {
  return [...new Set(report.runs.map((r) => r.case))].flatMap((name) => {
    const runs = report.runs.filter((r) => r.case === name);
    const lost = (['new', 'reused'] as const).flatMap((connections) => {
      const sums = new Map<string, number>();
      for (const [outcome, n] of runs.flatMap((r) => Object.entries(r.outage[connections].outcomes)))
        if (outcome !== 'ok') sums.set(outcome, (sums.get(outcome) ?? 0) + n);
      return [...sums].map(([outcome, n]) => `${n} ${outcome} (${connections})`);
    });
    return lost.length === 0 ? [] : [`Lost${name ? ` with ${name}` : ''}: ${lost.join(', ')}`];
  });
}

/** The cases side by side. */
function cases(report: RunReport): string[] {
  return report.cases.length === 0 ? [] : ['', ...columns([[...CASE_HEADS], ...caseRows(report)])];
}

/** Rows as columns: the first to the left, figures to the right. */
function columns(all: readonly (readonly string[])[]): string[] {
  const head = all[0] ?? [];
  const widths = head.map((_, i) => Math.max(...all.map((r) => (r[i] ?? '').length)));
  return all.map((r) =>
    r
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function checks(report: RunReport): string[] {
  return checkSummaries(report).flatMap((c) => [
    `${c.fine ? 'held  ' : 'FAILED'}  check ${c.check}${c.held === c.of ? '' : ` ${checkWords(c)}`}: ${c.result.finding}`,
    ...c.result.evidence.map((e) => `          ${e.at_ms} ms  ${e.what}`),
  ]);
}

function bounds(report: RunReport): string[] {
  return report.phase_bounds
    .filter((b) => b.knob !== '' && b.ms > 0)
    .map(
      (b) =>
        `Bound   ${phaseName(b.phase)} ${speakMs(b.ms)}: ${b.knob}=${b.knob_value}, ${b.bound}${b.saves === '' ? '' : `; ${b.saves}`}`,
    );
}

function notes(report: RunReport): string[] {
  return [...new Set(report.runs.flatMap((r) => r.notes))].map((n) => `Note    ${n}`);
}
