/** Puts the runs of a scenario together: `report.json`. */
import { arch, availableParallelism, release } from 'node:os';
import {
  type Distribution,
  distribution,
  KNOBS,
  type KnobName,
  knobText,
  type LabConfig,
  resolveKnobs,
  speakMs,
  VERSION,
} from '@svclab/core';
import type { CaseResult, RunReport, RunResult, Verdict } from '../report/model.ts';
import type { ExitCode } from '../state/errors.ts';
import { delayMechanism } from '../wire/mechanism.ts';
import { judgeReport } from './expectation.ts';
import { allSteps } from './method.ts';
import type { Scenario, ScenarioCase } from './scenario-file.ts';

/** What a report says besides its runs. */
export interface ReportFacts {
  readonly scenario: Scenario;
  /** The lab it ran on. */
  readonly lab: LabConfig;
  readonly seed: number;
  readonly driver: string;
  readonly engine: string;
  /** The exact command that makes such a report again. */
  readonly command: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly interrupted: boolean;
}

/** The method asks for delay, in one of its cases at least. */
function asksForDelay({ method, cases }: Scenario): boolean {
  return [method, ...cases.map((c) => c.scenario.method)].some((steps) =>
    allSteps(steps).some((s) => s.kind === 'fault' && s.verb === 'delay'),
  );
}

/** Makes the report and judges the expectations. */
export function runReport(runs: readonly RunResult[], facts: ReportFacts): RunReport {
  const { scenario, seed } = facts;
  const error = Math.max(scenario.probe.intervalMs, ...runs.map((r) => r.prober.interval_ms));
  const times = (pick: (r: RunResult) => number): Distribution => distribution(runs.map(pick), { seed, error });
  const counts = (pick: (r: RunResult) => number): Distribution => distribution(runs.map(pick), { seed, error: 0 });
  const phases = [...new Set(runs.flatMap((r) => Object.keys(r.phases_ms)))];
  const median = medianRun(runs);
  const dark = times((r) => r.dark_ms.new);
  const base = {
    format: 'svclab.dev/report/v1' as const,
    title: scenario.title,
    description: scenario.description,
    sentence: scenario.cases.length > 0 ? sideBySide(scenario, runs) : sentence(runs, median, dark),
    repeats: scenario.cases.length > 0 ? Math.ceil(runs.length / scenario.cases.length) : runs.length,
    seed,
    dark_ms: { new: dark, reused: times((r) => r.dark_ms.reused) },
    phases_ms: Object.fromEntries(phases.map((p) => [p, times((r) => r.phases_ms[p] ?? 0)])),
    lost: {
      new: counts((r) => r.lost.new),
      reused: counts((r) => r.lost.reused),
      load: counts((r) => r.lost.load),
    },
    baseline: {
      sent: sum(runs.map((r) => r.baseline.sent)),
      lost: sum(runs.map((r) => r.baseline.lost)),
    },
    expected_violations: scenario.expectViolation,
    phase_bounds: median?.phase_bounds ?? [],
    environment: {
      svclab: VERSION,
      node: process.version,
      kernel: `${release()} ${arch()}`,
      cpus: availableParallelism(),
      driver: facts.driver,
      profile: facts.lab.profile,
      set: changedKnobs(facts.lab),
      engine: scenario.load ? facts.engine : 'none',
      delay: asksForDelay(scenario) ? delayMechanism().kind : 'none',
      nodes: facts.lab.hosts.filter((h) => h.role === 'node').length,
    },
    command: facts.command,
    started_at: facts.startedAt,
    finished_at: facts.finishedAt,
  };
  const cases = scenario.cases.map((c) => caseResult(c, runs, { seed, error }));
  const whole = { ...base, cases };
  const judged = runs.map((r) => ({
    ...r,
    expectations: scenario.expectations.map((e) => judgeReport(e, whole, [r])),
  }));
  const expectations = scenario.expectations.map((e) => judgeReport(e, whole, runs));
  const report = { ...whole, expectations, runs: judged };
  return { ...report, verdict: verdict(report, scenario, facts.interrupted) };
}

/** Knobs that differ from the profile, as they are written. */
function changedKnobs({ profile, knobs }: LabConfig): Record<string, string> {
  const usual = resolveKnobs(profile === 'fast' ? 'fast' : 'realistic');
  return Object.fromEntries(
    (Object.keys(knobs) as KnobName[])
      .filter((k) => knobs[k] !== usual[k])
      .map((k) => [k, KNOBS[k].unit === 'ms' ? knobText(knobs[k]) : String(knobs[k])]),
  );
}

/** Checks of all runs that were violated though the scenario does not say so. */
export function violations(runs: readonly RunResult[], expected: readonly string[]): string[] {
  return runs.flatMap((r) =>
    r.checks.filter((c) => !c.held && !expected.includes(c.check)).map((c) => `run ${r.run}: ${c.check}: ${c.finding}`),
  );
}

function verdict(report: Pick<RunReport, 'expectations' | 'runs'>, scenario: Scenario, interrupted: boolean): Verdict {
  if (interrupted) return 'interrupted';
  const { runs } = report;
  // A generator that was late, or a steady state that was none, proves nothing either way.
  if (runs.length === 0 || runs.some((r) => r.inconclusive.length > 0)) return 'inconclusive';
  const failed =
    report.expectations.some((e) => !e.held) ||
    violations(runs, scenario.expectViolation).length > 0 ||
    runs.some((r) => r.probes.some((p) => !p.held));
  return failed ? 'failed' : 'held';
}

/** The exit code a verdict stands for. */
export function exitCodeOf(verdict: Verdict): ExitCode {
  return ({ held: 0, failed: 1, inconclusive: 3, interrupted: 130 } as const)[verdict];
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** The run whose dark time is the median; with an even number the lower of the two. */
function medianRun(runs: readonly RunResult[]): RunResult | undefined {
  return [...runs].sort((a, b) => a.dark_ms.new - b.dark_ms.new)[Math.max(0, Math.ceil(runs.length / 2) - 1)];
}

/** The sentence of the median run; with repeats it names the distribution. */
function sentence(runs: readonly RunResult[], median: RunResult | undefined, dark: Distribution): string {
  if (!median) return 'Nothing was measured.';
  if (runs.length === 1) return median.sentence;
  const spread = `median of ${runs.length} runs; p95 ${speakMs(dark.p95)}, max ${speakMs(dark.max)}`;
  const told = median.sentence.replace(/^((?:The VIP|After .* the Service) was dark for [^;]+)/, `$1 (${spread})`);
  return told === median.sentence && dark.max > 0
    ? `${told} Over ${runs.length} runs: p95 ${speakMs(dark.p95)}, max ${speakMs(dark.max)} dark.`
    : told;
}

function caseResult(
  { name, variables }: ScenarioCase,
  all: readonly RunResult[],
  options: { readonly seed: number; readonly error: number },
): CaseResult {
  const runs = all.filter((r) => r.case === name);
  const times = (pick: (r: RunResult) => number): Distribution => distribution(runs.map(pick), options);
  const counts = (pick: (r: RunResult) => number): Distribution =>
    distribution(runs.map(pick), { ...options, error: 0 });
  const phases = [...new Set(runs.flatMap((r) => Object.keys(r.phases_ms)))];
  const dark = times((r) => r.dark_ms.new);
  return {
    name,
    variables,
    repeats: runs.length,
    dark_ms: { new: dark, reused: times((r) => r.dark_ms.reused) },
    phases_ms: Object.fromEntries(phases.map((p) => [p, times((r) => r.phases_ms[p] ?? 0)])),
    lost: { new: counts((r) => r.lost.new), reused: counts((r) => r.lost.reused), load: counts((r) => r.lost.load) },
    sentence: sentence(runs, medianRun(runs), dark),
  };
}

/** One sentence for all cases. */
function sideBySide(scenario: Scenario, all: readonly RunResult[]): string {
  const parts = scenario.cases.map(({ name }) => {
    const runs = all.filter((r) => r.case === name);
    const median = medianRun(runs);
    if (!median) return `${name}: nothing was measured`;
    const lost = `${median.lost.new} requests lost on new connections, ${median.lost.reused} on reused ones`;
    return `${name}: ${median.dark_ms.new > 0 ? `dark for ${speakMs(median.dark_ms.new)}, ${lost}` : `not dark, ${lost}`}`;
  });
  return `${parts.join('; ')}${scenario.cases.length < all.length ? ' (medians)' : ''}.`;
}
