/** What every form of a report says the same way: rows of figures, verdicts in words, which run stands for all. */
import { speakMs } from '@svclab/core';
import type { Distribution, ExpectationResult, RunReport, RunResult, Verdict } from './model.ts';

/** A line of the table of distributions. */
export interface FigureRow {
  readonly name: string;
  readonly unit: 'ms' | 'requests';
  readonly figures: Distribution;
}

const PHASE_NAMES: Readonly<Record<string, string>> = {
  detection: 'detection',
  election: 'election',
  announcement: 'announcement',
  first_success: 'first success',
  endpoints_removed: 'endpoints removed',
  unattributed: 'not attributed',
};

/** A phase as people read it. */
export function phaseName(phase: string): string {
  return PHASE_NAMES[phase] ?? phase.replaceAll('_', ' ');
}

/** Every distribution of the report, the headline first. */
export function figureRows(report: RunReport): FigureRow[] {
  const lost = (name: string, figures: Distribution): FigureRow => ({ name, unit: 'requests', figures });
  return [
    { name: 'dark, new connections', unit: 'ms', figures: report.dark_ms.new },
    { name: 'dark, reused connections', unit: 'ms', figures: report.dark_ms.reused },
    ...Object.entries(report.phases_ms).map(([phase, figures]) => ({
      name: `of which ${phaseName(phase)}`,
      unit: 'ms' as const,
      figures,
    })),
    lost('lost, new connections', report.lost.new),
    lost('lost, reused connections', report.lost.reused),
    ...(report.runs.some((r) => r.load) ? [lost('failed, load', report.lost.load)] : []),
  ];
}

/** The run whose dark time is the median: it stands for all where one must. Undefined when there are none. */
export function medianRun(report: RunReport): RunResult | undefined {
  const sorted = [...report.runs].sort((a, b) => a.dark_ms.new - b.dark_ms.new || a.run - b.run);
  return sorted[Math.ceil(sorted.length / 2) - 1];
}

/** The verdict in a word or two. */
export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  held: 'held',
  failed: 'FAILED',
  inconclusive: 'inconclusive',
  interrupted: 'interrupted',
};

/** `1 run`, `30 runs`. */
export function counted(n: number, thing: string): string {
  return `${n} ${thing}${n === 1 ? '' : 's'}`;
}

/** `dark_ms.new.p95 <= 500 (found 412)`. */
export function expectationText(e: ExpectationResult): string {
  return `${e.expr} (${e.value === null ? 'not in the report' : `found ${e.value}`})`;
}

/** How many runs the figures are of: `30 runs`, or `2 cases, 3 runs each`. */
export function runsText(report: RunReport): string {
  return report.cases.length > 0
    ? `${counted(report.cases.length, 'case')}, ${counted(report.repeats, 'run')} each`
    : counted(report.runs.length, 'run');
}

/** Figures of each case side by side: name, dark time of new connections, of reused ones, losses of new and of reused ones. */
export function caseRows(report: RunReport): string[][] {
  const middle = (d: Distribution, unit: FigureRow['unit']): string =>
    d.n > 1 ? `${speak(d.p50, unit)} (max ${speak(d.max, unit)})` : speak(d.p50, unit);
  return report.cases.map((c) => [
    c.name,
    middle(c.dark_ms.new, 'ms'),
    middle(c.dark_ms.reused, 'ms'),
    middle(c.lost.new, 'requests'),
    middle(c.lost.reused, 'requests'),
  ]);
}

/** Heads of {@link caseRows}. */
export const CASE_HEADS = ['case', 'dark, new', 'dark, reused', 'lost, new', 'lost, reused'] as const;

/** A checker over all runs: how often it held, and the run that shows it best. */
export interface CheckSummary {
  readonly check: string;
  readonly held: number;
  readonly of: number;
  /** It held in every run, or the scenario means to violate it. */
  readonly fine: boolean;
  /** The first run that violated it, else the first. */
  readonly run: RunResult;
  readonly result: RunResult['checks'][number];
}

/** Each checker once, in the order of the runs. */
export function checkSummaries(report: RunReport): CheckSummary[] {
  const found = new Map<string, CheckSummary>();
  for (const run of report.runs)
    for (const result of run.checks) {
      const before = found.get(result.check);
      const worse = before === undefined || (before.result.held && !result.held);
      found.set(result.check, {
        check: result.check,
        held: (before?.held ?? 0) + (result.held ? 1 : 0),
        of: (before?.of ?? 0) + 1,
        fine: (before?.fine ?? true) && (result.held || report.expected_violations.includes(result.check)),
        run: worse ? run : before.run,
        result: worse ? result : before.result,
      });
    }
  return [...found.values()];
}

/** Reasons why runs prove nothing, each with the runs it was found in. */
export function doubts(report: RunReport): { readonly reason: string; readonly runs: readonly number[] }[] {
  const found = new Map<string, number[]>();
  for (const run of report.runs)
    for (const reason of run.inconclusive) found.set(reason, [...(found.get(reason) ?? []), run.run]);
  return [...found].map(([reason, runs]) => ({ reason, runs }));
}

/** How a checker fared, in words: `held`, `violated in 2 of 3 runs`, `violated, as the scenario means to`. */
export function checkWords(c: CheckSummary): string {
  if (c.held === c.of) return 'held';
  const where = c.of > 1 ? ` in ${c.of - c.held} of ${c.of} runs` : '';
  return `violated${where}${c.fine ? ', as the scenario means to' : ''}`;
}

/** A figure with its unit: `5.8 s`, `132 ms`, `12`. */
export function speak(value: number, unit: FigureRow['unit']): string {
  return unit === 'ms' ? speakMs(value) : String(value);
}

/** `3 nodes, profile fast, membership.probeInterval=200ms; driver netns, load by k6; svclab 0.1.0, Node.js 20.20.2, Linux 6.1, 2 CPUs`. */
export function environmentText(report: RunReport): string {
  const e = report.environment;
  const set = Object.entries(e.set).map(([knob, value]) => `${knob}=${value}`);
  return (
    `${counted(e.nodes, 'node')}, profile ${[e.profile, ...set].join(', ')}; driver ${e.driver}${e.engine === 'none' || e.engine === '' ? '' : `, load by ${e.engine}`}${e.delay === 'none' ? '' : `, delay ${e.delay === 'netem' ? 'by netem' : 'in user space'}`}; ` +
    `svclab ${e.svclab}, Node.js ${e.node.replace(/^v/, '')}, Linux ${e.kernel}, ${counted(e.cpus, 'CPU')}`
  );
}
