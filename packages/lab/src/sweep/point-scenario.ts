/** A scenario with the values of one combination. */
import { detectionBound, type Knobs, knobText, resolveKnobs } from '@svclab/core';
import { type MethodStep, plannedMs } from '../scenario/method.ts';
import type { Scenario } from '../scenario/scenario-file.ts';
import type { SweepSettings } from './grid.ts';

/** What is left for the rest of a failover once the owner has been found dead. */
const AFTER_DETECTION_MS = 1000;

/** The scenario to run, and what was changed for it beyond the knobs. */
export interface PointScenario {
  readonly scenario: Scenario;
  readonly knobs: Knobs;
  readonly detectionMs: readonly [number, number];
  readonly notes: readonly string[];
}

/**
 * Puts the values in. A scenario made for short timers undoes its fault before long ones have noticed it: what follows the first fault then waits
 * until detection is surely over, which is noted. The random phase of the first fault follows the probe interval where the scenario did not say otherwise.
 */
export function pointScenario(scenario: Scenario, settings: SweepSettings): PointScenario {
  const set = { ...scenario.lab.set, ...settings };
  const knobs = resolveKnobs(scenario.lab.profile, set);
  const { minMs, maxMs } = detectionBound(knobs, scenario.lab.nodes);
  const { method, recoveryMs, notes } = stretched(scenario, Math.ceil(maxMs) + AFTER_DETECTION_MS);
  const usual = resolveKnobs(scenario.lab.profile, scenario.lab.set)['membership.probeInterval'];
  const [interval, timeout] = [knobs['membership.probeInterval'], knobs['membership.probeTimeout']];
  return {
    scenario: {
      ...scenario,
      lab: { ...scenario.lab, set },
      cases: scenario.cases.map((c) => ({ ...c, scenario: pointScenario(c.scenario, settings).scenario })),
      method,
      recoveryMs,
      durationMs: plannedMs(method, scenario.steadyState.durationMs) + recoveryMs,
      faultPhaseMs: scenario.faultPhaseMs === usual ? interval : scenario.faultPhaseMs,
    },
    knobs,
    detectionMs: [minMs, maxMs],
    notes: [
      ...notes,
      ...(timeout >= interval
        ? [
            `membership.probeTimeout (${knobText(timeout)}) is no shorter than membership.probeInterval (${knobText(interval)}): no time is left to ask other members`,
          ]
        : []),
    ],
  };
}

/** The method with at least `neededMs` between its first fault and whatever comes next. */
function stretched(
  scenario: Scenario,
  neededMs: number,
): { method: readonly MethodStep[]; recoveryMs: number; notes: readonly string[] } {
  const { method, recoveryMs } = scenario;
  const first = method.findIndex((s) => s.kind === 'fault');
  const next = method[first + 1];
  if (first < 0) return { method, recoveryMs, notes: [] };
  if (next === undefined)
    return recoveryMs >= neededMs
      ? { method, recoveryMs, notes: [] }
      : { method, recoveryMs: neededMs, notes: [waits('Recovery is measured for', neededMs, recoveryMs)] };
  const begin = plannedMs(method.slice(0, first), scenario.steadyState.durationMs) + (method[first]?.afterMs ?? 0);
  const gap = next.atMs === undefined ? next.afterMs + waitOf(next) : next.atMs - (method[first]?.atMs ?? begin);
  const more = neededMs - gap;
  if (more <= 0) return { method, recoveryMs, notes: [] };
  return {
    method: method.map((s, i) => {
      if (i <= first) return s;
      if (s.atMs !== undefined) return { ...s, atMs: s.atMs + more };
      return i === first + 1 ? { ...s, afterMs: s.afterMs + more } : s;
    }),
    recoveryMs,
    notes: [waits('What follows the first fault begins after', neededMs, gap)],
  };
}

function waitOf(step: MethodStep): number {
  return step.kind === 'wait' && step.ms !== 'steady' ? step.ms : 0;
}

function waits(what: string, ms: number, instead: number): string {
  return `${what} ${knobText(ms)} instead of ${knobText(instead)}, so that detection is over by then`;
}
