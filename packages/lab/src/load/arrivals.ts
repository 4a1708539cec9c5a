/** When the iterations of an arrival-rate scenario are due: pure arithmetic. */
import type { Scenario, Stage } from './scenarios.ts';

/** Start times of all iterations, milliseconds after the scenario's start, in order. */
export function arrivalTimes(scenario: Extract<Scenario, { readonly timeUnitMs: number }>): Generator<number> {
  return scenario.executor === 'constant-arrival-rate'
    ? constantArrivals(scenario.rate, scenario.timeUnitMs, scenario.durationMs)
    : rampingArrivals(scenario.startRate, scenario.stages, scenario.timeUnitMs);
}

/** Evenly spaced from 0 on, `rate` per `timeUnitMs`, as long as they lie before `durationMs`. */
export function* constantArrivals(rate: number, timeUnitMs: number, durationMs: number): Generator<number> {
  for (let i = 0; ; i++) {
    const at = (i * timeUnitMs) / rate;
    // A hair below the end, so that 3/s for 1 s is three iterations whatever the rounding.
    if (at >= durationMs - 1e-9) return;
    yield at;
  }
}

/** The rate moves linearly to each stage's target; iteration `n` is due when the integral of the rate reaches `n` (from 1). */
export function* rampingArrivals(startRate: number, stages: readonly Stage[], timeUnitMs: number): Generator<number> {
  let from = startRate / timeUnitMs;
  let startMs = 0;
  let area = 0;
  let n = 1;
  for (const { durationMs, target } of stages) {
    const to = target / timeUnitMs;
    const slope = durationMs === 0 ? 0 : (to - from) / durationMs;
    const whole = ((from + to) / 2) * durationMs;
    for (; n <= area + whole + 1e-9; n++) {
      // from x t + slope x t^2 / 2 = need, solved in the form that does not cancel when the slope is small or negative.
      const need = n - area;
      const root = Math.sqrt(Math.max(0, from * from + 2 * slope * need));
      yield startMs + (from + root === 0 ? durationMs : Math.min(durationMs, (2 * need) / (from + root)));
    }
    area += whole;
    startMs += durationMs;
    from = to;
  }
}

/** How long a scenario sends new iterations, milliseconds. */
export function scenarioDurationMs(scenario: Scenario): number {
  switch (scenario.executor) {
    case 'ramping-arrival-rate':
    case 'ramping-vus':
      return scenario.stages.reduce((sum, s) => sum + s.durationMs, 0);
    case 'constant-arrival-rate':
    case 'constant-vus':
      return scenario.durationMs;
    default:
      return scenario.maxDurationMs;
  }
}
