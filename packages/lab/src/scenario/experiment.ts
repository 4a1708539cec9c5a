/** One experiment on a running lab: probe and load all the way through, faults at their times, then everything that was stamped and sampled. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findOutages, type TimelineEvent, type TimelineType } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { measuringClock } from '../prober/clock.ts';
import type { ProbeResult } from '../report/model.ts';
import { LabError } from '../state/errors.ts';
import { timelineJson } from '../supervisor/timeline-log.ts';
import { sendScript } from './client-host.ts';
import { type DnsProbeOutcome, startDnsProbe } from './dns-probe-run.ts';
import type { FaultMaker } from './fault-session.ts';
import { Hypothesis } from './hypothesis.ts';
import { type LoadFigures, type LoadRequest, type RunningLoad, startLoad } from './load-run.ts';
import { allSteps, type MethodStep } from './method.ts';
import { Performer, type StepTaken, waitUntil } from './perform.ts';
import { type ProbeOutcome, type RunningProbe, startProbe } from './probe-run.ts';
import type { DnsSpec, HypothesisProbe } from './scenario-file.ts';
import type { Target } from './targets.ts';

/** An experiment to do. */
export interface Experiment {
  readonly lab: LabConnection;
  readonly target: Target;
  /** Targets that are measured beside it. */
  readonly beside?: readonly { readonly name: string; readonly target: Target }[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Undisturbed stretch before the first step, ms. */
  readonly steadyMs: number;
  /** The first step begins this much later, ms. */
  readonly faultPhaseMs?: number;
  /** Least duration of the measurement from its start, without `faultPhaseMs`, ms. */
  readonly durationMs: number;
  /** Least time that is measured after the last step has ended, ms. */
  readonly recoveryMs: number;
  readonly method: readonly MethodStep[];
  readonly faults: FaultMaker;
  /** Probes of the hypothesis. */
  readonly probes?: readonly HypothesisProbe[];
  /** Names that are looked up meanwhile. */
  readonly dns?: readonly DnsSpec[];
  /** Without it only the prober runs. */
  readonly load: Omit<LoadRequest, 'samples'> | undefined;
  /** Directory for samples and the timeline, absolute. */
  readonly dir: string;
  /** Ends it early; what was measured until then is the result, marked as interrupted. */
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** Gets what the prober and the load say each second. */
  readonly live?: (source: 'probe' | 'load', line: string) => void;
}

/** What was measured of one target. */
export interface TargetOutcome extends ProbeOutcome {
  readonly name: string;
  readonly target: Target;
}

/** What was measured of one name. */
export interface DnsOutcome extends DnsProbeOutcome {
  readonly spec: DnsSpec;
}

/** What was measured. */
export interface ExperimentResult extends ProbeOutcome {
  readonly target: Target;
  readonly beside: readonly TargetOutcome[];
  readonly events: readonly TimelineEvent[];
  readonly steps: readonly StepTaken[];
  /** The load that ran all along, and those steps started. */
  readonly load: LoadFigures | undefined;
  readonly moreLoads: readonly LoadFigures[];
  readonly dns: readonly DnsOutcome[];
  readonly hypothesis: readonly ProbeResult[];
  /** End of the measurement, CLOCK_MONOTONIC ns. */
  readonly endNs: bigint;
  readonly interrupted: boolean;
}

/** Steps whose stamps are worth a line while it runs. */
const TOLD: Readonly<Partial<Record<TimelineType, (e: TimelineEvent) => string | undefined>>> = {
  'member.suspected': (e) => `${e.node} suspects ${e.attrs.peer}`,
  'member.dead': (e) => `${e.node} takes ${e.attrs.peer} for dead`,
  'vip.elected': (e) => (e.attrs.owner === e.node ? `${e.node} elects itself owner of ${e.attrs.vip}` : undefined),
  'vip.announced': (e) =>
    (e.attrs.round ?? '0') === '0' ? `${e.node} announces ${e.attrs.vip} by gratuitous ARP` : undefined,
  'node.not-ready': (e) => `node ${e.attrs.target} is NotReady`,
  'node.ready': (e) => `node ${e.attrs.target} is Ready`,
};

/** A method whose steps take a time of their own may last this much longer than planned, ms. */
const UNPLANNED_MS = 600_000;

/**
 * Runs the experiment. An aborted `signal` ends it early and it resolves with what was measured. Rejects with a LabError when a step, the
 * prober or the load cannot be carried out; whatever it started has then been told to end.
 */
export async function runExperiment(experiment: Experiment): Promise<ExperimentResult> {
  const { lab, target, dir, signal, faultPhaseMs = 0 } = experiment;
  const sinceNs = (await lab.service.status({ skipMemory: true })).nowNs;
  const told = new AbortController();
  // Ends the method and the probes, be it that the caller gives up, a probe of the hypothesis fails, or a generator does.
  const stop = new AbortController();
  signal.addEventListener('abort', () => stop.abort(signal.reason), { once: true });
  const moreLoads: RunningLoad[] = [];
  const begin = async (load: Omit<LoadRequest, 'samples'>, samples: string): Promise<RunningLoad> =>
    startLoad(
      lab,
      { ...load, script: await sendScript(lab, load.script), samples: join(dir, samples) },
      () => {},
      (p) =>
        experiment.live?.('load', `${p.requests_per_s}/s, ${p.errors_per_s} errors/s, ${p.vus} virtual users busy`),
    );
  const load = experiment.load && (await begin(experiment.load, 'load.jsonl'));
  const open = needsTime(experiment.method);
  const probeOf = (t: Target, samples: string, live: boolean): RunningProbe =>
    startProbe(lab, {
      url: t.url,
      host: t.host,
      intervalMs: experiment.intervalMs,
      durationMs: experiment.durationMs + faultPhaseMs + (open ? UNPLANNED_MS : 0),
      timeoutMs: experiment.timeoutMs,
      samples: join(dir, samples),
      ...(live ? { onLine: (line: string) => experiment.live?.('probe', line) } : {}),
    });
  const probe = probeOf(target, 'samples.jsonl', true);
  const beside = (experiment.beside ?? []).map((b) => ({
    ...b,
    probe: probeOf(b.target, `samples-${b.name}.jsonl`, false),
  }));
  const lookups = (experiment.dns ?? []).map((spec) => ({
    spec,
    probe: startDnsProbe(lab, {
      name: spec.query,
      intervalMs: spec.intervalMs,
      durationMs: experiment.durationMs + faultPhaseMs + (open ? UNPLANNED_MS : 0),
      timeoutMs: experiment.timeoutMs,
      samples: join(dir, `dns-${spec.name}.jsonl`),
    }),
  }));
  const probers = [probe, ...beside.map((b) => b.probe), ...lookups.map((l) => l.probe)];
  const startMs = measuringClock.now();
  const hypothesis = new Hypothesis(lab, experiment.probes ?? [], startMs, stop.signal);
  const interrupt = (): void => {
    for (const p of probers) p.interrupt();
    for (const l of [load, ...moreLoads]) l?.interrupt();
  };
  for (const running of [...probers, ...(load ? [load] : [])])
    running.done.catch((error: unknown) => stop.abort(error));
  let failure: unknown;
  const fail = (reason: string): void => {
    failure ??= new LabError(reason, 1);
    stop.abort(failure);
  };
  const performer = new Performer({
    lab,
    faults: experiment.faults,
    startMs: startMs + faultPhaseMs,
    signal: stop.signal,
    progress: experiment.progress,
    startLoad: async (l) => {
      moreLoads.push(
        await begin(
          { engine: experiment.load?.engine ?? 'builtin', ...l, env: { URL: target.url, ...l.env } },
          `load-${moreLoads.length + 2}.jsonl`,
        ),
      );
    },
    askProbe: (name) => hypothesis.askNow(name),
    onStep: (step) => {
      if (step.kind === 'fault' && !HEALING.has(step.verb)) hypothesis.chaosBegins(fail);
      else if (step.kind === 'fault' || step.kind === 'heal') hypothesis.chaosEnds();
    },
  });
  try {
    void tell(experiment, sinceNs, told.signal);
    try {
      await hypothesis.start(fail);
      await waitUntil(startMs + experiment.steadyMs + faultPhaseMs, stop.signal);
      await performer.run(experiment.method);
      const endMs = Math.max(
        startMs + experiment.durationMs + faultPhaseMs,
        measuringClock.now() + experiment.recoveryMs,
      );
      if (open) await waitUntil(endMs, stop.signal);
      else await Promise.race([probe.done, aborted(stop.signal)]);
    } catch (error) {
      if (!signal.aborted && !(failure instanceof Error)) throw error;
    }
    if (open || stop.signal.aborted) interrupt();
    const [outcome, ...others] = await Promise.all([probe.done, ...beside.map((b) => b.probe.done)]);
    const dns = await Promise.all(lookups.map(async (l) => ({ spec: l.spec, ...(await l.probe.done) })));
    const figures = await load?.done;
    for (const l of moreLoads) l.interrupt();
    const more = await Promise.all(moreLoads.map((l) => l.done));
    if (!signal.aborted) await hypothesis.finish();
    const endNs = outcome.run.startNs + BigInt(Math.round(outcome.report.duration_ms * 1e6));
    await publishOutages(lab, outcome);
    const events = await readTimeline(lab, sinceNs);
    writeFileSync(join(dir, 'timeline.jsonl'), events.map((e) => `${JSON.stringify(timelineJson(e))}\n`).join(''));
    writeFileSync(join(dir, 'probe.json'), `${JSON.stringify(outcome.report, null, 2)}\n`);
    return {
      ...outcome,
      target,
      beside: beside.flatMap(({ name, target: t }, i) => {
        const other = others[i];
        return other ? [{ name, target: t, ...other }] : [];
      }),
      events,
      steps: performer.taken,
      load: figures,
      moreLoads: more,
      dns,
      hypothesis: hypothesis.results,
      endNs,
      interrupted: signal.aborted,
    };
  } catch (error) {
    interrupt();
    throw error;
  } finally {
    stop.abort();
    told.abort();
  }
}

/** Verbs that bring back what an earlier fault broke. */
export const HEALING: ReadonlySet<string> = new Set(['restart', 'resume', 'heal']);

/** Whether a method has steps whose end only shows when they are taken. */
function needsTime(steps: readonly MethodStep[]): boolean {
  return allSteps(steps).some(
    (s) => s.kind === 'kubectl' || s.kind === 'probe' || s.kind === 'fault' || (s.kind === 'wait' && s.ms === 'steady'),
  );
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** Tells the steps of a failover as they are stamped, counted from the last fault. */
async function tell(experiment: Experiment, sinceNs: bigint, signal: AbortSignal): Promise<void> {
  let faultNs: bigint | undefined;
  try {
    for await (const { event } of experiment.lab.service.timeline({ sinceNs, follow: true }, { signal })) {
      if (!event) continue;
      const e: TimelineEvent = { ...event, wallMs: Number(event.wallMs), type: event.type as TimelineType };
      if (e.type === 'fault.effective' || e.type === 'fault.healed') faultNs = e.atNs;
      const line = faultNs === undefined ? undefined : TOLD[e.type]?.(e);
      if (line !== undefined && faultNs !== undefined)
        experiment.progress(`  +${Math.round(Number(e.atNs - faultNs) / 1e6)} ms ${line}`);
    }
  } catch {
    // The stream ends with the experiment, or with the lab; the report does not depend on it.
  }
}

/** All events since `sinceNs`, in order. */
export async function readTimeline(lab: LabConnection, sinceNs: bigint): Promise<TimelineEvent[]> {
  const events: TimelineEvent[] = [];
  for await (const { event } of lab.service.timeline({ sinceNs, follow: false }))
    if (event) events.push({ ...event, wallMs: Number(event.wallMs), type: event.type as TimelineType });
  return events;
}

/** Shorter outages are the flicker of endpoints that are still in the rules: they stay in the samples. */
const TOLD_LOSSES = 3;

/** Adds what the prober saw to the timeline: first failure and first success of each outage worth the name. */
async function publishOutages(lab: LabConnection, { report, run }: ProbeOutcome): Promise<void> {
  const nowNs = measuringClock.nowNs();
  const nowMs = measuringClock.wall();
  const stamp = (type: TimelineType, kind: string, ms: number) => {
    const atNs = run.startNs + BigInt(Math.round(ms * 1e6));
    const wallMs = BigInt(Math.round(nowMs - Number(nowNs - atNs) / 1e6));
    return { atNs, wallMs, node: 'client-1', component: 'prober', type, cause: '', attrs: { url: report.url, kind } };
  };
  const events = (['new', 'reused'] as const).flatMap((kind) =>
    findOutages(run[kind], run.intervalMs)
      .filter((o) => o.lost >= TOLD_LOSSES)
      .flatMap((o) => [
        stamp('probe.first-failure', kind, run[kind][o.firstSeq]?.sentMs ?? o.fromMs),
        ...(o.recovered ? [stamp('probe.first-success', kind, o.toMs)] : []),
      ]),
  );
  await lab.service.publish({ events });
}
