/**
 * One flow's outage by every usual definition (RFC 6412 and 3357; Open Traffic Generator's convergence results).
 *
 * Losses are dated by their planned send time, successes by the time they were sent (see probe.ts): a late prober lengthens an outage and
 * never shortens it. The event instant is when the fault took effect, not when it was asked for.
 */
import { round } from './percentile.ts';
import { findOutages, longestOutage, type Outcome, type ProbeSample } from './probe.ts';

/** The outage of one flow by every usual definition. A value is null when the run cannot tell (no fault, never recovered). */
export interface OutageMetrics {
  /** Longest distance between two successes, one interval when nothing was lost; the headline. */
  readonly longest_gap_ms: number;
  /** Of the same outage: its first lost request to the first success after it, planned send times (RFC 6412, loss of connectivity period). */
  readonly loss_of_connectivity_ms: number;
  /** Lost requests divided by the offered rate (RFC 6412, loss-derived). */
  readonly loss_derived_ms: number;
  /** Time the rate of answers was under 90 % of the offered one (RFC 6412, rate-derived). */
  readonly rate_derived_ms: number;
  /** Event instant to the rate being over 90 % again, for the rest of the window. */
  readonly event_to_recovery_ms: number | null;
  /** Event instant to the first success that was sent after the first loss; 0 when nothing was lost. */
  readonly first_success_ms: number | null;
  /** Event instant to the first success after the last loss that belongs to the fault; 0 when nothing was lost. */
  readonly full_recovery_ms: number | null;
  /** The same, when nothing was lost for the sustained-validation time after it; else null. */
  readonly sustained_recovery_ms: number | null;
  /** Requests of the window by outcome class. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  readonly sent: number;
  /** Losses of the window that the fault can have touched: their fate was open when it took effect, or they were sent after it. */
  readonly lost: number;
  /** Error of every time above, ms. */
  readonly error_ms: number;
}

/** Which stretch to look at. Milliseconds since the prober's start. */
export interface OutageWindow {
  /** When the fault took effect; undefined in a run without one. */
  readonly faultMs: number | undefined;
  /** Requests whose fate was known by then are left out. */
  readonly fromMs: number;
  /** Requests planned from then on are left out. */
  readonly untilMs: number;
  /** Requests a second of this flow as planned; one an interval when left out. */
  readonly offered?: number;
  /** How long nothing may be lost after the last loss for a recovery to count as sustained; {@link SUSTAINED_MS} when left out. */
  readonly sustainedMs?: number;
}

/** RFC 6412 recommends 5 s (sustained convergence validation time). */
export const SUSTAINED_MS = 5000;

/** The rate counts as recovered from this share of the offered one on. */
const RATE_THRESHOLD = 0.9;

/** Requests the rate is taken over. */
const RATE_REQUESTS = 10;

/** The outage of one flow, whose samples must be in order of `seq`. */
export function outageMetrics(
  samples: readonly ProbeSample[],
  intervalMs: number,
  window: OutageWindow,
): OutageMetrics {
  const { faultMs, fromMs, untilMs } = window;
  const startMs = Math.max(fromMs, faultMs ?? fromMs);
  const within = samples.filter((s) => s.doneMs > fromMs && s.scheduledMs < untilMs);
  const lost = within.filter((s) => s.outcome !== 'ok' && s.doneMs > startMs);
  const lostSeqs = new Set(lost.map((s) => s.seq));
  const longest = longestOutage(findOutages(samples, intervalMs).filter((o) => holds(o, lostSeqs)));
  const low = lowRate(lost, within[within.length - 1]?.scheduledMs ?? 0, intervalMs);
  const outcomes: Partial<Record<Outcome, number>> = {};
  for (const s of within) outcomes[s.outcome] = (outcomes[s.outcome] ?? 0) + 1;
  const since = (ms: number | undefined): number | null =>
    faultMs === undefined || ms === undefined ? null : round(Math.max(0, ms - faultMs));
  const recovery = recoveryOf(samples, lost, startMs, untilMs);
  const sustainedMs = window.sustainedMs ?? SUSTAINED_MS;
  const sustained =
    recovery.fullMs !== undefined && untilMs - recovery.fullMs >= sustainedMs ? recovery.fullMs : undefined;
  const none = lost.length === 0 ? faultMs : undefined;
  return {
    longest_gap_ms: round(longest ? longest.gapMs : within.length > 1 ? intervalMs : 0),
    loss_of_connectivity_ms: round(
      longest ? (plannedAfter(samples, longest.lastSeq) ?? longest.toMs) - plannedAt(samples, longest.firstSeq) : 0,
    ),
    loss_derived_ms: round((lost.length * 1000) / (window.offered ?? 1000 / intervalMs)),
    rate_derived_ms: round(low.totalMs),
    event_to_recovery_ms: since(low.totalMs === 0 ? faultMs : low.recovered ? low.endMs : undefined),
    first_success_ms: since(none ?? recovery.firstMs),
    full_recovery_ms: since(none ?? recovery.fullMs),
    sustained_recovery_ms: since(none !== undefined && untilMs - none >= sustainedMs ? none : sustained),
    outcomes,
    sent: within.length,
    lost: lost.length,
    error_ms: intervalMs,
  };
}

/** Whether one of the losses numbered `seqs` is in the outage: one whose losses were all decided before the fault is not the fault's. */
function holds(outage: { readonly firstSeq: number; readonly lastSeq: number }, seqs: ReadonlySet<number>): boolean {
  for (let seq = outage.firstSeq; seq <= outage.lastSeq; seq++) if (seqs.has(seq)) return true;
  return false;
}

function plannedAt(samples: readonly ProbeSample[], seq: number): number {
  return samples.find((s) => s.seq === seq)?.scheduledMs ?? 0;
}

/** Planned time of the first success after request `seq`. */
function plannedAfter(samples: readonly ProbeSample[], seq: number): number | undefined {
  return samples.find((s) => s.seq > seq && s.outcome === 'ok')?.scheduledMs;
}

/** The first success after the first loss and the first after the last, when they were sent after the fault and before the window's end. */
function recoveryOf(
  samples: readonly ProbeSample[],
  lost: readonly ProbeSample[],
  startMs: number,
  untilMs: number,
): { firstMs: number | undefined; fullMs: number | undefined } {
  const after = (loss: ProbeSample | undefined): number | undefined =>
    loss &&
    samples.find((s) => s.seq > loss.seq && s.outcome === 'ok' && s.sentMs >= startMs && s.scheduledMs < untilMs)
      ?.sentMs;
  return { firstMs: after(lost[0]), fullMs: after(lost[lost.length - 1]) };
}

/**
 * The time under the threshold rate, from the losses and the planned time of the window's last request. The rate is taken over every {@link RATE_REQUESTS} consecutive requests; each such group that is under it
 * counts from its first loss to the end of its last one, so that the group's length adds nothing and a clean cut has the length of its losses.
 */
function lowRate(
  losses: readonly ProbeSample[],
  lastMs: number,
  intervalMs: number,
): { totalMs: number; endMs: number; recovered: boolean } {
  const allowed = Math.floor(RATE_REQUESTS * (1 - RATE_THRESHOLD) + 1e-9);
  let totalMs = 0;
  let endMs = Number.NEGATIVE_INFINITY;
  for (let i = 0; i + allowed < losses.length; i++) {
    const [first, last] = [losses[i], losses[i + allowed]];
    if (!first || !last || last.seq - first.seq >= RATE_REQUESTS) continue;
    const to = last.scheduledMs + intervalMs;
    totalMs += to - Math.max(endMs, first.scheduledMs);
    endMs = to;
  }
  return { totalMs, endMs, recovered: endMs <= lastMs };
}
