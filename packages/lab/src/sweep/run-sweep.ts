/** Runs a scenario once for each combination of a grid, each on a lab of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@svclab/runtime';
import type { LabConnection } from '../client/connect.ts';
import { type Driver, endLab, openLab } from '../client/open.ts';
import { writeReports } from '../report/write-reports.ts';
import type { LoadEngine } from '../scenario/load-run.ts';
import { runScenarioFile } from '../scenario/run-scenario.ts';
import type { Scenario } from '../scenario/scenario-file.ts';
import { steadyTarget } from '../scenario/targets.ts';
import { LabError } from '../state/errors.ts';
import { gridPoints, pointFolder, pointLabel, type SweepAxis, type SweepSettings } from './grid.ts';
import type { IdleFigures, SweepPoint, SweepReport } from './model.ts';
import { type PointScenario, pointScenario } from './point-scenario.ts';
import { sweepPoint, sweepReport } from './sweep-report.ts';
import { watchIdle } from './watch-idle.ts';

/** How to sweep. */
export interface SweepRun {
  readonly scenario: Scenario;
  readonly axes: readonly SweepAxis[];
  /** Of each lab, one after another. */
  readonly name: string;
  readonly driver: Driver;
  readonly root: string;
  readonly repeats: number;
  readonly seed: number;
  readonly engine: LoadEngine;
  /** How long each lab is watched while nothing is broken, ms; 0 for not at all. */
  readonly idleMs: number;
  /** Directory for the reports, absolute. */
  readonly dir: string;
  readonly command: string;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  readonly live?: (source: 'probe' | 'load', line: string) => void;
  readonly onRun?: (run: number, of: number, plannedMs: number) => void;
}

const STEADY_MS = 120_000;
/** What a lab is given to come to rest after the last run: gossip, late gratuitous rounds, endpoints that return. */
const REST_MS = 3000;

/**
 * Sweeps. A point that cannot be measured is reported as such and the next one begins; when `signal` is aborted, what was measured until then is
 * reported. Every lab is taken down.
 */
export async function runSweep(options: SweepRun): Promise<SweepReport> {
  const { axes, scenario, signal, progress } = options;
  const startedAt = isoNow();
  const points: SweepPoint[] = [];
  const grid = gridPoints(axes);
  for (const [i, settings] of grid.entries()) {
    if (signal.aborted) break;
    progress(
      `Point ${i + 1} of ${grid.length}: ${Object.entries(settings)
        .map(([k, v]) => `${k}=${v}`)
        .join(', ')}`,
    );
    const point = await runPoint(options, settings);
    points.push(point);
    if (point.error !== '') progress(`${pointLabel(settings, axes)} could not be measured: ${point.error}`);
  }
  return sweepReport(points, {
    scenario,
    axes,
    repeats: options.repeats,
    seed: options.seed,
    driver: options.driver,
    command: options.command,
    startedAt,
    finishedAt: isoNow(),
    interrupted: signal.aborted,
  });
}

function isoNow(): string {
  return new Date(systemClock.wall()).toISOString();
}

async function runPoint(options: SweepRun, settings: SweepSettings): Promise<SweepPoint> {
  const { axes, scenario, driver, name, root, signal, progress } = options;
  const made = pointScenario(scenario, settings);
  const folder = pointFolder(settings);
  const dir = join(options.dir, folder);
  for (const note of made.notes) progress(note);
  const parts = { settings, axes, detectionMs: made.detectionMs, notes: made.notes, path: join(folder, 'report.json') };
  let lab: LabConnection | undefined;
  try {
    const { report } = await runScenarioFile({
      ...options,
      scenario: made.scenario,
      dir,
      keep: true,
      onLab: (l) => {
        lab = l;
      },
    });
    if (report.runs.length > 0) writeReports(dir, report);
    const idle = signal.aborted || options.idleMs === 0 ? undefined : await idleOf(options, made, dir);
    return sweepPoint({ ...parts, report, idle, error: signal.aborted ? 'interrupted' : 'no run was measured' });
  } catch (error) {
    // What the user must mend is the same at every point; what one combination of timers makes of the lab is a finding.
    if (error instanceof LabError && error.exitCode === 2) throw error;
    const message = error instanceof Error ? error.message : String(error);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'error.txt'), `${message}\n`);
    return sweepPoint({ ...parts, report: undefined, idle: undefined, error: message });
  } finally {
    if (lab) await endLab(root, { driver, name });
  }
}

async function idleOf(options: SweepRun, { scenario }: PointScenario, dir: string): Promise<IdleFigures | undefined> {
  const { driver, idleMs, name, progress, root, signal } = options;
  const lab = await openLab(root, { driver, name });
  try {
    await steadyTarget(lab, scenario.target, { dir, timeoutMs: STEADY_MS, signal });
    progress(`Watching the lab at rest for ${idleMs / 1000} s`);
    await watchIdle(lab, REST_MS, signal);
    const figures = await watchIdle(lab, idleMs, signal);
    progress(
      `${figures.false_failovers} false failovers, ${figures.false_suspicions} suspicions; announcers use ${(figures.announcer_cpu * 100).toFixed(2)} % of a CPU, the LAN carries ${(figures.lan_bytes_per_s / 1000).toFixed(1)} kB/s`,
    );
    return figures;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    lab.close();
  }
}
