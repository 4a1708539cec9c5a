/** Runs a scenario: one lab, the experiment as often as asked, one verdict. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LabConnection } from '../client/connect.ts';
import { type Driver, endLab } from '../client/open.ts';
import { type FailoverReport, failoverReport } from '../report/failover-report.ts';
import { type ScenarioReport, scenarioReport } from '../report/scenario-report.ts';
import type { ExitCode } from '../state/errors.ts';
import { judge } from './expectation.ts';
import { runExperiment } from './experiment.ts';
import type { LoadEngine } from './load-run.ts';
import { prepare } from './prepare.ts';
import type { Scenario } from './scenario-file.ts';
import { steadyVip, type Vip } from './steady.ts';

/** How to run it. */
export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly name: string;
  readonly driver: Driver;
  readonly root: string;
  readonly repeats: number;
  readonly engine: LoadEngine;
  /** Directory for samples, timelines and reports, absolute. */
  readonly dir: string;
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** Called once the lab's name is taken, so that an interrupted caller can take it down. */
  readonly onLab?: (lab: LabConnection) => void;
}

const STEADY_TIMEOUT_MS = 120_000;

/** Runs the scenario and takes its lab down again (unless `keep`). */
export async function runScenarioFile(options: ScenarioRun): Promise<{ report: ScenarioReport; exitCode: ExitCode }> {
  const { scenario, signal, progress, dir } = options;
  mkdirSync(dir, { recursive: true });
  let lab: LabConnection | undefined;
  try {
    const ready = await prepare(
      {
        ...scenario.lab,
        name: options.name,
        driver: options.driver,
        root: options.root,
        manifests: scenario.manifests,
        service: scenario.service,
        dir,
        signal,
        progress,
      },
      (l) => {
        lab = l;
        options.onLab?.(l);
      },
    );
    const runs: FailoverReport[] = [];
    for (let i = 0; i < options.repeats; i++) {
      const vip =
        i === 0
          ? ready.vip
          : await steadyVip(ready.lab, scenario.service, { dir, timeoutMs: STEADY_TIMEOUT_MS, signal });
      if (options.repeats > 1) progress(`Run ${i + 1} of ${options.repeats}: ${vip.vip} is on ${vip.owner}`);
      runs.push(await once(options, ready.lab, vip, options.repeats === 1 ? dir : join(dir, `run-${i + 1}`)));
    }
    const report = scenarioReport(scenario.title, runs, (r) => scenario.expectations.map((e) => judge(e, r)));
    return { report, exitCode: exitCode(report, scenario) };
  } finally {
    lab?.close();
    if (lab && !options.keep) await endLab(options.root, options);
  }
}

async function once(options: ScenarioRun, lab: LabConnection, vip: Vip, dir: string): Promise<FailoverReport> {
  const { scenario, signal, progress } = options;
  mkdirSync(dir, { recursive: true });
  const { load, probe } = scenario;
  const result = await runExperiment({
    lab,
    vip,
    ...probe,
    durationMs: scenario.durationMs,
    steps: scenario.method,
    load: load && {
      engine: options.engine,
      script: load.script,
      env: { URL: vip.url, DURATION: `${Math.floor(scenario.durationMs / 1000)}s`, ...load.env },
    },
    dir,
    signal,
    progress,
  });
  const report = failoverReport(result);
  progress(report.sentence);
  return report;
}

/** 3 when the generators were late or the steady state was none: the figures then say nothing; else 1 when an expectation failed. */
function exitCode(report: ScenarioReport, scenario: Scenario): ExitCode {
  const doubtful = report.runs.some(
    (r) =>
      r.prober.lateness_p99_ms > r.prober.interval_ms ||
      (r.load?.dropped_iterations ?? 0) > 0 ||
      r.baseline.lost > scenario.steadyState.maxLost,
  );
  if (report.verdicts.some((v) => !v.ok)) return 1;
  return doubtful ? 3 : 0;
}
