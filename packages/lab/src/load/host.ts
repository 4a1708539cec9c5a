/** Runs one load script from its options to its summary. */
import { register } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Clock, Random } from '@svclab/core';
import { scenarioDurationMs } from './arrivals.ts';
import { ScriptError } from './errors.ts';
import { initialVUs, runScenario } from './executors.ts';
import { LatenessRecorder } from './lateness.ts';
import { Metrics } from './metrics.ts';
import { type LoadOptions, readOptions } from './options.ts';
import { loadError, placed, readableStack } from './places.ts';
import { type LoadProgress, ProgressMeter } from './progress.ts';
import { NameResolver } from './resolver.ts';
import { inconclusiveReasons, type LoadOutput, type LoadResult } from './result.ts';
import type { RunState, VuScenario } from './run-state.ts';
import type { Scenario } from './scenarios.ts';
import { summaryData, summaryText } from './summary.ts';
import { type ThresholdResult, Thresholds } from './thresholds.ts';
import { registerVu, Vu } from './vu.ts';

/** What to run. */
export interface LoadRequest {
  /** Absolute path. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted: finish early, with a summary. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Hears once a second how far the run is. */
  readonly progress: (line: LoadProgress) => void;
  /** Hears every sample, as `--out json` writes them. */
  readonly onSample?: Metrics['onSample'];
  readonly isStdOutTTY: boolean;
  readonly isStdErrTTY: boolean;
}

type Exports = Readonly<Record<string, unknown>>;

const NO_SCENARIO: VuScenario = { name: '', executor: '', tags: {}, env: {}, durationMs: 0, startMs: 0 };

/** One run. */
export class LoadHost {
  readonly #request: LoadRequest;
  readonly #stop = new AbortController();
  readonly #run: RunState;
  readonly #lateness = new LatenessRecorder();
  #nextVu = 1;
  #cpuMs = 0;
  #failure = '';
  #fault: ScriptError | undefined;

  constructor(request: LoadRequest) {
    this.#request = request;
    const options = readOptions(undefined);
    const metrics = new Metrics();
    metrics.onSample = request.onSample;
    this.#run = {
      clock: request.clock,
      metrics,
      options,
      resolver: new NameResolver(options.dns, request.clock, request.random),
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
      logOnce: once(request.log),
    };
    request.signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
  }

  /** Runs it. Fails with {@link ScriptError} when the script is not one the host can run. */
  async run(): Promise<LoadOutput> {
    const run = this.#run;
    try {
      const main = await this.#load(NO_SCENARIO, 0);
      const options = readOptions(main.exports.options);
      run.options = options;
      run.resolver = new NameResolver(options.dns, run.clock, this.#request.random);
      requireFunctions(options.scenarios, main.exports);
      const thresholds = new Thresholds(options, run.metrics);
      const data = copy(await this.#once(main, 'setup', undefined, options.setupTimeoutMs));
      const elapsed = await this.#scenarios(options, data, thresholds);
      if (this.#fault) throw this.#fault;
      await this.#once(main, 'teardown', copy(data), options.teardownTimeoutMs);
      main.vu.http.reset();
      return await this.#output(main.exports, thresholds.results(elapsed), elapsed);
    } catch (error) {
      throw error instanceof ScriptError ? placed(error, this.#request.script) : error;
    }
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
    const cpu = process.cpuUsage();
    const stopWatch = this.#watch(thresholds, options);
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
          dropped: () => run.metrics.add('dropped_iterations', 1, { ...run.options.tags, scenario: scenario.name }),
          late: (ms) => this.#lateness.add(ms),
          turn: () => new Promise((resolve) => setImmediate(resolve)),
          signal: this.#stop.signal,
        });
      }),
    );
    stopWatch();
    const result = run.clock.now() - run.startMs;
    const { user, system } = process.cpuUsage(cpu);
    this.#cpuMs = Math.round((user + system) / 1000);
    for (const vu of all) vu.http.reset();
    return result;
  }

  /** Looks at the run each second: VUs, progress, thresholds that want to end it. Returns what ends the watch with a last look. */
  #watch(thresholds: Thresholds, options: LoadOptions): () => void {
    const run = this.#run;
    const meter = new ProgressMeter();
    const totalMs = Math.max(...options.scenarios.map((s) => s.startTimeMs + scenarioDurationMs(s)));
    const sum = (metric: string, value: string): number => run.metrics.sink(metric).sink.values([], 1)[value] ?? 0;
    const gauge = (): void => {
      run.metrics.add('vus', run.vusActive);
      run.metrics.add('vus_max', run.vusInitialized);
    };
    gauge();
    const stop = run.clock.every(1000, () => {
      gauge();
      const elapsedMs = run.clock.now() - run.startMs;
      this.#request.progress(
        meter.line(elapsedMs, totalMs, {
          iterations: run.completed,
          requests: sum('http_reqs', 'count'),
          failed: sum('http_req_failed', 'passes'),
          dropped_iterations: sum('dropped_iterations', 'count'),
          vus: run.vusActive,
          vus_max: run.vusInitialized,
          lateness_p99_ms: this.#lateness.recentP99(),
        }),
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
    vu.data = copy(data);
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
      throw loadError(error, this.#request.script);
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
    main.vu.group = `::${name}`;
    const late = new Promise<never>((_resolve, reject) => {
      cancel = this.#run.clock.after(timeoutMs, () =>
        reject(new ScriptError(`${name}() did not end within ${timeoutMs} ms (option ${name}Timeout)`, name)),
      );
    });
    try {
      return await Promise.race([Promise.resolve(fn(data)), late]);
    } catch (error) {
      if (error instanceof ScriptError) throw error;
      const fault = new ScriptError(`${name}() failed: ${error instanceof Error ? error.message : String(error)}`);
      if (error instanceof Error && error.stack) fault.stack = error.stack;
      throw fault;
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
    const lateness = this.#lateness.all();
    const result: LoadResult = {
      engine: 'builtin',
      script,
      iterations: count('iterations', 'count'),
      failed: count('http_req_failed', 'passes'),
      requests: count('http_reqs', 'count'),
      dropped_iterations: count('dropped_iterations', 'count'),
      interrupted_iterations: run.interrupted,
      duration_ms: Math.round(elapsedMs),
      lateness_ms: lateness,
      lateness_p99_ms: lateness.p99,
      cpu_ms: this.#cpuMs,
      inconclusive: inconclusiveReasons({
        dropped_iterations: count('dropped_iterations', 'count'),
        lateness_p99_ms: lateness.p99,
      }),
      thresholds,
      failure: this.#failure,
      summary,
    };
    const files: Record<string, string> = { stdout: `${summaryText(summary, thresholds)}\n` };
    if (typeof exports.handleSummary !== 'function') return { result, files };
    try {
      const made = (await exports.handleSummary(structuredClone(summary))) as Record<string, unknown> | undefined;
      return {
        result,
        files: Object.fromEntries(Object.entries(made ?? {}).map(([to, content]) => [to, String(content)])),
      };
    } catch (error) {
      // As k6 does: what the run found is not lost with the script's own summary.
      run.log(`handleSummary() failed, so this is the usual summary: ${readableStack(String((error as Error).stack))}`);
      return { result, files };
    }
  }
}

/** Installs the module loader hooks; once per process, before the first script. */
export function installHooks(): void {
  register('./hooks.js', import.meta.url);
}

/** k6 hands `setup`'s data on as JSON: every virtual user has a copy, and what JSON does not know is lost. */
function copy(data: unknown): unknown {
  const text = JSON.stringify(data);
  return text === undefined ? undefined : JSON.parse(text);
}

function once(log: (line: string) => void): (line: string) => void {
  const said = new Set<string>();
  return (line) => {
    if (!said.has(line)) log(line);
    said.add(line);
  };
}

function requireFunctions(scenarios: readonly Scenario[], exports: Exports): void {
  for (const s of scenarios)
    if (typeof exports[s.exec] !== 'function')
      throw new ScriptError(
        `Scenario "${s.name}" runs "${s.exec}", which the script does not export as a function: add "export ${s.exec === 'default' ? 'default async function' : `async function ${s.exec}`} () { ... }"`,
        s.exec === 'default' ? '' : s.exec,
      );
}
