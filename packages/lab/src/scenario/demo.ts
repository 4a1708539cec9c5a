/** The demo: an example shop, load through its VIP, the owner's power cut and given back, and what the traffic felt. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabConnection } from '../client/connect.ts';
import { type Driver, endLab } from '../client/open.ts';
import { type FailoverReport, failoverReport } from '../report/failover-report.ts';
import { builtFile } from '../state/programs.ts';
import { runExperiment } from './experiment.ts';
import { openFaultSession } from './fault-session.ts';
import type { LoadEngine } from './load-run.ts';
import { faultStep } from './method.ts';
import { prepare } from './prepare.ts';

/** How to run the demo. */
export interface DemoOptions {
  readonly root: string;
  readonly name: string;
  readonly driver: Driver;
  readonly profile: 'fast' | 'realistic';
  readonly engine: LoadEngine;
  /** Directory for the report and its sources, absolute; emptied first. */
  readonly dir: string;
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** When things happen after the start of the measurement, milliseconds. `realistic` waits for its node grace period of 50 s. */
const SCHEDULE = {
  fast: { killMs: 4000, restartMs: 8000, durationMs: 13_000 },
  realistic: { killMs: 5000, restartMs: 75_000, durationMs: 105_000 },
} as const;

/** Iterations per second of the load. */
const RATE = 60;
const INTERVAL_MS = 10;
const TIMEOUT_MS = 500;
/** Answered by the frontend alone: the prober measures the VIP, the load the whole shop. */
const PROBE_PATH = '/hostname';

/** Runs the demo and takes its lab down again (unless `keep`). */
export async function runDemo(options: DemoOptions): Promise<FailoverReport> {
  const { dir, signal, progress, name, root, profile } = options;
  const { killMs, restartMs, durationMs } = SCHEDULE[profile];
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const spec = {
    service: { namespace: 'shop', name: 'frontend' },
    via: 'loadbalancer',
    from: 'client',
    path: PROBE_PATH,
  };
  let lab: LabConnection | undefined;
  try {
    const ready = await prepare(
      {
        name,
        driver: options.driver,
        root,
        nodes: 3,
        profile,
        set: {},
        manifests: [builtFile('examples/shop')],
        target: spec,
        dir,
        signal,
        progress,
      },
      (l) => {
        lab = l;
      },
    );
    const script = builtFile('loadtest/vip-failover.js');
    progress(
      `Load: ${script} at ${RATE}/s by ${options.engine === 'k6' ? 'k6' : 'the built-in host for k6 scripts'}; prober: one request each ${INTERVAL_MS} ms on new and on reused connections`,
    );
    const faults = await openFaultSession(ready.lab, !options.keep);
    const result = await runExperiment({
      lab: ready.lab,
      target: ready.target,
      intervalMs: INTERVAL_MS,
      timeoutMs: TIMEOUT_MS,
      durationMs,
      steadyMs: 0,
      recoveryMs: 0,
      method: [faultStep('kill', 'owner/shop/frontend', killMs), faultStep('restart', 'previous', restartMs)],
      faults,
      load: {
        engine: options.engine,
        script,
        env: { URL: new URL('/', ready.target.url).href, RATE: String(RATE), DURATION: `${durationMs / 1000}s` },
      },
      dir,
      signal,
      progress,
    });
    await faults.close();
    signal.throwIfAborted();
    const report = failoverReport({ ...result, vip: ready.target });
    writeFileSync(join(dir, 'report.json'), `${JSON.stringify({ profile, ...report }, null, 2)}\n`);
    writeFileSync(join(dir, 'probe.json'), `${JSON.stringify(result.report, null, 2)}\n`);
    return report;
  } finally {
    lab?.close();
    if (lab && !options.keep) await endLab(root, options);
  }
}
