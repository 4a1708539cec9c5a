/** The prober's report: the JSON of `svclab probe -o json` and its text. */
import {
  type FlowSummary,
  findOutages,
  type Outage,
  type ProbeKind,
  type ProbeSample,
  percentileOfSorted,
  round,
  summarizeFlow,
} from '@svclab/core';
import { build as buildHistogram } from 'hdr-histogram-js';

/** Latency of the successes of one flow, milliseconds. */
export interface LatencySummary {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** One outage, as printed. */
export interface OutageReport {
  readonly kind: ProbeKind;
  /** CLOCK_MONOTONIC, nanoseconds, as decimal text (it does not fit a double). */
  readonly from_ns: string;
  readonly to_ns: string;
  readonly gap_ms: number;
  readonly lost: number;
  readonly recovered: boolean;
}

/** What `svclab probe -o json` prints. */
export interface ProbeReport {
  readonly interval_ms: number;
  /** Ticks: each sent one request on either flow. */
  readonly sent: number;
  readonly lateness_p99_ms: number;
  readonly new: FlowSummary;
  readonly reused: FlowSummary;
  readonly url: string;
  readonly timeout_ms: number;
  readonly duration_ms: number;
  readonly start_ns: string;
  readonly lateness_ms: { readonly p50: number; readonly p99: number; readonly max: number };
  /** `corrected` counts from the planned send time, `raw` from the actual one. */
  readonly latency_ms: Readonly<
    Record<ProbeKind, { readonly corrected: LatencySummary; readonly raw: LatencySummary }>
  >;
  /** Answers by backend, both flows apart. */
  readonly backends: Readonly<Record<ProbeKind, Readonly<Record<string, number>>>>;
  /** The longest outages (at most 200), in order of time. */
  readonly outages: readonly OutageReport[];
  readonly interrupted: boolean;
}

/** What the report is made of. */
export interface ProbeReportInput {
  readonly url: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startNs: bigint;
  readonly new: readonly ProbeSample[];
  readonly reused: readonly ProbeSample[];
  readonly interrupted: boolean;
}

const MAX_OUTAGES = 200;

/** Makes the report. */
export function probeReport(input: ProbeReportInput): ProbeReport {
  const { intervalMs } = input;
  const late = [...input.new, ...input.reused].map((s) => Math.max(0, s.sentMs - s.scheduledMs)).sort((a, b) => a - b);
  const p99 = round(percentileOfSorted(late, 0.99), 2);
  const flows = { new: input.new, reused: input.reused };
  return {
    interval_ms: intervalMs,
    sent: input.new.length,
    lateness_p99_ms: p99,
    new: summarizeFlow(input.new, intervalMs),
    reused: summarizeFlow(input.reused, intervalMs),
    url: input.url,
    timeout_ms: input.timeoutMs,
    duration_ms: round(input.new.length * intervalMs),
    start_ns: String(input.startNs),
    lateness_ms: { p50: round(percentileOfSorted(late, 0.5), 2), p99, max: round(late[late.length - 1] ?? 0, 2) },
    latency_ms: { new: latencies(flows.new), reused: latencies(flows.reused) },
    backends: { new: backends(flows.new), reused: backends(flows.reused) },
    outages: (['new', 'reused'] as const).flatMap((kind) => outageReports(kind, flows[kind], input)),
    interrupted: input.interrupted,
  };
}

function outageReports(kind: ProbeKind, samples: readonly ProbeSample[], input: ProbeReportInput): OutageReport[] {
  const ns = (ms: number): string => String(input.startNs + BigInt(Math.round(ms * 1e6)));
  return findOutages(samples, input.intervalMs)
    .sort((a: Outage, b: Outage) => b.gapMs - a.gapMs)
    .slice(0, MAX_OUTAGES)
    .sort((a, b) => a.fromMs - b.fromMs)
    .map((o) => ({
      kind,
      from_ns: ns(o.fromMs),
      to_ns: ns(o.toMs),
      gap_ms: round(o.gapMs),
      lost: o.lost,
      recovered: o.recovered,
    }));
}

function latencies(samples: readonly ProbeSample[]): { corrected: LatencySummary; raw: LatencySummary } {
  const ok = samples.filter((s) => s.outcome === 'ok');
  return {
    corrected: latencySummary(ok.map((s) => s.doneMs - s.scheduledMs)),
    raw: latencySummary(ok.map((s) => s.doneMs - s.sentMs)),
  };
}

/** Percentiles through an HdrHistogram in microseconds, three digits. */
function latencySummary(ms: readonly number[]): LatencySummary {
  const histogram = buildHistogram({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3_600_000_000,
    numberOfSignificantValueDigits: 3,
  });
  for (const value of ms) histogram.recordValue(Math.max(1, Math.round(value * 1000)));
  const at = (p: number): number => (ms.length === 0 ? 0 : round(histogram.getValueAtPercentile(p) / 1000, 2));
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: at(100) };
}

function backends(samples: readonly ProbeSample[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const s of samples) if (s.outcome === 'ok') counts[s.backend] = (counts[s.backend] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The report as text, without a newline at the end. */
export function probeText(report: ProbeReport): string {
  const flow = (name: ProbeKind): string => {
    const f = report[name];
    const bad = Object.entries(f.outcomes).filter(([k]) => k !== 'ok');
    const classes = bad.length > 0 ? ` (${bad.map(([k, n]) => `${n} ${k}`).join(', ')})` : '';
    const l = report.latency_ms[name].corrected;
    return (
      `${name.padEnd(8)}${f.ok} ok, ${f.lost} lost${classes}; longest gap ${f.longest_gap_ms} ms, loss-derived ${f.loss_derived_ms} ms; ` +
      `latency p50 ${l.p50} p99 ${l.p99} max ${l.max} ms`
    );
  };
  const shares = Object.entries(report.backends.new).map(([name, n]) => `${name || '(unnamed)'} ${n}`);
  return [
    `${report.url}: ${report.sent} ticks, one each ${report.interval_ms} ms (the error of every figure)`,
    flow('new'),
    flow('reused'),
    ...(shares.length > 0 ? [`backends ${shares.join(', ')}`] : []),
    `sent late by p50 ${report.lateness_ms.p50} p99 ${report.lateness_ms.p99} max ${report.lateness_ms.max} ms`,
  ].join('\n');
}
