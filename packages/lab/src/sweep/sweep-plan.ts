/** What a sweep would do. */
import { speakMs } from '@svclab/core';
import type { Scenario } from '../scenario/scenario-file.ts';
import { gridPoints, pointLabel, type SweepAxis } from './grid.ts';
import { pointScenario } from './point-scenario.ts';

/** A lab's start, its manifests and its end, ms, as a rule. */
const LAB_MS = 12_000;

/** One row a combination, and how long all of it takes. */
export interface SweepPlan {
  readonly title: string;
  readonly repeats: number;
  readonly idle_ms: number;
  readonly about_ms: number;
  readonly points: readonly {
    readonly label: string;
    readonly settings: Readonly<Record<string, string>>;
    readonly detection_bound_ms: readonly [number, number];
    readonly run_ms: number;
    readonly notes: readonly string[];
  }[];
}

/** Plans it. */
export function sweepDryRun(
  scenario: Scenario,
  axes: readonly SweepAxis[],
  options: { readonly repeats: number; readonly idleMs: number },
): SweepPlan {
  const points = gridPoints(axes).map((settings) => {
    const made = pointScenario(scenario, settings);
    return {
      label: pointLabel(settings, axes),
      settings,
      detection_bound_ms: made.detectionMs,
      run_ms: Math.round(made.scenario.durationMs + made.scenario.faultPhaseMs / 2),
      notes: made.notes,
    };
  });
  return {
    title: scenario.title,
    repeats: options.repeats,
    idle_ms: options.idleMs,
    about_ms: points.reduce((sum, p) => sum + LAB_MS + options.repeats * p.run_ms + options.idleMs, 0),
    points,
  };
}

/** The plan for a terminal. `table` lays columns out. */
export function sweepPlanText(
  plan: SweepPlan,
  table: (head: readonly string[], rows: readonly (readonly string[])[]) => string,
): string {
  const rows = plan.points.map((p) => [
    p.label,
    `${speakMs(p.detection_bound_ms[0])} to ${speakMs(p.detection_bound_ms[1])}`,
    speakMs(p.run_ms),
    p.notes.join('; '),
  ]);
  return [
    `${plan.title}: ${plan.points.length} labs, ${plan.repeats} run${plan.repeats === 1 ? '' : 's'} each, then ${speakMs(plan.idle_ms)} at rest; about ${speakMs(plan.about_ms)} in all`,
    table(['VALUE', 'DETECTION', 'RUN', 'NOTE'], rows),
  ].join('\n');
}
