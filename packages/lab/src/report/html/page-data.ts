/** From a report and its raw data to what the page's script draws. */
import { type ProbeSample, percentileOfSorted, round, speakMs } from '@svclab/core';
import type { PageData, PageLine, PageRun, PageSpan } from '@svclab/report-page';
import { build as buildHistogram } from 'hdr-histogram-js';
import type { RunReport, RunResult } from '../model.ts';
import { medianRun } from '../rows.ts';
import { faultSpans, lanesOf, type RunTime } from './lanes.ts';
import { pointsOf, ratesOf } from './points.ts';
import type { RawRun } from './raw-data.ts';

/** Successes drawn over all runs and flows together: more than the eye can tell apart, and about a megabyte. */
const MAX_POINTS = 60_000;

/** Fewest and most successes drawn of one flow of one run. */
const POINTS_A_FLOW = { min: 500, max: 4000 };

/** Builds the page's data; `raw` holds the raw data of each run in the order of `report.runs`. */
export function pageData(report: RunReport, raw: readonly RawRun[]): PageData {
  const limit = Math.min(
    POINTS_A_FLOW.max,
    Math.max(POINTS_A_FLOW.min, Math.floor(MAX_POINTS / 2 / Math.max(1, raw.length))),
  );
  const first = report.runs[0]?.prober;
  const shown = medianRun(report);
  return {
    intervalMs: first?.interval_ms ?? 0,
    timeoutMs: first?.timeout_ms ?? 0,
    runs: report.runs.flatMap((run, i) => {
      const data = raw[i];
      return data ? [pageRun(run, data, limit)] : [];
    }),
    shown: Math.max(0, shown === undefined ? 0 : report.runs.indexOf(shown)),
    ecdf: ecdf(report),
    percentiles: percentiles(raw),
  };
}

function pageRun(run: RunResult, { samples, events }: RawRun, limit: number): PageRun {
  const startNs = BigInt(run.prober.start_ns);
  const time: RunTime = (ns) => Number(ns - startNs) / 1e6;
  const durationMs = run.prober.duration_ms;
  const stamped = faultSpans(events, time, durationMs);
  const faults = stamped.length > 0 ? stamped : stepSpans(run);
  return {
    label: `Run ${run.run}${run.case === '' ? '' : `, ${run.case}`}: dark ${speakMs(run.dark_ms.new)}${run.inconclusive.length > 0 ? ' (inconclusive)' : ''}`,
    durationMs,
    points: [...pointsOf('new', samples.new, limit), ...pointsOf('reused', samples.reused, limit)],
    rate: ratesOf(samples, run.prober.interval_ms, durationMs),
    faults,
    lanes: lanesOf({ events, faults, owner: { vip: run.vip, node: run.owner_before }, time, durationMs }),
  };
}

/** Without a timeline the steps tell when faults were there: to their own end, or to the next healing step. */
function stepSpans(run: RunResult): PageSpan[] {
  return run.steps
    .filter((s) => s.kind === 'fault')
    .map((s) => {
      const heal = run.steps.find((h) => h.kind === 'heal' && h.at_ms >= s.at_ms);
      const to = s.end_ms > s.at_ms ? s.end_ms : (heal?.at_ms ?? run.prober.duration_ms);
      return { from: s.at_ms, to, label: s.what, kind: 'fault' as const };
    });
}

/** Fewest runs of which a distribution says anything. */
const ENOUGH_RUNS = 3;

function ecdf(report: RunReport): PageData['ecdf'] {
  if (report.runs.length < ENOUGH_RUNS) return null;
  const flows = (['new', 'reused'] as const).map((flow) => ({
    flow,
    values: report.runs.map((r) => r.dark_ms[flow]).sort((a, b) => a - b),
  }));
  const x = [...new Set(flows.flatMap((f) => f.values))].sort((a, b) => a - b);
  return {
    x,
    lines: flows.map(({ flow, values }) => ({
      name: `${flow} connections`,
      dashed: flow === 'reused',
      y: x.map((limit) => round((values.filter((v) => v <= limit).length * 100) / values.length, 2)),
    })),
    p50: report.dark_ms.new.p50,
    p95: report.dark_ms.new.p95,
  };
}

const LADDER = [0, 10, 25, 50, 75, 80, 85, 90, 92.5, 95, 97.5, 98, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 99.999];

/** Latency of what was answered, all runs together, through HdrHistograms in microseconds: from the planned and from the actual send time. */
function percentiles(raw: readonly RawRun[]): PageData['percentiles'] {
  const flows = (['new', 'reused'] as const).flatMap((flow) => {
    const ok = raw.flatMap((r) => r.samples[flow].filter((s) => s.outcome === 'ok'));
    return [
      { name: `${flow}, corrected`, dashed: false, ok, took: (s: ProbeSample) => s.doneMs - s.scheduledMs },
      { name: `${flow}, raw`, dashed: true, ok, took: (s: ProbeSample) => s.doneMs - s.sentMs },
    ];
  });
  const most = Math.max(0, ...flows.map((f) => f.ok.length));
  const ladder = LADDER.filter((p) => most * (1 - p / 100) >= 1 || p === 0);
  return {
    x: ladder.map((p) => round(1 / (1 - p / 100), 3)),
    lines: flows.map(({ name, dashed, ok, took }): PageLine => {
      const histogram = buildHistogram({
        lowestDiscernibleValue: 1,
        highestTrackableValue: 3_600_000_000,
        numberOfSignificantValueDigits: 3,
      });
      for (const s of ok) histogram.recordValue(Math.max(1, Math.round(took(s) * 1000)));
      const lowest = percentileOfSorted(
        ok.map(took).sort((a, b) => a - b),
        0,
      );
      return {
        name,
        dashed,
        y: ladder.map((p) =>
          ok.length === 0 ? null : round(p === 0 ? lowest : histogram.getValueAtPercentile(p) / 1000, 3),
        ),
      };
    }),
  };
}
