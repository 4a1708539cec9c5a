/** The report of a scenario: one run or the distribution of many. */
import { outageSentence, type Phases, round, type Spread, speakMs, spread } from '@svclab/core';
import type { Verdict } from '../scenario/expectation.ts';
import type { FailoverReport } from './failover-report.ts';

/** `report.json` of `svclab run`. */
export interface ScenarioReport {
  readonly title: string;
  readonly repeats: number;
  readonly sentence: string;
  readonly dark_ms: { readonly new: Spread; readonly reused: Spread };
  readonly phases_ms: Readonly<Record<keyof Phases, Spread>>;
  readonly lost: { readonly new: Spread; readonly reused: Spread; readonly load: Spread };
  /** Losses before the faults, all runs together. */
  readonly baseline: { readonly lost: number; readonly sent: number };
  /** Per expectation, the worst run. */
  readonly verdicts: readonly Verdict[];
  readonly runs: readonly (FailoverReport & { readonly verdicts: readonly Verdict[] })[];
}

/** Puts runs together. */
export function scenarioReport(
  title: string,
  reports: readonly FailoverReport[],
  judgeAll: (report: FailoverReport) => readonly Verdict[],
): ScenarioReport {
  const runs = reports.map((r) => ({ ...r, verdicts: judgeAll(r) }));
  const of = (pick: (r: FailoverReport) => number): Spread => spread(reports.map(pick));
  const phase = (name: keyof Phases): Spread => of((r) => r.phases_ms[name]);
  const dark = of((r) => r.dark_ms.new);
  return {
    title,
    repeats: runs.length,
    sentence: sentence(reports, dark),
    dark_ms: { new: dark, reused: of((r) => r.dark_ms.reused) },
    phases_ms: {
      detection: phase('detection'),
      election: phase('election'),
      announcement: phase('announcement'),
      first_success: phase('first_success'),
    },
    lost: { new: of((r) => r.lost.new), reused: of((r) => r.lost.reused), load: of((r) => r.lost.load) },
    baseline: {
      lost: reports.reduce((n, r) => n + r.baseline.lost, 0),
      sent: reports.reduce((n, r) => n + r.baseline.sent, 0),
    },
    verdicts: worst(runs.map((r) => r.verdicts)),
    runs,
  };
}

/** For each expectation the first failed verdict, else the first. */
function worst(all: readonly (readonly Verdict[])[]): Verdict[] {
  const [first = []] = all;
  return first.map((v, i) => all.map((verdicts) => verdicts[i]).find((x) => x && !x.ok) ?? v);
}

/** The sentence of the median run; with repeats it names the distribution. */
function sentence(reports: readonly FailoverReport[], dark: Spread): string {
  const median = [...reports].sort((a, b) => a.dark_ms.new - b.dark_ms.new)[Math.ceil(reports.length / 2) - 1];
  if (!median) return 'Nothing was measured.';
  const one = outageSentence({
    darkMs: median.dark_ms.new,
    lost: median.lost,
    phases: median.phases_ms,
    endpointsRemovedMs: median.endpoints_removed_ms,
    lostShareUntilRemoved: median.lost_share_until_removed,
  });
  if (reports.length === 1 || median.dark_ms.new === 0) return one;
  return one.replace(
    /^(The VIP was dark for [^;]+)/,
    `$1 (median of ${reports.length} runs; p95 ${speakMs(dark.p95)}, max ${speakMs(dark.max)})`,
  );
}

/** The report for people, the sentence last. */
export function scenarioText(report: ScenarioReport): string {
  const s = report.dark_ms.new;
  return [
    `${report.title}: ${report.repeats} run${report.repeats === 1 ? '' : 's'}`,
    `Dark on new connections: p50 ${s.p50}, p95 ${s.p95}, max ${s.max} ms`,
    `Steady state: ${report.baseline.lost} of ${report.baseline.sent} requests lost`,
    ...report.verdicts.map((v) => `${v.ok ? 'held  ' : 'FAILED'} ${v.expectation} (${v.value ?? 'not in the report'})`),
    report.sentence,
  ].join('\n');
}

/** The report as Markdown. */
export function scenarioMarkdown(report: ScenarioReport): string {
  const row = (name: string, s: Spread): string => `| ${name} | ${s.p50} | ${s.p95} | ${s.max} |`;
  const { phases_ms: p } = report;
  return [
    `# ${report.title}`,
    '',
    report.sentence,
    '',
    `| over ${report.repeats} run${report.repeats === 1 ? '' : 's'} | p50 | p95 | max |`,
    '|---|---|---|---|',
    row('dark, new connections, ms', report.dark_ms.new),
    row('dark, reused connections, ms', report.dark_ms.reused),
    row('detection, ms', p.detection),
    row('election, ms', p.election),
    row('announcement, ms', p.announcement),
    row('first success, ms', p.first_success),
    row('lost, new connections', report.lost.new),
    row('lost, reused connections', report.lost.reused),
    row('lost, load', report.lost.load),
    '',
    ...(report.verdicts.length === 0
      ? []
      : [
          '| expectation | value | held |',
          '|---|---|---|',
          ...report.verdicts.map(
            (v) => `| \`${v.expectation}\` | ${v.value ?? 'not in the report'} | ${v.ok ? 'yes' : 'no'} |`,
          ),
          '',
        ]),
    '| run | VIP | from | to | dark new, ms | dark reused, ms | late p99, ms |',
    '|---|---|---|---|---|---|---|',
    ...report.runs.map(
      (r, i) =>
        `| ${i + 1} | ${r.vip} | ${r.owner_before} | ${r.owner_after} | ${round(r.dark_ms.new)} | ${round(r.dark_ms.reused)} | ${r.prober.lateness_p99_ms} |`,
    ),
    '',
  ].join('\n');
}
