/** Puts the points of a sweep together, and says in a sentence what they show. */
import { arch, availableParallelism, release } from 'node:os';
import { round, speakMs, VERSION } from '@svclab/core';
import type { RunReport } from '../report/model.ts';
import type { Scenario } from '../scenario/scenario-file.ts';
import type { SweepAxis, SweepSettings } from './grid.ts';
import { pointLabel } from './grid.ts';
import type { IdleFigures, SweepPoint, SweepReport } from './model.ts';

/** What a point is made of. */
export interface PointParts {
  readonly settings: SweepSettings;
  readonly axes: readonly SweepAxis[];
  readonly detectionMs: readonly [number, number];
  /** undefined when it could not be measured. */
  readonly report: RunReport | undefined;
  readonly idle: IdleFigures | undefined;
  readonly error: string;
  /** Relative to the sweep's folder. */
  readonly path: string;
  readonly notes: readonly string[];
}

/** Makes a point. */
export function sweepPoint(parts: PointParts): SweepPoint {
  const { report, settings, axes } = parts;
  const measured = report && report.runs.length > 0 ? report : undefined;
  return {
    settings,
    label: pointLabel(settings, axes),
    verdict: measured?.verdict ?? 'error',
    error: measured ? '' : parts.error,
    dark_ms: measured ? measured.dark_ms : null,
    lost: measured ? { new: measured.lost.new, reused: measured.lost.reused } : null,
    phases_ms: measured?.phases_ms ?? {},
    detection_bound_ms: [round(parts.detectionMs[0]), round(parts.detectionMs[1])],
    idle: parts.idle ?? null,
    report: parts.path,
    notes: [...parts.notes, ...(measured ? [...new Set(measured.runs.flatMap((r) => r.inconclusive))] : [])],
  };
}

/** What a sweep says besides its points. */
export interface SweepFacts {
  readonly scenario: Scenario;
  readonly axes: readonly SweepAxis[];
  readonly repeats: number;
  readonly seed: number;
  readonly driver: string;
  readonly command: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly interrupted: boolean;
}

/** Makes the report. */
export function sweepReport(points: readonly SweepPoint[], facts: SweepFacts): SweepReport {
  const { scenario, axes } = facts;
  return {
    format: 'svclab.dev/sweep/v1',
    title: `${scenario.title} over ${axes.map((a) => a.knobs.join('+')).join(' and ')}`,
    scenario: scenario.file,
    sentence: sweepSentence(points, axes),
    over: axes.map(({ knobs, values }) => ({ knobs, values })),
    repeats: facts.repeats,
    seed: facts.seed,
    points,
    interrupted: facts.interrupted,
    environment: {
      svclab: VERSION,
      node: process.version,
      kernel: `${release()} ${arch()}`,
      cpus: availableParallelism(),
      driver: facts.driver,
      profile: scenario.lab.profile,
      nodes: scenario.lab.nodes,
    },
    command: facts.command,
    started_at: facts.startedAt,
    finished_at: facts.finishedAt,
  };
}

/**
 * What to turn, and what it buys: the point with the shortest 95th percentile of the dark time among those without a false failover, against the
 * one with the longest.
 */
export function sweepSentence(points: readonly SweepPoint[], axes: readonly SweepAxis[]): string {
  const measured = points.filter((p) => p.dark_ms !== null);
  const dark = (p: SweepPoint): number => p.dark_ms?.new.p95 ?? 0;
  const [quickest] = [...measured].sort((a, b) => dark(a) - dark(b));
  if (!quickest) return 'Nothing was measured.';
  const what = axes.map((a) => a.knobs.join('+')).join(', ');
  const calm = measured.filter((p) => p.idle !== null && p.idle.false_failovers === 0);
  const [best] = [...calm].sort((a, b) => dark(a) - dark(b));
  const named = (p: SweepPoint): string => `${what} = ${p.label}`;
  if (!best && measured.every((p) => p.idle === null))
    return `${named(quickest)} is the quickest: dark for ${speakMs(dark(quickest))} (p95); false failovers were not counted.`;
  if (!best)
    return `Every value that was watched caused false failovers; the quickest, ${named(quickest)}, left the VIP dark for ${speakMs(dark(quickest))} (p95).`;
  const slowest = [...measured].sort((a, b) => dark(b) - dark(a))[0] ?? best;
  const against = slowest === best ? '' : `, against ${speakMs(dark(slowest))} with ${slowest.label}`;
  const faster =
    quickest === best || dark(quickest) === dark(best)
      ? ''
      : `; ${quickest.label} is quicker (${speakMs(dark(quickest))}) but moved the VIP ${times(quickest.idle?.false_failovers)} in ${speakMs((quickest.idle?.seconds ?? 0) * 1000)} without a fault`;
  return `${named(best)} is the quickest without a false failover: dark for ${speakMs(dark(best))} (p95)${against}${extra(best, slowest)}${faster}.`;
}

function times(n: number | undefined): string {
  return n === undefined ? 'an unknown number of times' : n === 1 ? 'once' : `${n} times`;
}

/** What the quicker point costs beside the slower one. */
function extra(best: SweepPoint, slowest: SweepPoint): string {
  if (best === slowest || !best.idle || !slowest.idle) return '';
  const cpu = best.idle.announcer_cpu - slowest.idle.announcer_cpu;
  const bytes = best.idle.lan_bytes_per_s - slowest.idle.lan_bytes_per_s;
  const than = (n: number): string => (n < 0 ? 'less' : 'more');
  return `, for ${round(Math.abs(cpu) * 100, 2)} % ${than(cpu)} of a CPU and ${round(Math.abs(bytes) / 1000, 1)} kB/s ${than(bytes)} on the LAN`;
}

/** Exit code of a sweep: what a scenario expects is judged by `svclab run`; here it counts that everything could be measured. */
export function sweepExitCode(report: SweepReport): 0 | 3 | 130 {
  if (report.interrupted) return 130;
  return report.points.some((p) => p.verdict === 'error' || p.verdict === 'inconclusive') ? 3 : 0;
}
