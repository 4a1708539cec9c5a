import { ScriptError } from './errors.ts';
import type { Worker } from './executor-context.ts';
import { HttpSession } from './http.ts';
import type { Tags } from './metrics.ts';
import { readableStack } from './places.ts';
import type { RunState, VuScenario } from './run-state.ts';

/**
 * One virtual user: an instance of the script's modules, its connections, and the async jobs of its running iteration.
 * It is busy until the last of these jobs has ended, as in k6.
 */
export class Vu implements Worker {
  /** From 1; 0 is the instance that runs `setup`, `teardown` and `handleSummary`. */
  readonly id: number;
  readonly run: RunState;
  readonly http: HttpSession;
  readonly scenario: VuScenario;
  /** Tags the script put on this VU (`exec.vu.metrics.tags`). */
  readonly tags: Record<string, string> = {};
  /** Where the script stands, for `exec` and `open`. */
  initializing = true;
  /** Tag of the samples made in `setup` and `teardown`. */
  group = '';
  iteration = -1;
  iterationInTest = -1;
  /** Function of an iteration; set once the script's modules are loaded. */
  body: (data: unknown) => unknown = () => {};
  /** What `setup` returned, this VU's own copy. */
  data: unknown;
  /** Told the iteration's number before it starts. */
  onIteration: (iteration: number) => void = () => {};
  #jobs = 0;
  #timers = new Set<() => void>();
  #idle: (() => void) | undefined;
  #broken: (() => void) | undefined;
  #fail: ((error: unknown) => void) | undefined;
  interrupted = false;

  constructor(id: number, run: RunState, scenario: VuScenario) {
    this.id = id;
    this.run = run;
    this.scenario = scenario;
    this.http = new HttpSession(this);
  }

  /** Tags every sample of this VU carries. */
  baseTags(): Record<string, string> {
    const { systemTags, tags } = this.run.options;
    return {
      ...(systemTags.has('scenario') ? { scenario: this.scenario.name } : {}),
      ...(systemTags.has('group') ? { group: this.group } : {}),
      ...tags,
      ...this.scenario.tags,
      ...this.tags,
    };
  }

  /** Adds a sample with the VU's tags. */
  sample(metric: string, value: number, tags: Tags = {}): void {
    this.run.metrics.add(metric, value, { ...this.baseTags(), ...tags });
  }

  /** An async job of the running iteration begins; call the result once when it ends. */
  job(): () => void {
    this.#jobs++;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#jobs--;
      if (this.#jobs === 0) setImmediate(() => this.#settle());
    };
  }

  /** A turn after the last job: code that was waiting for it has run and started what it wanted to. */
  #settle(): void {
    if (this.#jobs === 0) this.#idle?.();
  }

  /** Arms a timer that belongs to the iteration. Returns what cancels it. */
  timer(ms: number, repeat: boolean, fn: () => void): () => void {
    const end = this.job();
    const { clock } = this.run;
    const cancel = (repeat ? clock.every : clock.after)(Math.max(1, ms), () => {
      try {
        fn();
      } catch (error) {
        this.#fail?.(error);
      }
      // Only now: what the callback starts belongs to the iteration as well.
      if (!repeat) stop();
    });
    const stop = (): void => {
      if (!this.#timers.delete(stop)) return;
      cancel();
      end();
    };
    this.#timers.add(stop);
    return stop;
  }

  async iterate(): Promise<void> {
    const { run } = this;
    this.iteration++;
    this.iterationInTest = run.iterationsByScenario.get(this.scenario.name) ?? 0;
    run.iterationsByScenario.set(this.scenario.name, this.iterationInTest + 1);
    this.onIteration(this.iteration);
    run.vusActive++;
    const startMs = run.clock.now();
    const broken = new Promise<void>((resolve) => {
      this.#broken = resolve;
    });
    await Promise.race([this.#body(), broken]);
    run.vusActive--;
    if (this.interrupted) {
      run.interrupted++;
      return;
    }
    run.completed++;
    this.sample('iteration_duration', run.clock.now() - startMs);
    this.sample('iterations', 1);
    if (run.options.noVUConnectionReuse) this.http.reset();
  }

  interrupt(): void {
    this.interrupted = true;
    this.#cancelJobs();
    this.#broken?.();
  }

  async #body(): Promise<void> {
    try {
      const failed = new Promise<never>((_resolve, reject) => {
        this.#fail = reject;
      });
      await Promise.race([this.body(this.data), failed]);
      if (this.#jobs > 0)
        await Promise.race([
          failed,
          new Promise<void>((resolve) => {
            this.#idle = resolve;
          }),
        ]);
      this.#idle = undefined;
    } catch (error) {
      // An exception ends the iteration and what it left running.
      this.#cancelJobs();
      if (this.interrupted || this.run.stopped()) return;
      if (error instanceof ScriptError) this.run.abort(error.message, error);
      else
        this.run.log(
          `Iteration of VU ${this.id} failed: ${error instanceof Error ? readableStack(error.stack ?? error.message) : String(error)}`,
        );
    }
  }

  #cancelJobs(): void {
    for (const stop of [...this.#timers]) stop();
    this.http.reset();
  }
}

const vus = new Map<number, Vu>();

/** Makes a VU known to the modules that are loaded for it. */
export function registerVu(vu: Vu): void {
  vus.set(vu.id, vu);
}

/** The VU a module instance belongs to: the loader puts its number in the module's address. */
export function vuOf(moduleUrl: string): Vu {
  const vu = vus.get(Number(new URL(moduleUrl).searchParams.get('vu')));
  if (!vu) throw new ScriptError(`${moduleUrl} can only be imported by a load script`);
  return vu;
}
