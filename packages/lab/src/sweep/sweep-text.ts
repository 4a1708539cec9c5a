/** A sweep as text and as Markdown. */
import { round } from '@svclab/core';
import { markdownText } from '../report/run-markdown.ts';
import type { SweepPoint, SweepReport } from './model.ts';

/** Columns of the table, in order. */
export const SWEEP_COLUMNS = [
  'VALUE',
  'DARK P50',
  'DARK P95',
  'LOST P50',
  'FALSE FAILOVERS',
  'SUSPICIONS',
  'CPU %',
  'LAN kB/s',
  'VERDICT',
] as const;

/** One row a point. Times are ms; `-` where nothing was measured. */
export function sweepRows(report: SweepReport): string[][] {
  return report.points.map((p) => [
    p.label,
    p.dark_ms ? String(p.dark_ms.new.p50) : '-',
    p.dark_ms ? String(p.dark_ms.new.p95) : '-',
    p.lost ? String(p.lost.new.p50) : '-',
    p.idle ? String(p.idle.false_failovers) : '-',
    p.idle ? String(p.idle.false_suspicions) : '-',
    p.idle ? (p.idle.announcer_cpu * 100).toFixed(2) : '-',
    p.idle ? (p.idle.lan_bytes_per_s / 1000).toFixed(1) : '-',
    p.verdict,
  ]);
}

const BAR = 30;

/** The dark times as bars of text: median full, up to the 95th percentile light. */
function bars(points: readonly SweepPoint[]): string[] {
  const max = Math.max(0, ...points.map((p) => p.dark_ms?.new.p95 ?? 0));
  const width = Math.max(0, ...points.map((p) => p.label.length));
  if (max === 0) return [];
  return points.map((p) => {
    const cells = (ms: number): number => Math.round((ms / max) * BAR);
    const [p50, p95] = [cells(p.dark_ms?.new.p50 ?? 0), cells(p.dark_ms?.new.p95 ?? 0)];
    const bar = `${'█'.repeat(p50)}${'░'.repeat(Math.max(0, p95 - p50))}`.padEnd(BAR);
    const moved = p.idle && p.idle.false_failovers > 0 ? `  ${p.idle.false_failovers} false` : '';
    return `${p.label.padEnd(width)}  ${bar}  ${p.dark_ms ? `${p.dark_ms.new.p50} / ${p.dark_ms.new.p95} ms` : '-'}${moved}`;
  });
}

/** What is to be said of single points: what was changed for them, or why they were not measured. */
export function sweepNotes(report: SweepReport): string[] {
  const byNote = new Map<string, string[]>();
  for (const p of report.points)
    for (const note of [...(p.error === '' ? [] : [p.error]), ...p.notes])
      byNote.set(note, [...(byNote.get(note) ?? []), p.label]);
  return [...byNote].map(([note, labels]) => `${labels.join(', ')}: ${note}`);
}

/** The sweep for a terminal, the sentence last, without a newline at the end. `table` lays columns out. */
export function sweepText(
  report: SweepReport,
  table: (head: readonly string[], rows: readonly (readonly string[])[]) => string,
): string {
  const drawn = bars(report.points);
  return [
    table(SWEEP_COLUMNS, sweepRows(report)),
    ...(drawn.length > 0 ? ['', 'Dark on new connections, median (full) and p95 (light):', ...drawn] : []),
    ...sweepNotes(report).map((n) => `Note: ${n}`),
    '',
    report.sentence,
  ].join('\n');
}

/** The sweep as Markdown, with a newline at the end. */
export function sweepMarkdown(report: SweepReport): string {
  const { environment: e } = report;
  const idle = report.points.find((p) => p.idle)?.idle;
  const rows = [[...SWEEP_COLUMNS], SWEEP_COLUMNS.map((_, i) => (i === 0 ? '---' : '--:')), ...sweepRows(report)];
  return [
    `## ${markdownText(report.title)}`,
    `**${markdownText(report.sentence)}**`,
    rows.map((r, i) => `| ${(i === 1 ? r : r.map(markdownText)).join(' | ')} |`).join('\n'),
    `Times in ms, ${report.repeats} run${report.repeats === 1 ? '' : 's'} a value${idle ? `; false failovers, CPU of all announcers and what the nodes send were counted over ${round(idle.seconds)} s in which nothing was broken` : ''}.`,
    ...sweepNotes(report).map((n) => `> ${markdownText(n)}`),
    `${e.nodes} nodes, profile ${e.profile}, driver ${e.driver}, ${e.cpus} CPUs, svclab ${e.svclab}, Node.js ${e.node}, kernel ${markdownText(e.kernel)}, seed ${report.seed}.`,
    ['```sh', report.command.replaceAll('```', "'''"), '```'].join('\n'),
  ]
    .join('\n\n')
    .concat('\n');
}
