/** The report of one failover: `report.json` of `svclab demo` and of each run of a scenario. */
import {
  type Failover,
  findOutages,
  type Latency,
  longestOutage,
  lostBetween,
  measureFailover,
  outageSentence,
  type Phases,
  type ProbeRun,
  type ProbeSample,
  round,
  type Stretch,
  stretches,
  type TimelineEvent,
} from '@svclab/core';
import type { LoadFigures } from '../scenario/load-run.ts';
import type { ProbeOutcome } from '../scenario/probe-run.ts';

/** Keys and units are a contract: programs read this file. */
export interface FailoverReport {
  readonly vip: string;
  readonly owner_before: string;
  readonly owner_after: string;
  /** Longest time without success that belongs to the fault. */
  readonly dark_ms: { readonly new: number; readonly reused: number };
  /** Parts of `dark_ms.new`; they add up to it. */
  readonly phases_ms: Phases;
  /** From the fault until the target came back (`load`: the whole run, since k6 reports totals). */
  readonly lost: { readonly new: number; readonly reused: number; readonly load: number };
  /** Per surviving node: fault to the first rules without the dead node's endpoints. */
  readonly endpoints_removed_ms: Readonly<Record<string, number>>;
  /** Answered new connections, from the planned send time; `during` lasts until the endpoints are out of all rules. */
  readonly latency_ms: { readonly before: Latency; readonly during: Latency; readonly after: Latency };
  readonly load: Omit<LoadFigures, 'exit_code' | 'inconclusive'> | null;
  readonly prober: { readonly interval_ms: number; readonly lateness_p99_ms: number; readonly sent: number };
  readonly sentence: string;
  /** Fault effective to the new owner's verdict; null when it was not stamped. */
  readonly fault_to_dead_ms: number | null;
  /** Losses before the fault: any makes the measurement doubtful. */
  readonly baseline: { readonly lost: number; readonly sent: number };
  /** Share of new connections lost between the VIP's return and the last node's rules, 0 to 1. */
  readonly lost_share_until_removed: number;
  /** The target coming back is a second hit; null when it did not come back. */
  readonly failback: {
    readonly owner: string;
    readonly dark_ms: { readonly new: number; readonly reused: number };
    readonly lost: { readonly new: number; readonly reused: number };
  } | null;
  /** What a client sees on new connections from the fault until it is healed: dark, partial errors, clean. */
  readonly stretches: readonly Stretch[];
  /** What the stamps lacked, in words. */
  readonly notes: readonly string[];
  readonly steps: readonly { readonly verb: string; readonly target: string; readonly at_ns: string }[];
}

const MS = 1e6;
/** Processes whose end takes no pod away. */
const PROCESS = /^(announcer|agent|controller|dns|nats)\//;
const HEALING = new Set(['restart', 'resume', 'heal']);

/** A fault made or healed. */
export interface FaultStep {
  /** `kill`, `heal` ... */
  readonly verb: string;
  /** What it acted on, `node/node-2`. */
  readonly resolved: string;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly effectiveNs: bigint;
}

/** What a report is computed from. */
export interface FailoverInput extends ProbeOutcome {
  /** The address and who announced it before; both empty where there is none. */
  readonly vip: { readonly vip: string; readonly owner: string };
  readonly events: readonly TimelineEvent[];
  /** In order; the first is what is measured. */
  readonly steps: readonly FaultStep[];
  readonly load: LoadFigures | undefined;
  /** End of the measurement, CLOCK_MONOTONIC ns. */
  readonly endNs: bigint;
}

/** Computes the report of an experiment whose first step hit the VIP's owner. */
export function failoverReport(result: FailoverInput): FailoverReport {
  const { run, report, steps, vip } = result;
  const fault = steps[0];
  const faultNs = fault?.effectiveNs ?? result.endNs;
  const healed = steps.filter((s, i) => i > 0 && HEALING.has(s.verb));
  const back = healed.find((s) => s.resolved === fault?.resolved) ?? healed[0];
  const untilNs = back?.effectiveNs ?? result.endNs;
  const measured = measureFailover(result.events, run, { vip: vip.vip, ownerBefore: vip.owner, faultNs, untilNs });
  const share = lostShare(run, measured, faultNs);
  const notes = [...measured.notes];
  if (report.lateness_p99_ms > report.interval_ms)
    notes.push(
      `The prober was late by ${report.lateness_p99_ms} ms (p99), more than its interval of ${report.interval_ms} ms`,
    );
  if (result.load && result.load.dropped_iterations > 0)
    notes.push(`The load dropped ${result.load.dropped_iterations} iterations`);
  return {
    vip: vip.vip,
    owner_before: vip.owner,
    owner_after: measured.ownerAfter,
    dark_ms: measured.darkMs,
    phases_ms: measured.phases,
    lost: { ...measured.lost, load: result.load?.failed ?? 0 },
    endpoints_removed_ms: measured.endpointsRemovedMs,
    latency_ms: measured.latency,
    load: result.load ? loadFigures(result.load) : null,
    prober: { interval_ms: report.interval_ms, lateness_p99_ms: report.lateness_p99_ms, sent: report.sent },
    sentence: outageSentence({
      darkMs: measured.darkMs.new,
      lost: measured.lost,
      phases: measured.phases,
      endpointsRemovedMs: measured.endpointsRemovedMs,
      lostShareUntilRemoved: share,
      endpointsDied: fault === undefined || !PROCESS.test(fault.resolved),
    }),
    fault_to_dead_ms: measured.faultToDeadMs ?? null,
    baseline: baseline(run, faultNs),
    lost_share_until_removed: round(share, 3),
    failback: back ? failback(result, back) : null,
    stretches: stretches(run.new, measured.outage, {
      faultMs: Number(faultNs - run.startNs) / MS,
      untilMs: Number(untilNs - run.startNs) / MS,
      intervalMs: run.intervalMs,
    }),
    notes,
    steps: steps.map((s) => ({ verb: s.verb, target: s.resolved, at_ns: String(s.effectiveNs) })),
  };
}

function loadFigures({
  exit_code: _,
  inconclusive: _why,
  ...figures
}: LoadFigures): Omit<LoadFigures, 'exit_code' | 'inconclusive'> {
  return figures;
}

/** Requests whose fate was known when the fault took effect: it cannot have touched them. */
function baseline(run: ProbeRun, faultNs: bigint): { lost: number; sent: number } {
  const faultMs = Number(faultNs - run.startNs) / MS;
  const decided = [...run.new, ...run.reused].filter((s) => s.doneMs <= faultMs);
  return { lost: decided.filter((s) => s.outcome !== 'ok').length, sent: decided.length };
}

function countBetween(samples: readonly ProbeSample[], fromMs: number, toMs: number): number {
  return samples.filter((s) => s.scheduledMs >= fromMs && s.scheduledMs < toMs).length;
}

function lostShare(run: ProbeRun, measured: Failover, faultNs: bigint): number {
  const removed = Math.max(0, ...Object.values(measured.endpointsRemovedMs));
  if (removed === 0 || measured.darkMs.new === 0) return 0;
  const faultMs = Number(faultNs - run.startNs) / MS;
  const backMs = faultMs + measured.darkMs.new;
  const sent = countBetween(run.new, backMs, faultMs + removed);
  return sent === 0 ? 0 : lostBetween(run.new, backMs, faultMs + removed) / sent;
}

function failback(result: FailoverInput, back: FaultStep): FailoverReport['failback'] {
  const { run, vip } = result;
  const fromMs = Number(back.effectiveNs - run.startNs) / MS;
  const dark = (samples: readonly ProbeSample[]): number =>
    round(longestOutage(findOutages(samples, run.intervalMs).filter((o) => o.toMs >= fromMs))?.gapMs ?? 0);
  const lost = (samples: readonly ProbeSample[]): number => lostBetween(samples, fromMs, Number.POSITIVE_INFINITY);
  const elections = result.events.filter(
    (e) => e.type === 'vip.announced' && e.attrs.vip === vip.vip && e.atNs >= back.effectiveNs,
  );
  return {
    owner: elections[elections.length - 1]?.node ?? '',
    dark_ms: { new: dark(run.new), reused: dark(run.reused) },
    lost: { new: lost(run.new), reused: lost(run.reused) },
  };
}

/** The report for people, the sentence last. */
export function failoverText(
  report: Omit<FailoverReport, 'steps' | 'phases_ms'> & {
    readonly phases_ms: Phases | Readonly<Record<string, number>>;
  },
): string {
  const { phases_ms: p, latency_ms: l } = report;
  const removed = Object.entries(report.endpoints_removed_ms).map(([node, ms]) => `${node} ${ms} ms`);
  const latency = (name: keyof typeof l): string => `${name} ${l[name].p50}/${l[name].p99}`;
  const lines = [
    `VIP ${report.vip}: ${report.owner_before} -> ${report.owner_after || 'nobody'}`,
    `Dark ${report.dark_ms.new} ms on new connections, ${report.dark_ms.reused} ms on reused ones (error ${report.prober.interval_ms} ms)`,
    `Phases: ${Object.entries(p)
      .map(([name, ms]) => `${name.replaceAll('_', ' ')} ${ms}`)
      .join(', ')} ms`,
    `Lost: ${report.lost.new} new, ${report.lost.reused} reused of the prober's${report.load ? `; ${report.lost.load} of ${report.load.requests} requests of the load (${report.load.engine})` : ''}`,
    `Endpoints out of the rules: ${removed.join(', ') || 'not seen'}`,
    `Latency p50/p99 ms: ${latency('before')}, ${latency('during')}, ${latency('after')}`,
    ...(report.failback
      ? [
          `Back on ${report.failback.owner || 'nobody'}: dark ${report.failback.dark_ms.new} ms, ${report.failback.lost.new} new and ${report.failback.lost.reused} reused requests lost`,
        ]
      : []),
    ...report.notes.map((n) => `Note: ${n}`),
    report.sentence,
  ];
  return lines.join('\n');
}
