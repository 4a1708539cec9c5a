/** Measuring what somebody else breaks: probe and load for a while, then tell what the traffic felt by the faults the timeline holds. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TimelineEvent } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { type FailoverReport, type FaultStep, failoverReport } from '../report/failover-report.ts';
import { badInput } from '../state/errors.ts';
import { runExperiment } from './experiment.ts';
import { noFaults } from './fault-session.ts';
import type { LoadEngine } from './load-run.ts';
import { type ServiceRef, steadyVip, until } from './steady.ts';
import { resolveTarget } from './targets.ts';

/** What to measure. */
export interface Measurement {
  readonly lab: LabConnection;
  /** The LoadBalancer Service; undefined: the one that is announced, when there is one. */
  readonly service: ServiceRef | undefined;
  readonly durationMs: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Path the prober asks for. */
  readonly path: string;
  readonly load:
    | { readonly engine: LoadEngine; readonly script: string; readonly env: Readonly<Record<string, string>> }
    | undefined;
  /** Directory for samples, timeline and report, absolute. */
  readonly dir: string;
  /** Ends the measurement early; what was measured until then is reported. */
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** How long a Service may take to answer before the measurement, ms. */
const STEADY_MS = 60_000;

/** Measures. Fails with a LabError when there is nothing to measure. */
export async function measureService(options: Measurement): Promise<FailoverReport> {
  const { dir, lab, progress, signal } = options;
  mkdirSync(dir, { recursive: true });
  const service = options.service ?? (await onlyService(lab, signal));
  const vip = await steadyVip(lab, service, { dir, timeoutMs: STEADY_MS, signal });
  progress(
    `Measuring ${vip.url} of ${service.namespace}/${service.name}, announced by ${vip.owner}, for ${options.durationMs / 1000} s: break something now`,
  );
  const target = await resolveTarget(lab, { service, via: 'loadbalancer', from: 'client', path: options.path }, signal);
  const result = await runExperiment({
    ...options,
    target,
    steadyMs: 0,
    recoveryMs: 0,
    method: [],
    faults: noFaults,
    load: options.load && {
      ...options.load,
      env: { URL: vip.url, DURATION: `${Math.ceil(options.durationMs / 1000)}s`, ...options.load.env },
    },
  });
  const steps = stepsSeen(result.events);
  const report = failoverReport({ ...result, vip, steps });
  const told = steps.length > 0 ? report : { ...report, sentence: undisturbed(report, options.durationMs) };
  writeFileSync(join(dir, 'report.json'), `${JSON.stringify(told, null, 2)}\n`);
  return told;
}

/** The one Service that has a VIP. Fails with a LabError that lists them when there are several. */
async function onlyService(lab: LabConnection, signal: AbortSignal): Promise<ServiceRef> {
  const { vips } = await until(STEADY_MS, signal, 'A Service with an announced address', async () => {
    const found = await lab.service.vips({});
    return found.vips.length > 0 ? found : 'no Service has one';
  });
  const [first] = vips;
  if (!first || vips.length > 1)
    throw badInput(
      `Several Services are announced: name one of ${vips.map((v) => `${v.namespace}/${v.service}`).join(', ')}`,
    );
  return { namespace: first.namespace, name: first.service };
}

/** The faults a timeline holds, as the steps of an experiment; healing before the first fault is none of it. */
export function stepsSeen(events: readonly TimelineEvent[]): FaultStep[] {
  const steps = events
    .filter((e) => e.type === 'fault.effective' || e.type === 'fault.healed')
    .map((e) => ({
      // What is healed is called by the fault it was; a report asks whether it came back.
      verb: e.type === 'fault.healed' ? 'heal' : (e.attrs.fault ?? ''),
      resolved: e.attrs.target ?? '',
      effectiveNs: e.atNs,
    }));
  const first = steps.findIndex((s) => s.verb !== 'heal');
  return first < 0 ? [] : steps.slice(first);
}

function undisturbed(report: FailoverReport, durationMs: number): string {
  const { lost, sent } = report.baseline;
  return `Nothing was broken in ${durationMs / 1000} s: ${lost} of ${sent} requests of the prober lost, ${report.lost.load} of the load.`;
}
