/** Two reports side by side: which figures differ, by how much, and whether that is more than chance. */
import { differenceOfMedians, type MedianDifference, round } from '@svclab/core';
import type { RunReport, RunResult } from './model.ts';
import { counted, type FigureRow, phaseName, speak } from './rows.ts';

/** A figure of both reports. */
export interface ComparedFigure extends MedianDifference {
  /** Key in report.json, `dark_ms.new`. */
  readonly figure: string;
  readonly name: string;
  readonly unit: FigureRow['unit'];
  /** Difference as a share of the first, %; null when that is 0. */
  readonly percent: number | null;
}

/** What `svclab report compare -o json` prints. */
export interface Comparison {
  readonly before: ComparedReport;
  readonly after: ComparedReport;
  /** What else differs between the two, so that a difference may come from it. */
  readonly differs_in: readonly string[];
  readonly figures: readonly ComparedFigure[];
  readonly sentence: string;
}

/** Which report was compared. */
export interface ComparedReport {
  readonly path: string;
  readonly title: string;
  readonly runs: number;
  readonly finished_at: string;
  readonly verdict: string;
}

interface Compared {
  readonly path: string;
  readonly report: RunReport;
}

/** Compares two reports. The seed of the bootstrap is the second one's, so the same two give the same answer. */
export function compareReports(before: Compared, after: Compared): Comparison {
  const [a, b] = [before.report, after.report];
  const figures = figuresOf(a, b).map(({ figure, name, unit, pick }): ComparedFigure => {
    const error = unit === 'ms' ? Math.max(a.dark_ms.new.error, b.dark_ms.new.error) : 0;
    const difference = differenceOfMedians(a.runs.map(pick), b.runs.map(pick), { seed: b.seed, error });
    const percent = difference.before === 0 ? null : round((difference.difference * 100) / difference.before);
    return { figure, name, unit, percent, ...difference };
  });
  return {
    before: summary(before),
    after: summary(after),
    differs_in: differences(a, b),
    figures,
    sentence: sentence(figures[0], a.runs.length, b.runs.length),
  };
}

function summary({ path, report }: Compared): ComparedReport {
  const { title, runs, finished_at, verdict } = report;
  return { path, title, runs: runs.length, finished_at, verdict };
}

interface Pick {
  readonly figure: string;
  readonly name: string;
  readonly unit: FigureRow['unit'];
  readonly pick: (run: RunResult) => number;
}

function figuresOf(a: RunReport, b: RunReport): Pick[] {
  const phases = [...new Set([...Object.keys(a.phases_ms), ...Object.keys(b.phases_ms)])];
  const time = (figure: string, name: string, pick: Pick['pick']): Pick => ({ figure, name, unit: 'ms', pick });
  const lost = (figure: string, name: string, pick: Pick['pick']): Pick => ({ figure, name, unit: 'requests', pick });
  return [
    time('dark_ms.new', 'dark, new connections', (r) => r.dark_ms.new),
    time('dark_ms.reused', 'dark, reused connections', (r) => r.dark_ms.reused),
    ...phases.map((p) => time(`phases_ms.${p}`, `of which ${phaseName(p)}`, (r) => r.phases_ms[p] ?? 0)),
    lost('lost.new', 'lost, new connections', (r) => r.lost.new),
    lost('lost.reused', 'lost, reused connections', (r) => r.lost.reused),
    lost('lost.load', 'failed, load', (r) => r.lost.load),
  ];
}

function differences(a: RunReport, b: RunReport): string[] {
  const found = a.title === b.title ? [] : [`scenario "${a.title}" and "${b.title}"`];
  for (const key of ['svclab', 'profile', 'driver', 'nodes', 'engine', 'kernel', 'cpus'] as const)
    if (a.environment[key] !== b.environment[key]) found.push(`${key} ${a.environment[key]} and ${b.environment[key]}`);
  const knobs = new Set([...Object.keys(a.environment.set), ...Object.keys(b.environment.set)]);
  for (const knob of knobs) {
    const [p, q] = [a.environment.set[knob] ?? 'as the profile', b.environment.set[knob] ?? 'as the profile'];
    if (p !== q) found.push(`${knob} ${p} and ${q}`);
  }
  for (const [name, report] of [
    ['first', a],
    ['second', b],
  ] as const)
    if (report.verdict === 'inconclusive' || report.verdict === 'interrupted')
      found.push(`the ${name} report is ${report.verdict}`);
  return found;
}

/** A difference in words. */
export function verdictText(f: MedianDifference, unit: FigureRow['unit']): string {
  if (f.verdict === 'unknown') return 'too few runs to tell';
  if (f.verdict === 'same') return 'no difference beyond chance';
  if (unit === 'ms') return f.difference > 0 ? 'longer' : 'shorter';
  return f.difference > 0 ? 'more' : 'fewer';
}

/** A difference with its sign. */
function signed(value: number, unit: FigureRow['unit']): string {
  return `${value > 0 ? '+' : value < 0 ? '-' : ''}${speak(Math.abs(value), unit)}`;
}

function sentence(dark: ComparedFigure | undefined, before: number, after: number): string {
  if (!dark) return 'Nothing to compare.';
  const [from, to] = [speak(dark.before, 'ms'), speak(dark.after, 'ms')];
  const sure = `95 % interval ${signed(dark.ci95[0], 'ms')} to ${signed(dark.ci95[1], 'ms')}`;
  const percent = dark.percent === null ? '' : `${dark.percent > 0 ? '+' : ''}${dark.percent} %, `;
  if (dark.verdict === 'unknown')
    return `The median dark time went from ${from} to ${to}; ${before} and ${after} runs are too few to tell whether that is chance: repeat each at least 5 times.`;
  if (dark.verdict === 'same')
    return `The median dark time, ${from} and ${to}, does not differ beyond chance (${sure}, ${before} and ${after} runs).`;
  return `The dark time is ${dark.difference > 0 ? 'longer' : 'shorter'}: ${from} became ${to} (${percent}${sure}, ${before} and ${after} runs).`;
}

/** The comparison for people, the sentence last. */
export function comparisonText(c: Comparison): string {
  const rows = c.figures.map((f) => [
    f.name,
    speak(f.before, f.unit),
    speak(f.after, f.unit),
    signed(f.difference, f.unit),
    f.verdict === 'unknown' ? '' : `${signed(f.ci95[0], f.unit)} to ${signed(f.ci95[1], f.unit)}`,
    verdictText(f, f.unit),
  ]);
  const all = [['medians', 'before', 'after', 'difference', '95 % interval', ''], ...rows];
  const widths = all[0]?.map((_, i) => Math.max(...all.map((r) => (r[i] ?? '').length))) ?? [];
  return [
    `Before: ${c.before.path} (${c.before.title}, ${counted(c.before.runs, 'run')}, ${c.before.verdict})`,
    `After:  ${c.after.path} (${c.after.title}, ${counted(c.after.runs, 'run')}, ${c.after.verdict})`,
    ...c.differs_in.map((d) => `Differs: ${d}`),
    '',
    ...all.map((r) =>
      r
        .map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    ),
    '',
    c.sentence,
  ].join('\n');
}
