/** From what one run measured to its part of `report.json`. */
import {
  type Knobs,
  lostBetween,
  outageMetrics,
  type ProbeRun,
  phaseBounds,
  round,
  summarizeDns,
  summarizeFlow,
} from '@svclab/core';
import { type FailoverReport, type FaultStep, failoverReport } from '../report/failover-report.ts';
import type { CheckResult, FlowResult, PhaseBound, RunResult, StepResult } from '../report/model.ts';
import type { ExperimentResult, TargetOutcome } from './experiment.ts';
import type { LoadFigures } from './load-run.ts';
import { stepsSeen } from './measure.ts';
import type { Scenario } from './scenario-file.ts';

/** What a run is judged by besides its measurement. */
export interface RunContext {
  readonly scenario: Scenario;
  /** From 1. */
  readonly run: number;
  /** Name of the case; empty when there are none. */
  readonly name: string;
  readonly faultPhaseMs: number;
  readonly knobs: Knobs;
  /** Nodes of the lab. */
  readonly nodes: number;
  /** Node a pod runs on, by pod name, as seen around the run. */
  readonly podNodes: Readonly<Record<string, string>>;
  readonly checks: readonly CheckResult[];
  /** Raw data, relative to the report's folder. */
  readonly files: readonly string[];
}

const MS = 1e6;

/** Computes the result of one run; expectations are judged later, when the whole report is there. */
export function runResult(result: ExperimentResult, context: RunContext): RunResult {
  const { run, report, target } = result;
  const { scenario } = context;
  const steps = stepsOf(result);
  const base = failoverReport({ ...result, vip: target, steps });
  const fault = steps[0];
  const faultMs = fault ? toMs(run, fault.effectiveNs) : undefined;
  const untilMs = report.duration_ms;
  const phases = phasesOf(base);
  const removed = Math.max(0, ...Object.values(base.endpoints_removed_ms));
  const bounds = phaseBounds(
    removed > 0 ? { ...phases, endpoints_removed: removed } : phases,
    context.knobs,
    context.nodes,
  );
  const metrics = (samples: ProbeRun['new']) => outageMetrics(samples, run.intervalMs, { faultMs, fromMs: 0, untilMs });
  const baseline = fault ? base.baseline : { sent: 2 * report.sent, lost: lostAll(run) };
  const inconclusive = doubts(result, scenario, baseline.lost);
  return {
    run: context.run,
    case: context.name,
    fault_phase_ms: round(context.faultPhaseMs),
    url: target.url,
    vip: target.vip,
    owner_before: target.owner,
    owner_after: base.owner_after,
    dark_ms: fault ? base.dark_ms : { new: 0, reused: 0 },
    phases_ms: phases,
    phase_bounds: bounds,
    outage: { new: metrics(run.new), reused: metrics(run.reused) },
    lost: fault ? base.lost : { new: 0, reused: 0, load: base.lost.load },
    baseline,
    latency_ms: base.latency_ms,
    fault_to_dead_ms: base.fault_to_dead_ms,
    endpoints_removed_ms: base.endpoints_removed_ms,
    lost_share_until_removed: base.lost_share_until_removed,
    stretches: fault ? base.stretches : [],
    failback: base.owner_after === '' ? null : base.failback,
    answers: answers(run, context.podNodes),
    dns: result.dns.map((d) => ({
      name: d.spec.name,
      query: d.spec.query,
      ...summarizeDns(d.run.samples, d.run.intervalMs),
    })),
    beside: result.beside.map((b) => flowResult(b, fault)),
    prober: {
      interval_ms: report.interval_ms,
      timeout_ms: report.timeout_ms,
      lateness_p99_ms: report.lateness_p99_ms,
      sent: report.sent,
      start_ns: String(run.startNs),
      duration_ms: report.duration_ms,
    },
    load: result.load ? loadOf(result.load) : result.moreLoads[0] ? loadOf(result.moreLoads[0]) : null,
    checks: context.checks,
    steps: result.steps.map(
      (s): StepResult => ({
        kind: s.kind,
        what: s.what,
        resolved: s.resolved,
        at_ms: round(toMs(run, s.effectiveNs)),
        end_ms: round(toMs(run, s.endNs)),
        ok: s.ok,
        said: s.said,
      }),
    ),
    probes: result.hypothesis,
    expectations: [],
    inconclusive,
    notes: base.owner_after === '' ? base.notes.filter((n) => !/^No node but/.test(n)) : base.notes,
    sentence: advised(sentenceOf(base, fault, baseline), bounds),
    files: context.files,
  };
}

/** The faults the timeline holds from the event on; without one, the first step of the method that does something. */
function stepsOf(result: ExperimentResult): FaultStep[] {
  const marked = result.steps.find((s) => s.event);
  const seen = stepsSeen(result.events).filter((s) => !marked || s.effectiveNs >= marked.effectiveNs);
  if (seen.length > 0 && (!marked || marked.kind === 'fault')) return seen;
  const first = marked ?? result.steps.find((s) => s.kind === 'kubectl' || s.kind === 'load');
  return first ? [{ verb: '', resolved: first.what, effectiveNs: first.effectiveNs }] : [];
}

const toMs = (run: ProbeRun, ns: bigint): number => Number(ns - run.startNs) / MS;

function lostAll(run: ProbeRun): number {
  return [...run.new, ...run.reused].filter((s) => s.outcome !== 'ok').length;
}

/** The sentence with what turning the knob would save, and without the advice where nothing is to be won. */
function advised(sentence: string, bounds: readonly PhaseBound[]): string {
  const saves = bounds.find((b) => b.phase === 'detection')?.saves ?? '';
  return sentence.replace(/, so lower (membership\.probeInterval)/, saves === '' ? '' : `, so lower $1: ${saves}`);
}

/** The announcers' stamps split the dark time only where the address moved. */
function phasesOf(base: FailoverReport): Record<string, number> {
  if (base.owner_after !== '') return { ...base.phases_ms };
  return base.dark_ms.new > 0 ? { unattributed: base.dark_ms.new } : {};
}

/** What makes the figures of a run doubtful, in words. */
function doubts(result: ExperimentResult, scenario: Scenario, baselineLost: number): string[] {
  const { report } = result;
  const found: string[] = [];
  if (report.lateness_p99_ms > report.interval_ms)
    found.push(
      `The prober was late by ${report.lateness_p99_ms} ms (p99), more than its interval of ${report.interval_ms} ms`,
    );
  for (const load of [...(result.load ? [result.load] : []), ...result.moreLoads]) found.push(...load.inconclusive);
  if (baselineLost > scenario.steadyState.maxLost)
    found.push(
      `The steady state lost ${baselineLost} requests before anything was broken, more than ${scenario.steadyState.maxLost}`,
    );
  for (const p of result.hypothesis)
    if (!p.held && (p.mode === 'SoT' || (p.mode === 'Edge' && p.at_ms < scenario.steadyState.durationMs)))
      found.push(`The steady state was none: probe "${p.name}" found ${JSON.stringify(p.value)}, not ${p.tolerance}`);
  return found;
}

function loadOf({ exit_code: _, inconclusive: _why, ...figures }: LoadFigures): NonNullable<RunResult['load']> {
  return figures;
}

function answers(run: ProbeRun, podNodes: Readonly<Record<string, string>>): RunResult['answers'] {
  const byPod: Record<string, number> = {};
  const byNode: Record<string, number> = {};
  for (const s of [...run.new, ...run.reused]) {
    if (s.outcome !== 'ok' || s.backend === '') continue;
    byPod[s.backend] = (byPod[s.backend] ?? 0) + 1;
    const node = podNodes[s.backend] ?? 'unknown';
    byNode[node] = (byNode[node] ?? 0) + 1;
  }
  return { by_pod: sorted(byPod), by_node: sorted(byNode) };
}

function sorted(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function flowResult(other: TargetOutcome, fault: FaultStep | undefined): FlowResult {
  const { run, report } = other;
  const faultMs = fault ? toMs(run, fault.effectiveNs) : undefined;
  const metrics = (samples: ProbeRun['new']) =>
    outageMetrics(samples, run.intervalMs, { faultMs, fromMs: 0, untilMs: report.duration_ms });
  const from = faultMs ?? 0;
  const gap = (samples: ProbeRun['new']): number =>
    summarizeFlow(
      samples.filter((s) => s.doneMs > from),
      run.intervalMs,
    ).longest_gap_ms;
  return {
    name: other.name,
    url: other.target.url,
    dark_ms: { new: gap(run.new), reused: gap(run.reused) },
    lost: {
      new: lostBetween(run.new, from, Number.POSITIVE_INFINITY),
      reused: lostBetween(run.reused, from, Number.POSITIVE_INFINITY),
    },
    outage: { new: metrics(run.new), reused: metrics(run.reused) },
  };
}

function sentenceOf(
  base: FailoverReport,
  fault: FaultStep | undefined,
  baseline: { sent: number; lost: number },
): string {
  if (!fault)
    return `Nothing was broken: ${baseline.lost} of ${baseline.sent} requests of the prober lost, ${base.lost.load} of the load.`;
  if (base.owner_after !== '') return base.sentence;
  const { new: dark, reused } = base.dark_ms;
  const what = `${fault.verb} ${fault.resolved}`.trim();
  const lost = `${base.lost.new} requests lost on new connections, ${base.lost.reused} on reused ones`;
  return dark === 0 && reused === 0 && base.lost.new + base.lost.reused === 0
    ? `${what} cost the traffic nothing: ${lost}.`
    : `After ${what} the Service was dark for ${dark} ms on new connections and ${reused} ms on reused ones; ${lost}.`;
}
