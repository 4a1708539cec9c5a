/** Carries out the steps of a method on a running lab, at their times. */
import { spawn } from 'node:child_process';
import type { LabConnection } from '../client/connect.ts';
import { clusterProblem } from '../driver/cluster-ready.ts';
import { measuringClock } from '../prober/clock.ts';
import { badInput, environmentError, LabError } from '../state/errors.ts';
import { fieldName } from './explain.ts';
import type { FaultMaker } from './fault-session.ts';
import type { LoadSpec } from './load-spec.ts';
import type { MethodStep, StepAction } from './method.ts';
import { stepText } from './method.ts';
import { deploymentsAvailable } from './prepare.ts';
import { until } from './steady.ts';

/** A step that was taken. */
export interface StepTaken {
  readonly kind: Exclude<StepAction['kind'], 'parallel' | 'serial'>;
  /** Verb of a fault, `heal`; empty for other kinds. */
  readonly verb: string;
  readonly what: string;
  readonly label: string;
  /** Whether the figures are about it. */
  readonly event: boolean;
  /** What a fault acted on, `node/node-2`; empty for other kinds. */
  readonly resolved: string;
  /** When it took effect, CLOCK_MONOTONIC ns. */
  readonly effectiveNs: bigint;
  /** When it had ended. */
  readonly endNs: bigint;
  readonly ok: boolean;
  /** First line of output or error. */
  readonly said: string;
}

/** What steps are carried out with. */
export interface Performance {
  readonly lab: LabConnection;
  readonly faults: FaultMaker;
  /** Monotonic ms of the start of the measurement. */
  readonly startMs: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** Starts one more load. */
  startLoad(load: LoadSpec): Promise<void>;
  /** Asks a probe of the scenario. */
  askProbe(name: string): Promise<{ held: boolean; said: string }>;
  /** Gets each step as soon as it is taken. */
  onStep?(step: StepTaken): void;
}

/** Longest wait for a steady cluster, ms. */
const STEADY_MS = 120_000;

/** One carrying out of a method. */
export class Performer {
  readonly #with: Performance;
  readonly #taken: StepTaken[] = [];
  readonly #background: Promise<void>[] = [];
  #previous = '';

  constructor(performance: Performance) {
    this.#with = performance;
  }

  /** Steps taken so far, in order of their effect. */
  get taken(): StepTaken[] {
    return [...this.#taken].sort((a, b) => (a.effectiveNs < b.effectiveNs ? -1 : 1));
  }

  /** Takes the steps; resolves when the last has ended, background ones too. Rejects with a LabError of the step that failed. */
  async run(steps: readonly MethodStep[]): Promise<void> {
    await this.#row(steps);
    await Promise.all(this.#background);
  }

  async #row(steps: readonly MethodStep[]): Promise<void> {
    for (const step of steps) {
      const { startMs, signal } = this.#with;
      const due = step.atMs === undefined ? measuringClock.now() + step.afterMs : startMs + step.atMs;
      await waitUntil(due, signal);
      if (step.kind === 'parallel') await Promise.all(step.steps.map((s) => this.#row([s])));
      else if (step.kind === 'serial') await this.#row(step.steps);
      else await this.#take(step);
    }
  }

  async #take(step: Exclude<MethodStep, { kind: 'parallel' | 'serial' }>): Promise<void> {
    const { progress, startMs } = this.#with;
    if (step.kind !== 'wait') progress(`${((measuringClock.now() - startMs) / 1000).toFixed(1)} s: ${stepText(step)}`);
    try {
      await this.#act(step);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      throw new LabError(`Step ${fieldName(step.path)} (${stepText(step)}) failed: ${error.message}`, error.exitCode);
    }
  }

  #note(step: StepAction & { label: string; event: boolean }, more: Partial<StepTaken>): void {
    const now = measuringClock.nowNs();
    if (step.kind === 'parallel' || step.kind === 'serial') return;
    const taken: StepTaken = {
      kind: step.kind,
      verb: step.kind === 'fault' ? step.verb : step.kind === 'heal' ? 'heal' : '',
      what: stepText(step),
      label: step.label,
      event: step.event,
      resolved: '',
      effectiveNs: now,
      endNs: now,
      ok: true,
      said: '',
      ...more,
    };
    this.#taken.push(taken);
    this.#with.onStep?.(taken);
  }

  async #act(step: Exclude<MethodStep, { kind: 'parallel' | 'serial' }>): Promise<void> {
    const beganNs = measuringClock.nowNs();
    const { lab, faults, signal } = this.#with;
    switch (step.kind) {
      case 'fault': {
        const target = step.target === 'previous' ? this.#previous : step.target;
        const done = await faults.make({ verb: step.verb, target, args: step.args, label: step.label });
        this.#previous = done.resolved;
        this.#note(step, { resolved: done.resolved, effectiveNs: done.effectiveNs });
        return;
      }
      case 'heal': {
        const healed = await faults.heal(step.target);
        this.#note(step, { resolved: healed.join(', '), effectiveNs: beganNs });
        return;
      }
      case 'kubectl': {
        const run = runKubectl(lab, step.args, signal).then(({ code, said }) => {
          this.#note(step, { effectiveNs: beganNs, ok: code === 0, said });
          if (code !== 0 && !step.mayFail) throw badInput(said || `exit code ${code}`);
        });
        if (!step.background) return run;
        run.catch(() => {});
        this.#background.push(run);
        return;
      }
      case 'load':
        await this.#with.startLoad(step.load);
        this.#note(step, { effectiveNs: beganNs });
        return;
      case 'probe': {
        const { held, said } = await this.#with.askProbe(step.name);
        this.#note(step, { effectiveNs: beganNs, ok: held, said });
        return;
      }
      case 'wait':
        if (step.ms === 'steady') await steadyCluster(lab, signal);
        else await waitUntil(measuringClock.now() + step.ms, signal);
        this.#note(step, { effectiveNs: beganNs });
    }
  }
}

/** Waits until a moment of the monotonic clock, ms. Rejects with the signal's reason when it comes first. */
export function waitUntil(atMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const cancel = measuringClock.after(Math.max(0, atMs - measuringClock.now()), () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    function stop(): void {
      cancel();
      reject(signal.reason);
    }
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** Waits until every node is Ready and every Deployment available. */
export async function steadyCluster(lab: LabConnection, signal: AbortSignal): Promise<void> {
  const { api } = await lab.service.status({ skipMemory: true });
  await until(STEADY_MS, signal, 'A complete cluster', async () => {
    const problem = await clusterProblem(lab, api);
    return problem === undefined ? true : `waiting for ${problem}`;
  });
  await deploymentsAvailable(lab, signal, () => {});
}

/** Runs kubectl with arguments as they would be typed in a shell. `said` is the first line of its output, or of its error. */
export function runKubectl(
  lab: LabConnection,
  args: string,
  signal: AbortSignal,
): Promise<{ code: number; stdout: string; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', `kubectl ${args}`], {
      env: { ...process.env, KUBECONFIG: lab.paths.kubeconfig },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', (error) =>
      reject(signal.aborted ? signal.reason : environmentError(`Program kubectl cannot be run: ${error.message}`)),
    );
    child.once('close', (code) =>
      resolve({
        code: code ?? 1,
        stdout,
        said: ((code === 0 ? stdout : stderr) || stderr).trim().split('\n')[0] ?? '',
      }),
    );
  });
}
