/**
 * What the prober measured, and the outage arithmetic over it.
 *
 * Terms after RFC 6412 and RFC 3357: an outage is the time between two consecutive successes with at least one loss between them; the
 * loss-derived outage is lost probes times the interval and equals the gap only for a clean cut.
 *
 * A gap runs between the instants the two successes were *sent*. Planned and actual send times are the same unless the prober was
 * late; where it was, the actual ones can only lengthen a reported gap, never hide part of an outage.
 */
import { round } from './percentile.ts';

/** Every way a request can end. Anything but `ok` is lost. */
export const OUTCOMES = ['ok', 'refused', 'reset', 'timeout', 'unreachable', 'http-error', 'other'] as const;

/** How a request ended. `reset`: the connection broke before the whole answer was there. `http-error`: status 400 or above. */
export type Outcome = (typeof OUTCOMES)[number];

/** The two flows, never merged: a connection per request, and one kept open. */
export const PROBE_KINDS = ['new', 'reused'] as const;

/** Which flow a request belongs to. */
export type ProbeKind = (typeof PROBE_KINDS)[number];

/** One request. Times are milliseconds since the prober's start. */
export interface ProbeSample {
  /** Number of the tick, from 0; both kinds share it. */
  readonly seq: number;
  /** When it should have been sent: `seq` x interval. */
  readonly scheduledMs: number;
  /** When it was. */
  readonly sentMs: number;
  /** When its fate was known. */
  readonly doneMs: number;
  readonly outcome: Outcome;
  /** Who answered; empty when nobody did or it did not say. */
  readonly backend: string;
}

/** What outage arithmetic needs of a sample, whatever was asked. */
export interface PacedSample extends Pick<ProbeSample, 'seq' | 'scheduledMs' | 'sentMs'> {
  /** Anything but `ok` is lost. */
  readonly outcome: string;
}

/** A time without success. */
export interface Outage {
  /** Sent time of the last success before; planned time of the first request when there was none. */
  readonly fromMs: number;
  /** Sent time of the first success after; the end of the measurement when there was none. */
  readonly toMs: number;
  readonly gapMs: number;
  readonly lost: number;
  /** False when the measurement ended first. */
  readonly recovered: boolean;
  /** Sequence numbers of the first and the last lost request. */
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Figures of one flow, as `svclab probe -o json` prints them. */
export interface FlowSummary {
  readonly sent: number;
  readonly ok: number;
  readonly lost: number;
  /** Longest time between two consecutive successes; one interval when nothing was lost. Error: one interval. */
  readonly longest_gap_ms: number;
  /** lost x interval. */
  readonly loss_derived_ms: number;
  /** Count of each outcome that occurred. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
}

/** All outages in the samples of one flow, which must be in order of `seq`, in order of time. */
export function findOutages(samples: readonly PacedSample[], intervalMs: number): Outage[] {
  const found: Outage[] = [];
  let lastSuccess: PacedSample | undefined;
  let lost: PacedSample[] = [];
  const close = (toMs: number, recovered: boolean): void => {
    const first = lost[0];
    const last = lost[lost.length - 1];
    if (!first || !last) return;
    const fromMs = lastSuccess?.sentMs ?? first.scheduledMs;
    found.push({
      fromMs,
      toMs,
      gapMs: toMs - fromMs,
      lost: lost.length,
      recovered,
      firstSeq: first.seq,
      lastSeq: last.seq,
    });
    lost = [];
  };
  for (const sample of samples) {
    if (sample.outcome !== 'ok') {
      lost.push(sample);
      continue;
    }
    close(sample.sentMs, true);
    lastSuccess = sample;
  }
  const last = samples[samples.length - 1];
  if (last) close(last.scheduledMs + intervalMs, false);
  return found;
}

/** The longest of the outages; undefined when there are none. */
export function longestOutage(outages: readonly Outage[]): Outage | undefined {
  return outages.reduce<Outage | undefined>((a, b) => (a && a.gapMs >= b.gapMs ? a : b), undefined);
}

/** The figures of one flow. */
export function summarizeFlow(samples: readonly ProbeSample[], intervalMs: number): FlowSummary {
  const outcomes: Partial<Record<Outcome, number>> = {};
  for (const s of samples) outcomes[s.outcome] = (outcomes[s.outcome] ?? 0) + 1;
  const ok = outcomes.ok ?? 0;
  const lost = samples.length - ok;
  const longest = longestOutage(findOutages(samples, intervalMs));
  return {
    sent: samples.length,
    ok,
    lost,
    longest_gap_ms: round(longest ? longest.gapMs : ok > 1 ? intervalMs : 0),
    loss_derived_ms: round(lost * intervalMs),
    outcomes,
  };
}

/** Latency percentiles of successes. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** How many of the samples in `[fromMs, toMs)` (by planned send time) were lost. */
export function lostBetween(samples: readonly ProbeSample[], fromMs: number, toMs: number): number {
  return samples.filter((s) => s.scheduledMs >= fromMs && s.scheduledMs < toMs && s.outcome !== 'ok').length;
}
