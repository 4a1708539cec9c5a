/** One experiment on a running lab: probe and load all the way through, faults at their times, then everything that was stamped and sampled. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findOutages, type TimelineEvent, type TimelineType } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { measuringClock } from '../prober/clock.ts';
import { timelineJson } from '../supervisor/timeline-log.ts';
import { sendScript } from './client-host.ts';
import { type LoadFigures, type LoadRequest, startLoad } from './load-run.ts';
import { type ProbeOutcome, startProbe } from './probe-run.ts';
import type { Vip } from './steady.ts';

/** A fault at a time. */
export interface Step {
  /** After the start of the measurement, milliseconds. */
  readonly atMs: number;
  readonly verb: string;
  /** As `svclab fault` takes it, or `previous`: what the step before acted on. */
  readonly target: string;
}

/** A step that was taken. */
export interface StepTaken extends Step {
  readonly resolved: string;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly effectiveNs: bigint;
}

/** An experiment to do. */
export interface Experiment {
  readonly lab: LabConnection;
  readonly vip: Vip;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Path the prober asks for. */
  readonly path: string;
  readonly durationMs: number;
  readonly steps: readonly Step[];
  /** Without it only the prober runs. */
  readonly load: Omit<LoadRequest, 'samples'> | undefined;
  /** Directory for samples and the timeline, absolute. */
  readonly dir: string;
  readonly signal: AbortSignal;
  /** Report what was measured until `signal` was aborted, instead of rejecting. */
  readonly keepOnAbort?: boolean;
  readonly progress: (line: string) => void;
}

/** What was measured. */
export interface ExperimentResult extends ProbeOutcome {
  readonly vip: Vip;
  readonly events: readonly TimelineEvent[];
  readonly steps: readonly StepTaken[];
  readonly load: LoadFigures | undefined;
  /** End of the measurement, CLOCK_MONOTONIC ns. */
  readonly endNs: bigint;
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

/** Runs the experiment. Rejects with AbortError when `signal` is aborted; whatever it started has then been told to end. */
export async function runExperiment(experiment: Experiment): Promise<ExperimentResult> {
  const { lab, vip, dir, signal } = experiment;
  const sinceNs = (await lab.service.status({ skipMemory: true })).nowNs;
  const told = new AbortController();
  const load =
    experiment.load &&
    startLoad(lab, {
      ...experiment.load,
      script: await sendScript(lab, experiment.load.script),
      samples: join(dir, 'load.jsonl'),
    });
  const probe = startProbe(lab, {
    url: new URL(experiment.path, vip.url).href,
    intervalMs: experiment.intervalMs,
    durationMs: experiment.durationMs,
    timeoutMs: experiment.timeoutMs,
    samples: join(dir, 'samples.jsonl'),
  });
  const startMs = measuringClock.now();
  const interrupt = (): void => {
    probe.interrupt();
    load?.interrupt();
  };
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    void tell(experiment, sinceNs, told.signal);
    const steps = await takeSteps(experiment, startMs, probe.done);
    const outcome = await probe.done;
    const figures = await load?.done;
    if (!experiment.keepOnAbort) signal.throwIfAborted();
    const endNs = outcome.run.startNs + BigInt(Math.round(outcome.report.duration_ms * 1e6));
    await publishOutages(lab, outcome);
    const events = await readTimeline(lab, sinceNs);
    writeFileSync(join(dir, 'timeline.jsonl'), events.map((e) => `${JSON.stringify(timelineJson(e))}\n`).join(''));
    return { ...outcome, vip, events, steps, load: figures, endNs };
  } catch (error) {
    interrupt();
    throw error;
  } finally {
    told.abort();
    signal.removeEventListener('abort', interrupt);
  }
}

async function takeSteps(experiment: Experiment, startMs: number, ended: Promise<unknown>): Promise<StepTaken[]> {
  const { lab, steps, signal, progress } = experiment;
  const taken: StepTaken[] = [];
  for (const step of steps) {
    await wait(startMs + step.atMs - measuringClock.now(), signal, ended);
    signal.throwIfAborted();
    const target = step.target === 'previous' ? (taken[taken.length - 1]?.resolved ?? '') : step.target;
    const done = await lab.service.fault({ verb: step.verb, target, args: {} });
    progress(`${((measuringClock.now() - startMs) / 1000).toFixed(1)} s: ${step.verb} ${done.resolved}`);
    taken.push({ ...step, resolved: done.resolved, effectiveNs: done.effectiveNs });
  }
  return taken;
}

/** Waits, unless the signal comes first or `ended` rejects. */
function wait(ms: number, signal: AbortSignal, ended: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = measuringClock.after(Math.max(0, ms), done);
    function done(): void {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
    ended.catch(reject);
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
