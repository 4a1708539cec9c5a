/** Runs one load script from its options to its summary. */
import { register } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Clock } from '@svclab/core';
import { scenarioDurationMs } from './arrivals.ts';
import { ScriptError } from './errors.ts';
import { initialVUs, runScenario } from './executors.ts';
import { Metrics } from './metrics.ts';
import { type LoadOptions, readOptions, type Scenario } from './options.ts';
import type { RunState, VuScenario } from './run-state.ts';
import { type SummaryData, summaryData, summaryText } from './summary.ts';
import { type ThresholdResult, Thresholds } from './thresholds.ts';
import { registerVu, Vu } from './vu.ts';

/** What to run. */
export interface LoadRequest {
  /** Absolute path. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Aborted: finish early, with a summary. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly isStdOutTTY: boolean;
  readonly isStdErrTTY: boolean;
}

/** What came of it. */
export interface LoadResult {
  readonly engine: 'builtin';
  readonly script: string;
  readonly iterations: number;
  /** Requests without an answer or with an unexpected status. */
  readonly failed: number;
  readonly requests: number;
  readonly dropped_iterations: number;
  readonly interrupted_iterations: number;
  readonly duration_ms: number;
  readonly thresholds: readonly ThresholdResult[];
  /** Why the run failed though no threshold did; empty otherwise. */
  readonly failure: string;
  readonly summary: SummaryData;
}

/** A result and what the script (or the host) wants printed and written. */
export interface LoadOutput {
  readonly result: LoadResult;
  /** `stdout`, `stderr` or a path, to its content. */
  readonly files: Readonly<Record<string, string>>;
}

type Exports = Readonly<Record<string, unknown>>;

const NO_SCENARIO: VuScenario = { name: '', executor: '', tags: {}, env: {}, durationMs: 0, startMs: 0 };

/** One run. */
export class LoadHost {
  readonly #request: LoadRequest;
  readonly #stop = new AbortController();
  readonly #run: RunState;
  #nextVu = 1;
  #failure = '';
  #fault: ScriptError | undefined;

  constructor(request: LoadRequest) {
    this.#request = request;
    this.#run = {
      clock: request.clock,
      metrics: new Metrics(),
      options: readOptions(undefined),
      env: request.env,
      scriptDir: dirname(request.script),
      checks: new Map(),
      shared: new Map(),
      startMs: 0,
      vusActive: 0,
      vusInitialized: 0,
      interrupted: 0,
      completed: 0,
      iterationsByScenario: new Map(),
      stopped: () => this.#stop.signal.aborted,
      abort: (reason, fault) => {
        this.#failure ||= reason;
        this.#fault ??= fault;
        this.#stop.abort();
      },
      markFailed: (reason) => {
        this.#failure ||= reason;
      },
      log: request.log,
    };
    request.signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
  }

  /** Runs it. Fails with {@link ScriptError} when the script is not one the host can run. */
  async run(): Promise<LoadOutput> {
    const run = this.#run;
    const main = await this.#load(NO_SCENARIO, 0);
    const options = readOptions(main.exports.options);
    run.options = options;
    for (const s of options.scenarios)
      if (typeof main.exports[s.exec] !== 'function')
        throw new ScriptError(`Scenario "${s.name}" runs "${s.exec}", which the script does not export as a function`);
    const thresholds = new Thresholds(options, run.metrics);
    const data = await this.#once(main, 'setup', undefined, options.setupTimeoutMs);
    const elapsed = await this.#scenarios(options, data, thresholds);
    if (this.#fault) throw this.#fault;
    await this.#once(main, 'teardown', data, options.teardownTimeoutMs);
    main.vu.http.reset();
    return this.#output(main.exports, thresholds.results(elapsed), elapsed);
  }

  async #scenarios(options: LoadOptions, data: unknown, thresholds: Thresholds): Promise<number> {
    const run = this.#run;
    const teams = await Promise.all(
      options.scenarios.map(async (scenario) => {
        const shared: VuScenario = {
          ...scenario,
          executor: scenario.executor,
          durationMs: scenarioDurationMs(scenario),
          startMs: 0,
        };
        const spawn = (): Promise<Vu> => this.#worker(scenario, shared, data);
        return {
          scenario,
          shared,
          spawn,
          workers: await Promise.all(Array.from({ length: initialVUs(scenario) }, spawn)),
        };
      }),
    );
    const all: Vu[] = teams.flatMap((t) => t.workers);
    run.startMs = run.clock.now();
    const stopWatch = this.#watch(thresholds);
    await Promise.all(
      teams.map(({ scenario, shared, spawn, workers }) => {
        shared.startMs = run.startMs + scenario.startTimeMs;
        return runScenario(scenario, {
          clock: run.clock,
          workers,
          spawn: async () => {
            const worker = await spawn();
            all.push(worker);
            return worker;
          },
          dropped: () => run.metrics.add('dropped_iterations', 1, { scenario: scenario.name }),
          turn: () => new Promise((resolve) => setImmediate(resolve)),
          signal: this.#stop.signal,
        });
      }),
    );
    stopWatch();
    const result = run.clock.now() - run.startMs;
    for (const vu of all) vu.http.reset();
    return result;
  }

  /** Looks at the run each second: VUs, progress, thresholds that want to end it. Returns what ends the watch with a last look. */
  #watch(thresholds: Thresholds): () => void {
    const run = this.#run;
    const gauge = (): void => {
      run.metrics.add('vus', run.vusActive);
      run.metrics.add('vus_max', run.vusInitialized);
    };
    gauge();
    const stop = run.clock.every(1000, () => {
      gauge();
      const elapsedMs = run.clock.now() - run.startMs;
      run.log(
        `${Math.round(elapsedMs / 1000)} s: ${run.completed} iterations, ${run.vusActive} of ${run.vusInitialized} VUs busy`,
      );
      const aborting = thresholds.aborting(elapsedMs);
      if (aborting !== undefined) run.abort(`threshold ${aborting} failed and ends the run`);
    });
    return () => {
      stop();
      gauge();
    };
  }

  async #worker(scenario: Scenario, shared: VuScenario, data: unknown): Promise<Vu> {
    const { vu, exports } = await this.#load(shared, this.#nextVu++);
    vu.body = exports[scenario.exec] as Vu['body'];
    vu.data = data === undefined ? undefined : JSON.parse(JSON.stringify(data));
    this.#run.vusInitialized++;
    return vu;
  }

  /** Makes VU `id` and its instance of the script. */
  async #load(scenario: VuScenario, id: number): Promise<{ vu: Vu; exports: Exports }> {
    const vu = new Vu(id, this.#run, scenario);
    registerVu(vu);
    try {
      const exports = (await import(`${pathToFileURL(this.#request.script).href}?vu=${id}`)) as Exports;
      vu.initializing = false;
      return { vu, exports };
    } catch (error) {
      throw scriptError(error, this.#request.script);
    }
  }

  async #once(
    main: { vu: Vu; exports: Exports },
    name: 'setup' | 'teardown',
    data: unknown,
    timeoutMs: number,
  ): Promise<unknown> {
    const fn = main.exports[name];
    if (typeof fn !== 'function') return undefined;
    let cancel = (): void => {};
    const late = new Promise<never>((_resolve, reject) => {
      cancel = this.#run.clock.after(timeoutMs, () =>
        reject(new ScriptError(`${name}() did not end within ${timeoutMs} ms (option ${name}Timeout)`)),
      );
    });
    try {
      return await Promise.race([Promise.resolve(fn(data)), late]);
    } catch (error) {
      if (error instanceof ScriptError) throw error;
      throw new ScriptError(
        `${name}() failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    } finally {
      cancel();
    }
  }

  async #output(exports: Exports, thresholds: readonly ThresholdResult[], elapsedMs: number): Promise<LoadOutput> {
    const run = this.#run;
    const { isStdOutTTY, isStdErrTTY, script } = this.#request;
    const summary = summaryData({
      metrics: run.metrics,
      options: run.options,
      checks: run.checks,
      thresholds,
      elapsedMs,
      isStdOutTTY,
      isStdErrTTY,
    });
    const count = (metric: string, value: string): number => summary.metrics[metric]?.values[value] ?? 0;
    const result: LoadResult = {
      engine: 'builtin',
      script,
      iterations: count('iterations', 'count'),
      failed: count('http_req_failed', 'passes'),
      requests: count('http_reqs', 'count'),
      dropped_iterations: count('dropped_iterations', 'count'),
      interrupted_iterations: run.interrupted,
      duration_ms: Math.round(elapsedMs),
      thresholds,
      failure: this.#failure,
      summary,
    };
    let files: Record<string, string> = { stdout: `${summaryText(summary, thresholds)}\n` };
    if (typeof exports.handleSummary === 'function') {
      const made = (await exports.handleSummary(structuredClone(summary))) as Record<string, unknown> | undefined;
      files = Object.fromEntries(Object.entries(made ?? {}).map(([to, content]) => [to, String(content)]));
    }
    return { result, files };
  }
}

/** Installs the module loader hooks; once per process, before the first script. */
export function installHooks(): void {
  register('./hooks.js', import.meta.url);
}

/** What Node says when a script cannot be loaded, in the terms of k6. */
function scriptError(error: unknown, script: string): ScriptError {
  if (error instanceof ScriptError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const refused = /REFUSED (.*)/.exec(message);
  if (refused) return new ScriptError(refused[1] ?? message);
  const missing = /module '([^']+)' does not provide an export named '([^']+)'/.exec(message);
  if (missing?.[1]?.startsWith('k6')) return new ScriptError(missingExport(missing[1], missing[2] ?? ''));
  return new ScriptError(`${script} cannot be run: ${error instanceof Error ? (error.stack ?? message) : message}`);
}

const WHY: Readonly<Record<string, string>> = {
  sleep: 'it blocks; use await new Promise((resolve) => setTimeout(resolve, ms))',
  group: 'it cannot hold async code; tag requests instead (params.tags)',
};

function missingExport(module: string, name: string): string {
  if (module === 'k6/http') return `http.${name} needs k6: use await http.asyncRequest(method, url)`;
  return `"${name}" of ${module} needs k6${WHY[name] ? `: ${WHY[name]}` : ''}`;
}
