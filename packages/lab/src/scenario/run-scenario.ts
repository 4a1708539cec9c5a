/** Runs a scenario: one lab, the experiment as often as asked, one report. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '@svclab/core';
import { seededRandom, systemClock } from '@svclab/runtime';
import type { LabConnection } from '../client/connect.ts';
import { type Driver, endLab } from '../client/open.ts';
import type { RunReport, RunResult } from '../report/model.ts';
import { type ExitCode, LabError } from '../state/errors.ts';
import { checkRun, podNodesOf, readCluster } from './checks.ts';
import { judge } from './expectation.ts';
import { runExperiment } from './experiment.ts';
import { type FaultMaker, openFaultSession } from './fault-session.ts';
import type { LoadEngine } from './load-run.ts';
import { Performer } from './perform.ts';
import { type Preparation, prepare } from './prepare.ts';
import { exitCodeOf, runReport } from './run-report.ts';
import { runResult } from './run-result.ts';
import { type Scenario, type ScenarioCase, scenarioLab } from './scenario-file.ts';
import { resolveTarget, steadyTarget, type Target } from './targets.ts';
import type { FieldPath } from './yaml-source.ts';

/** How to run it. */
export interface ScenarioRun {
  readonly scenario: Scenario;
  /** Of the lab that is made. */
  readonly name: string;
  /** Run on this lab, which runs already and stays, instead of making one. */
  readonly on?: string | undefined;
  readonly driver: Driver;
  readonly root: string;
  readonly repeats: number;
  /** Of all that is random, from 0 to 2^32 - 1. */
  readonly seed: number;
  readonly engine: LoadEngine;
  /** Directory for samples and timelines, absolute. */
  readonly dir: string;
  readonly keep: boolean;
  /** The command that runs it, for the report. */
  readonly command: string;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** Gets what the prober and the load say each second. */
  readonly live?: (source: 'probe' | 'load', line: string) => void;
  /** Called before each run: which, of how many, and how long it is planned to take, ms. */
  readonly onRun?: (run: number, of: number, plannedMs: number) => void;
  /** Called once the lab's name is taken, so that an interrupted caller can take it down. */
  readonly onLab?: (lab: LabConnection) => void;
}

const STEADY_TIMEOUT_MS = 120_000;

/**
 * Runs the scenario and takes its lab down again (unless `keep`). When `signal` is aborted, the faults are healed and what was measured until
 * then is reported. Rejects with a LabError when something cannot be carried out.
 */
export async function runScenarioFile(options: ScenarioRun): Promise<{ report: RunReport; exitCode: ExitCode }> {
  const { scenario, signal, progress, dir } = options;
  mkdirSync(dir, { recursive: true });
  const startedAt = isoNow();
  const random = seededRandom(options.seed);
  const runs: RunResult[] = [];
  let lab: LabConnection | undefined;
  try {
    try {
      const ready = await prepare(
        {
          ...scenario.lab,
          name: options.name,
          on: options.on,
          driver: options.driver,
          root: options.root,
          manifests: scenario.manifests,
          services: servicesOf(scenario),
          target: scenario.target,
          dir,
          signal,
          progress,
        },
        (l) => {
          lab = l;
          options.onLab?.(l);
        },
      );
      const faults = await openFaultSession(ready.lab, !options.keep && options.on === undefined);
      try {
        await allRuns(options, { lab: ready.lab, first: ready.target, faults, random, runs });
      } finally {
        await faults.close();
      }
    } catch (error) {
      // What was measured before the interruption is kept; an error is an error all the same.
      if (!signal.aborted || error instanceof LabError) throw error;
    }
    const report = runReport(runs, {
      scenario,
      lab: lab?.config ?? scenarioLab(scenario),
      seed: options.seed,
      driver: options.driver,
      engine: options.engine,
      command: options.command,
      startedAt,
      finishedAt: isoNow(),
      interrupted: signal.aborted,
    });
    return { report, exitCode: exitCodeOf(report.verdict) };
  } finally {
    lab?.close();
    if (lab && !options.keep && options.on === undefined) await endLab(options.root, options);
  }
}

/** The Services a scenario names, with the places in its file. */
function servicesOf(scenario: Scenario): NonNullable<Preparation['services']> {
  const at = (path: FieldPath): string => {
    const where = scenario.where(path);
    return where === '' ? '' : `${where}: `;
  };
  return [
    { service: scenario.target.service, where: at(['service']) },
    ...scenario.beside.map((b, i) => ({ service: b.service, where: at(['beside', i, 'service']) })),
  ];
}

function isoNow(): string {
  return new Date(systemClock.wall()).toISOString();
}

interface All {
  readonly lab: LabConnection;
  /** The target as it was found when the lab was ready. */
  readonly first: Target;
  readonly faults: FaultMaker;
  readonly random: Random;
  /** Gets each run as it ends. */
  readonly runs: RunResult[];
}

async function allRuns(options: ScenarioRun, { lab, first, faults, random, runs }: All): Promise<void> {
  const { scenario, signal, repeats, dir, progress } = options;
  const cases: readonly (ScenarioCase | undefined)[] = scenario.cases.length > 0 ? scenario.cases : [undefined];
  const total = repeats * cases.length;
  for (let run = 1; run <= total && !signal.aborted; run++) {
    const variant = cases[(run - 1) % cases.length];
    const own = { ...options, scenario: variant?.scenario ?? scenario };
    const target =
      run === 1 ? first : await steadyTarget(lab, scenario.target, { dir, timeoutMs: STEADY_TIMEOUT_MS, signal });
    const faultPhaseMs = random.next() * scenario.faultPhaseMs;
    options.onRun?.(run, total, own.scenario.durationMs + faultPhaseMs);
    const name = variant === undefined ? '' : ` (${variant.name})`;
    if (total > 1)
      progress(`Run ${run} of ${total}${name}: ${target.url}${target.owner === '' ? '' : ` is on ${target.owner}`}`);
    try {
      const result = await once(own, {
        lab,
        target,
        faults,
        run,
        faultPhaseMs,
        name: variant?.name ?? '',
        folder: total === 1 ? '' : `run-${run}`,
      });
      runs.push(result);
      progress(result.sentence);
      for (const check of result.checks)
        if (!check.held && !scenario.expectViolation.includes(check.check))
          progress(`Check ${check.check} is violated: ${check.finding}`);
    } finally {
      await faults.heal('all');
    }
    await rollBack(own, lab, faults, runs[runs.length - 1]);
  }
}

interface One {
  readonly lab: LabConnection;
  readonly target: Target;
  readonly faults: FaultMaker;
  readonly run: number;
  readonly faultPhaseMs: number;
  readonly name: string;
  /** Of this run's raw data, in the report's folder. */
  readonly folder: string;
}

async function once(options: ScenarioRun, one: One): Promise<RunResult> {
  const { lab, target, faults, run, faultPhaseMs, name, folder } = one;
  const { scenario, signal } = options;
  const dir = join(options.dir, folder);
  mkdirSync(dir, { recursive: true });
  const beside = await Promise.all(
    scenario.beside.map(async (b) => ({ name: b.name, target: await resolveTarget(lab, b, signal) })),
  );
  const before = await readCluster(lab, scenario);
  const planned = scenario.durationMs + faultPhaseMs;
  const result = await runExperiment({
    lab,
    target,
    beside,
    ...scenario.probe,
    steadyMs: scenario.steadyState.durationMs,
    faultPhaseMs,
    durationMs: scenario.durationMs,
    recoveryMs: scenario.recoveryMs,
    method: scenario.method,
    faults,
    probes: scenario.probes,
    dns: scenario.dns,
    load: scenario.load && {
      engine: options.engine,
      script: scenario.load.script,
      env: {
        URL: new URL('/', target.url).href,
        DURATION: `${Math.floor(planned / 1000)}s`,
        ...scenario.load.env,
      },
    },
    dir,
    signal,
    progress: options.progress,
    ...(options.live ? { live: options.live } : {}),
  });
  const files = [
    'samples.jsonl',
    'timeline.jsonl',
    'probe.json',
    ...beside.map((b) => `samples-${b.name}.jsonl`),
    ...scenario.dns.map((d) => `dns-${d.name}.jsonl`),
  ];
  const after = await readCluster(lab, scenario).catch(() => before);
  return runResult(result, {
    scenario,
    run,
    name,
    faultPhaseMs,
    knobs: lab.config.knobs,
    nodes: lab.config.hosts.filter((h) => h.role === 'node').length,
    podNodes: { ...podNodesOf(before.pods), ...podNodesOf(after.pods) },
    checks: checkRun(result, lab, scenario, before),
    files: files.map((f) => join(folder, f)),
  });
}

/** Puts back what the method changed, as the strategy says. */
async function rollBack(
  options: ScenarioRun,
  lab: LabConnection,
  faults: FaultMaker,
  last: RunResult | undefined,
): Promise<void> {
  const { rollback, expectations } = options.scenario;
  const deviated = last !== undefined && expectations.some((e) => !judge(e, last).ok);
  if (rollback.steps.length === 0 || rollback.strategy === 'never' || (rollback.strategy === 'deviated' && !deviated))
    return;
  // Also after Ctrl-C: a kept lab shall be as it was.
  const performer = new Performer({
    lab,
    faults,
    startMs: 0,
    signal: new AbortController().signal,
    progress: (line) => options.progress(line.replace(/^.*? s: /, 'Rollback: ')),
    startLoad: async () => {},
    askProbe: async () => ({ held: true, said: '' }),
  });
  await performer.run(rollback.steps);
}
