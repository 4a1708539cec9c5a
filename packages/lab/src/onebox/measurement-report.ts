/** The report of a measurement: what a Service's callers felt while somebody did something to the lab. */
import { findOutages, type Latency, type Phases, type ProbeSample, speakMs, type TimelineEvent } from '@svclab/core';
import { type FailoverReport, failoverReport } from '../report/failover-report.ts';
import { stepsSeen } from '../scenario/measure.ts';
import type { ProbeOutcome } from '../scenario/probe-run.ts';

/** Keys and units are a contract: test code reads them. Milliseconds unless named otherwise. */
export interface MeasurementReport {
  /** What was asked for, as the client host names it. */
  readonly url: string;
  readonly sentence: string;
  /** Longest time without success after the first fault, on a connection per request and on one kept open. */
  readonly dark_ms: { readonly new: number; readonly reused: number };
  /** Lost since the action began: on new connections, on reused ones, and both together. */
  readonly lost: { readonly new: number; readonly reused: number; readonly total: number };
  /** What was lost before the action began: anything makes the figures doubtful. */
  readonly baseline: { readonly lost: number; readonly sent: number };
  /** Whether the last requests of both kinds were answered. */
  readonly recovered: boolean;
  /** Parts of `dark_ms.new` when the address moved to another node; null when it did not. */
  readonly phases_ms: Phases | null;
  /** Node that announced the address when the action began, and the one that took over; empty when there was none. */
  readonly owner_before: string;
  readonly owner_after: string;
  /** Per surviving node: fault to the first rules without the dead node's endpoints. */
  readonly endpoints_removed_ms: Readonly<Record<string, number>>;
  readonly latency_ms: { readonly before: Latency; readonly during: Latency; readonly after: Latency };
  readonly failback: FailoverReport['failback'];
  readonly prober: { readonly interval_ms: number; readonly lateness_p99_ms: number; readonly sent: number };
  /** What the stamps lacked, in words. */
  readonly notes: readonly string[];
  /** Faults made and healed, in order. */
  readonly steps: readonly { readonly verb: string; readonly target: string; readonly at_ns: string }[];
}

/** What the report is made of. */
export interface MeasurementInput extends ProbeOutcome {
  /** The address that is measured and who owned it; undefined when no announced address is. */
  readonly vip: { readonly vip: string; readonly url: string; readonly owner: string } | undefined;
  readonly events: readonly TimelineEvent[];
  /** When the action began and when the measurement ended, CLOCK_MONOTONIC ns. */
  readonly markNs: bigint;
  readonly endNs: bigint;
}

const MS = 1e6;

/** Computes the report. Pure. */
export function measurementReport(input: MeasurementInput): MeasurementReport {
  const { run, report, vip, markNs, endNs } = input;
  const events = input.events.filter((e) => e.atNs >= markNs);
  const seen = stepsSeen(events);
  const action = { verb: 'action', resolved: '', effectiveNs: markNs };
  const base = failoverReport({
    run,
    report,
    vip: vip ?? { vip: '', url: report.url, owner: '' },
    events: input.events,
    steps: seen.length > 0 ? seen : [action],
    load: undefined,
    endNs,
  });
  const markMs = Number(markNs - run.startNs) / MS;
  const lost = lostSince(input, markMs);
  const moved = base.owner_after !== '';
  return {
    url: report.url,
    sentence: moved ? base.sentence : plainSentence(base.dark_ms, lost),
    dark_ms: base.dark_ms,
    lost,
    baseline: base.baseline,
    recovered: ended(run.new, run.intervalMs) && ended(run.reused, run.intervalMs),
    phases_ms: moved ? base.phases_ms : null,
    owner_before: base.owner_before,
    owner_after: base.owner_after,
    endpoints_removed_ms: base.endpoints_removed_ms,
    latency_ms: base.latency_ms,
    failback: base.failback,
    prober: base.prober,
    // An address that stayed where it was is no lack of stamps.
    notes: moved ? base.notes : base.notes.filter((n) => !/^No node but/.test(n)),
    steps: events
      .filter((e) => e.type === 'fault.effective' || e.type === 'fault.healed')
      .map((e) => ({ verb: e.attrs.fault ?? '', target: e.attrs.target ?? '', at_ns: String(e.atNs) })),
  };
}

function lostSince({ run }: MeasurementInput, markMs: number): MeasurementReport['lost'] {
  const count = (samples: readonly ProbeSample[]): number =>
    samples.filter((s) => s.outcome !== 'ok' && s.doneMs > markMs).length;
  const lost = { new: count(run.new), reused: count(run.reused) };
  return { ...lost, total: lost.new + lost.reused };
}

function ended(samples: readonly ProbeSample[], intervalMs: number): boolean {
  return samples.length > 0 && findOutages(samples, intervalMs).every((o) => o.recovered);
}

function plainSentence(dark: MeasurementReport['dark_ms'], lost: MeasurementReport['lost']): string {
  if (lost.total === 0) return 'No request was lost.';
  const longest = Math.max(dark.new, dark.reused);
  return `The Service was dark for up to ${speakMs(longest)}; ${lost.new} requests lost on new connections, ${lost.reused} on reused ones.`;
}
