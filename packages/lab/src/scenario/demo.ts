/** The demo: an example shop, load through its VIP, the owner's power cut and given back, and what the traffic felt. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Driver } from '../client/open.ts';
import type { RunResult } from '../report/model.ts';
import { renderHtml } from '../report/write-reports.ts';
import { environmentError } from '../state/errors.ts';
import { builtFile } from '../state/programs.ts';
import type { LoadEngine } from './load-run.ts';
import { runScenarioFile } from './run-scenario.ts';
import { parseScenario, type Scenario } from './scenario-file.ts';

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

/** When things happen, ms. `realistic` waits for its node grace period of 50 s. */
const SCHEDULE = {
  fast: { kill: '4s', restart: '4s', recovery: '5s' },
  realistic: { kill: '5s', restart: '70s', recovery: '30s' },
} as const;

/** Iterations per second of the load. */
const RATE = 60;

/** The demo as a scenario. */
function demoScenario(profile: DemoOptions['profile']): Scenario {
  const { kill, restart, recovery } = SCHEDULE[profile];
  return parseScenario(
    {
      title: 'Demo',
      question: "What does a shop's traffic feel when the node that announces its address loses its power?",
      lab: { nodes: 3, profile },
      manifests: [builtFile('examples/shop')],
      service: 'shop/frontend',
      steadyState: { duration: kill },
      // Answered by the frontend alone: the prober measures the VIP, the load the whole shop.
      probe: { interval: '10ms', timeout: '500ms', path: '/hostname' },
      load: { script: builtFile('loadtest/vip-failover.js'), env: { RATE } },
      method: [
        { fault: 'kill', target: 'owner/shop/frontend' },
        { fault: 'restart', target: 'previous', after: restart },
      ],
      recovery,
      faultPhase: '0ms',
    },
    '/',
  );
}

/** Runs the demo and takes its lab down again (unless `keep`). Rejects with AbortError when `signal` is aborted. */
export async function runDemo(options: DemoOptions): Promise<RunResult> {
  const { dir, signal, progress, profile, engine } = options;
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const scenario = demoScenario(profile);
  progress(
    `Load: ${scenario.load?.script} at ${RATE}/s by ${engine === 'k6' ? 'k6' : 'the built-in host for k6 scripts'}; prober: one request each ${scenario.probe.intervalMs} ms on new and on reused connections`,
  );
  const { report } = await runScenarioFile({
    ...options,
    scenario,
    repeats: 1,
    seed: 1,
    command: `svclab demo --profile ${profile}`,
  });
  signal.throwIfAborted();
  const [run] = report.runs;
  if (!run) throw environmentError('The demo measured nothing');
  writeFileSync(join(dir, 'report.json'), `${JSON.stringify({ profile, ...run }, null, 2)}\n`);
  writeFileSync(join(dir, 'report.html'), renderHtml(dir, report));
  return run;
}
