/**
 * From the timeline and the probe samples to the phases of one VIP failover.
 *
 * The outage on new connections starts with the last success sent before it and ends with the first success sent after it. Three stamps of
 * the new owner's announcer cut that stretch in four, so the phases add up to the dark time exactly:
 *
 *     last success --detection--> member.dead --election--> vip.elected --announcement--> vip.announced (round 0) --first_success--> first success
 *
 * `detection` therefore holds up to one probe interval that passed before the fault took effect; `fault_to_dead_ms` is free of it.
 */
import type { TimelineEvent } from '../lab/timeline.ts';
import { percentileOfSorted, round } from './percentile.ts';
import { findOutages, type Latency, longestOutage, type Outage, type ProbeSample } from './probe.ts';

/** The parts of the dark time, milliseconds. */
export interface Phases {
  /** Last success to the new owner's verdict that the old owner is dead. */
  readonly detection: number;
  /** Verdict to the new owner's decision that the VIP is its own. */
  readonly election: number;
  /** Decision to its first gratuitous ARP. */
  readonly announcement: number;
  /** Announcement to the first request that was sent and answered. */
  readonly first_success: number;
}

/** Samples of both flows and the clock that makes them comparable to the timeline. */
export interface ProbeRun {
  /** CLOCK_MONOTONIC at millisecond 0 of the samples, nanoseconds. */
  readonly startNs: bigint;
  readonly intervalMs: number;
  readonly new: readonly ProbeSample[];
  readonly reused: readonly ProbeSample[];
}

/** Which failover to measure. */
export interface FailoverQuery {
  readonly vip: string;
  /** The node that owned it and was hit. */
  readonly ownerBefore: string;
  /** When the fault took effect, CLOCK_MONOTONIC ns. */
  readonly faultNs: bigint;
  /** End of the stretch that belongs to this fault (the target coming back, the end of the run), CLOCK_MONOTONIC ns. */
  readonly untilNs: bigint;
}

/** What one failover cost. Milliseconds unless named otherwise. */
export interface Failover {
  readonly vip: string;
  readonly ownerBefore: string;
  /** Who announced it first after the fault; empty when nobody did. */
  readonly ownerAfter: string;
  readonly darkMs: { readonly new: number; readonly reused: number };
  /** The outage on new connections; undefined when there was none. */
  readonly outage: Outage | undefined;
  readonly phases: Phases;
  /** Fault effective to the new owner's `member.dead`; undefined when it was not seen. */
  readonly faultToDeadMs: number | undefined;
  readonly lost: { readonly new: number; readonly reused: number };
  /** For each surviving node: fault effective to the first rules without the dead node's endpoints. */
  readonly endpointsRemovedMs: Readonly<Record<string, number>>;
  readonly latency: { readonly before: Latency; readonly during: Latency; readonly after: Latency };
  /** What the stamps lacked or contradicted, in words. */
  readonly notes: readonly string[];
}

const MS = 1e6;

/**
 * The outage that belongs to a fault. Until the new owner's announcement (`byMs`) the VIP itself is dark: the longest outage that touches the
 * time from fault to announcement. What comes later is the price of endpoints that are still in the rules, and counts only when there is nothing else.
 */
export function outageOfFault(
  samples: readonly ProbeSample[],
  intervalMs: number,
  span: { readonly faultMs: number; readonly byMs: number | undefined; readonly untilMs: number },
): Outage | undefined {
  const all = findOutages(samples, intervalMs).filter((o) => o.toMs >= span.faultMs && o.fromMs < span.untilMs);
  const byMs = span.byMs;
  const first = byMs === undefined ? [] : all.filter((o) => o.fromMs <= byMs);
  return longestOutage(first) ?? longestOutage(all);
}

/** Measures one failover. Pure: the same timeline and samples give the same figures. */
export function measureFailover(events: readonly TimelineEvent[], run: ProbeRun, query: FailoverQuery): Failover {
  const toMs = (ns: bigint): number => Number(ns - run.startNs) / MS;
  const faultMs = toMs(query.faultNs);
  const untilMs = toMs(query.untilNs);
  const notes: string[] = [];
  const within = events.filter((e) => e.atNs >= query.faultNs && e.atNs < query.untilNs);
  const announced = earliest(
    within.filter(
      (e) =>
        e.type === 'vip.announced' &&
        e.attrs.vip === query.vip &&
        e.node !== query.ownerBefore &&
        (e.attrs.round ?? '0') === '0',
    ),
  );
  const span = { faultMs, byMs: announced && toMs(announced.atNs), untilMs };
  const outage = {
    new: outageOfFault(run.new, run.intervalMs, span),
    reused: outageOfFault(run.reused, run.intervalMs, span),
  };
  const ownerAfter = announced?.node ?? '';
  if (!announced) notes.push(`No node but ${query.ownerBefore} announced ${query.vip} after the fault`);
  const dead = earliest(
    within.filter(
      (e) =>
        // One that is stopped takes its leave: its peers need not find out.
        (e.type === 'member.dead' || e.type === 'member.left') &&
        e.node === ownerAfter &&
        e.attrs.peer === query.ownerBefore,
    ),
  );
  const elected = earliest(
    within.filter(
      (e) =>
        e.type === 'vip.elected' && e.node === ownerAfter && e.attrs.vip === query.vip && e.attrs.owner === ownerAfter,
    ),
  );
  if (announced && !dead) notes.push(`${ownerAfter} did not stamp member.dead for ${query.ownerBefore}`);
  if (announced && !elected) notes.push(`${ownerAfter} did not stamp vip.elected for ${query.vip}`);
  const removed = endpointsRemoved(events, query);
  const endMs = removed.lastNs === undefined ? Math.min(untilMs, outage.new?.toMs ?? faultMs) : toMs(removed.lastNs);
  return {
    vip: query.vip,
    ownerBefore: query.ownerBefore,
    ownerAfter,
    darkMs: { new: round(outage.new?.gapMs ?? 0), reused: round(outage.reused?.gapMs ?? 0) },
    outage: outage.new,
    phases: splitOutage(
      outage.new,
      [dead, elected, announced].map((e) => (e ? toMs(e.atNs) : undefined)),
    ),
    faultToDeadMs: dead ? round(Number(dead.atNs - query.faultNs) / MS) : undefined,
    lost: {
      new: lostOfFault(run.new, faultMs, untilMs),
      reused: lostOfFault(run.reused, faultMs, untilMs),
    },
    endpointsRemovedMs: removed.byNode,
    latency: {
      before: latencyBetween(run.new, 0, faultMs),
      during: latencyBetween(run.new, faultMs, Math.max(endMs, outage.new?.toMs ?? endMs) + run.intervalMs),
      after: latencyBetween(run.new, Math.max(endMs, outage.new?.toMs ?? endMs) + run.intervalMs, untilMs),
    },
    notes,
  };
}

/** Losses whose fate was open when the fault took effect, or that were sent after it: a request under way when it struck counts. */
function lostOfFault(samples: readonly ProbeSample[], faultMs: number, untilMs: number): number {
  return samples.filter((s) => s.outcome !== 'ok' && s.doneMs > faultMs && s.scheduledMs < untilMs).length;
}

/**
 * Cuts an outage at the three boundaries. A boundary that is missing takes the next one's place, and none may leave the outage or precede
 * the one before it, so the parts are never negative and always add up.
 */
export function splitOutage(outage: Outage | undefined, boundaries: readonly (number | undefined)[]): Phases {
  if (!outage) return { detection: 0, election: 0, announcement: 0, first_success: 0 };
  const cuts: number[] = [];
  let at = outage.fromMs;
  for (let i = 0; i < 3; i++) {
    const known = boundaries.slice(i).find((b) => b !== undefined) ?? outage.toMs;
    at = Math.min(outage.toMs, Math.max(at, known));
    cuts.push(at);
  }
  const [dead = at, elected = at, announced = at] = cuts;
  return {
    detection: round(dead - outage.fromMs),
    election: round(elected - dead),
    announcement: round(announced - elected),
    first_success: round(outage.toMs - announced),
  };
}

/**
 * When each surviving node's kernel no longer held the dead node's endpoints: its first `rules.programmed` at or above the
 * highest slice revision written because of `node.not-ready`.
 */
function endpointsRemoved(
  events: readonly TimelineEvent[],
  query: FailoverQuery,
): { byNode: Record<string, number>; lastNs: bigint | undefined } {
  const inTime = events.filter((e) => e.atNs >= query.faultNs && e.atNs < query.untilNs);
  const notReady = earliest(inTime.filter((e) => e.type === 'node.not-ready' && e.attrs.target === query.ownerBefore));
  const byNode: Record<string, number> = {};
  if (!notReady) return { byNode, lastNs: undefined };
  let target = 0n;
  for (const e of inTime) {
    if (e.type !== 'endpoints.changed' || e.atNs < notReady.atNs || (e.attrs.removed ?? '') === '') continue;
    const revision = BigInt(e.attrs.revision ?? '0');
    if (revision > target) target = revision;
  }
  let lastNs: bigint | undefined;
  if (target === 0n) return { byNode, lastNs };
  for (const e of [...inTime].sort((a, b) => (a.atNs < b.atNs ? -1 : 1))) {
    if (e.type !== 'rules.programmed' || e.node === query.ownerBefore || byNode[e.node] !== undefined) continue;
    if (BigInt(e.attrs.revision ?? '0') < target) continue;
    byNode[e.node] = round(Number(e.atNs - query.faultNs) / MS);
    lastNs = lastNs === undefined || e.atNs > lastNs ? e.atNs : lastNs;
  }
  return { byNode, lastNs };
}

/** Latency of the successes planned in `[fromMs, toMs)`, from the planned send time on. */
export function latencyBetween(samples: readonly ProbeSample[], fromMs: number, toMs: number): Latency {
  const values = samples
    .filter((s) => s.outcome === 'ok' && s.scheduledMs >= fromMs && s.scheduledMs < toMs)
    .map((s) => s.doneMs - s.scheduledMs)
    .sort((a, b) => a - b);
  return { p50: round(percentileOfSorted(values, 0.5), 2), p99: round(percentileOfSorted(values, 0.99), 2) };
}

function earliest(events: readonly TimelineEvent[]): TimelineEvent | undefined {
  return events.reduce<TimelineEvent | undefined>((a, b) => (a && a.atNs <= b.atNs ? a : b), undefined);
}
