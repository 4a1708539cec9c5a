/** The report as Markdown: short enough for a comment on a pull request, details folded. */
import { speakMs } from '@svclab/core';
import type { RunReport } from './model.ts';
import {
  CASE_HEADS,
  caseRows,
  checkSummaries,
  checkWords,
  doubts,
  environmentText,
  figureRows,
  medianRun,
  phaseName,
  runsText,
  speak,
} from './rows.ts';

const BADGES = { held: '✅ held', failed: '❌ failed', inconclusive: '⚠️ inconclusive', interrupted: '⚠️ interrupted' };

/** Text in a Markdown table or line: nothing in it ends the cell or becomes markup. */
export function markdownText(text: string): string {
  return text.replace(/[\\`*_{}[\]<>|#~]/g, '\\$&').replace(/\s*\n\s*/g, ' ');
}

/** Text as code, whatever it holds. */
function code(text: string): string {
  const fence = '`'.repeat(Math.max(0, ...(text.match(/`+/g) ?? []).map((t) => t.length)) + 1);
  const pad = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${text.replace(/\s*\n\s*/g, ' ').replaceAll('|', '\\|')}${pad}${fence}`;
}

/** The report as Markdown, with a newline at the end. */
export function runReportMarkdown(report: RunReport): string {
  return [
    `## ${markdownText(report.title)}: ${BADGES[report.verdict]}`,
    `**${markdownText(report.sentence)}**`,
    figures(report),
    table(
      [...CASE_HEADS],
      caseRows(report).map((row) => row.map(markdownText)),
    ),
    expectations(report),
    checks(report),
    doubts(report).length === 0
      ? ''
      : doubts(report)
          .map((d) => `> ⚠️ ${markdownText(d.reason)} (run ${d.runs.join(', ')})`)
          .join('\n>\n'),
    details('What bounds each phase', bounds(report)),
    details('Steps of the median run', steps(report)),
    details(
      'Reproduce',
      [
        '```sh',
        report.command.replaceAll('```', "'''"),
        '```',
        '',
        markdownText(environmentText(report)),
        '',
        `Seed ${report.seed}; ${report.started_at} to ${report.finished_at}; steady state lost ${report.baseline.lost} of ${report.baseline.sent} requests.`,
      ].join('\n'),
    ),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return [head, head.map((_, i) => (i === 0 ? '---' : '--:')), ...rows].map((r) => `| ${r.join(' | ')} |`).join('\n');
}

function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return table(head, rows).replace(/--:/g, '---');
}

function details(summary: string, body: string): string {
  return body === '' ? '' : `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`;
}

function figures(report: RunReport): string {
  const error = (e: number): string => (e === 0 ? '' : `± ${speakMs(e)}`);
  if (report.runs.length <= 1)
    return table(
      ['1 run', 'found', 'error'],
      figureRows(report).map(({ name, unit, figures: d }) => [name, speak(d.p50, unit), error(d.error)]),
    );
  return table(
    [runsText(report), 'median', 'p95', 'max', '95 % interval of the median', 'error'],
    figureRows(report).map(({ name, unit, figures: d }) => [
      name,
      speak(d.p50, unit),
      speak(d.p95, unit),
      speak(d.max, unit),
      `${speak(d.ci95[0], unit)} to ${speak(d.ci95[1], unit)}`,
      error(d.error),
    ]),
  );
}

function expectations(report: RunReport): string {
  return textTable(
    ['', 'expectation', 'found'],
    report.expectations.map((e) => [
      e.held ? '✅' : '❌',
      code(e.expr),
      e.value === null ? 'not in the report' : markdownText(String(e.value)),
    ]),
  );
}

function checks(report: RunReport): string {
  return textTable(
    ['', 'check', 'finding'],
    checkSummaries(report).map((c) => [
      c.fine ? '✅' : '❌',
      `${c.check}${c.held === c.of ? '' : ` ${checkWords(c)}`}`,
      [c.result.finding, ...c.result.evidence.map((e) => `${e.at_ms} ms: ${e.what}`)].map(markdownText).join('<br>'),
    ]),
  );
}

function bounds(report: RunReport): string {
  return textTable(
    ['phase', 'ms', 'knob', 'bound', 'turning it'],
    report.phase_bounds.map((b) => [
      phaseName(b.phase),
      String(b.ms),
      b.knob === '' ? 'none' : code(`${b.knob}=${b.knob_value}`),
      markdownText(b.bound),
      markdownText(b.saves),
    ]),
  );
}

function steps(report: RunReport): string {
  return textTable(
    ['at', 'step', 'acted on', 'said'],
    (medianRun(report)?.steps ?? []).map((s) => [
      `${speakMs(s.at_ms)}${s.end_ms > s.at_ms ? ` to ${speakMs(s.end_ms)}` : ''}`,
      `${code(s.what)}${s.ok ? '' : ' ❌'}`,
      markdownText(s.resolved),
      markdownText(s.said),
    ]),
  );
}
