/** Samples as points of a chart: every loss, and as many successes as an eye can tell apart. */
import { type ProbeKind, type ProbeSample, round } from '@svclab/core';
import type { PagePoints, PageRate } from '@svclab/report-page';

/** Points of one flow by outcome; successes thinned out to about `limit`. */
export function pointsOf(flow: ProbeKind, samples: readonly ProbeSample[], limit: number): PagePoints[] {
  const groups = new Map<string, ProbeSample[]>();
  for (const s of samples) {
    const group = groups.get(s.outcome);
    if (group) group.push(s);
    else groups.set(s.outcome, [s]);
  }
  return [...groups].map(([outcome, group]) => {
    const kept = outcome === 'ok' ? thin(group, limit) : group;
    return {
      flow,
      outcome,
      t: kept.map((s) => round(s.scheduledMs, 1)),
      ms: kept.map((s) => round(s.doneMs - s.scheduledMs, 2)),
      of: group.length,
    };
  });
}

/** The fastest and the slowest of each of `limit / 2` groups of neighbours: spikes stay. */
export function thin(samples: readonly ProbeSample[], limit: number): readonly ProbeSample[] {
  if (samples.length <= limit) return samples;
  const groups = Math.max(1, Math.floor(limit / 2));
  const kept: ProbeSample[] = [];
  const took = (s: ProbeSample): number => s.doneMs - s.scheduledMs;
  for (let g = 0; g < groups; g++) {
    const group = samples.slice(
      Math.floor((g * samples.length) / groups),
      Math.floor(((g + 1) * samples.length) / groups),
    );
    let [low, high] = [group[0], group[0]];
    for (const s of group) {
      if (low && took(s) < took(low)) low = s;
      if (high && took(s) > took(high)) high = s;
    }
    for (const s of group) if (s === low || s === high) kept.push(s);
  }
  return kept;
}

/** At most so many bins a run. */
const MAX_BINS = 400;

/** Answers and losses a second by planned send time, in bins of ten intervals or more. */
export function ratesOf(
  flows: Readonly<Record<ProbeKind, readonly ProbeSample[]>>,
  intervalMs: number,
  durationMs: number,
): PageRate {
  const binMs = intervalMs * Math.max(10, Math.ceil(durationMs / intervalMs / MAX_BINS));
  const bins = Math.max(1, Math.ceil(durationMs / binMs));
  const count = (samples: readonly ProbeSample[], good: boolean): number[] => {
    const counts = new Array<number>(bins).fill(0);
    for (const s of samples) {
      const bin = Math.floor(s.scheduledMs / binMs);
      if ((s.outcome === 'ok') === good && bin < bins) counts[bin] = (counts[bin] ?? 0) + 1;
    }
    // The last bin may be cut short by the end of the run.
    return counts.map((n, i) => round((n * 1000) / Math.min(binMs, Math.max(intervalMs, durationMs - i * binMs)), 1));
  };
  const lost = [count(flows.new, false), count(flows.reused, false)];
  return {
    t: Array.from({ length: bins }, (_, i) => (i + 0.5) * binMs),
    answeredNew: count(flows.new, true),
    answeredReused: count(flows.reused, true),
    lost: (lost[0] ?? []).map((n, i) => round(n + (lost[1]?.[i] ?? 0), 1)),
  };
}
