/** The executor `ramping-vus`: as many virtual users as the stages say, each running one iteration after the other. */
import type { ExecutorContext, Worker } from './executor-context.ts';
import type { Scenario, Stage } from './scenarios.ts';
import { sleep } from './sleep.ts';

/** A change of the number of VUs, milliseconds after the scenario's start. */
export interface VuStep {
  readonly atMs: number;
  readonly vus: number;
}

/** When the number of VUs changes: linear from one target to the next, one VU at a time; a stage of no duration jumps. */
export function vuSteps(startVUs: number, stages: readonly Stage[]): VuStep[] {
  const steps: VuStep[] = [{ atMs: 0, vus: startVUs }];
  let from = startVUs;
  let startMs = 0;
  for (const { durationMs, target } of stages) {
    const change = Math.abs(target - from);
    const sign = Math.sign(target - from);
    if (durationMs === 0 && change > 0) steps.push({ atMs: startMs, vus: target });
    else
      for (let i = 1; i <= change; i++) steps.push({ atMs: startMs + (durationMs * i) / change, vus: from + sign * i });
    from = target;
    startMs += durationMs;
  }
  return steps;
}

/** A place in the ramp: works while the number of VUs exceeds its index. */
interface Slot {
  /** Made anew after an interruption. */
  worker: Worker | undefined;
  loop: Promise<void> | undefined;
  /** Ends the wait for the last iteration during a ramp down. */
  cancel: () => void;
}

/** Runs the ramp. VUs that are ramped down have `gracefulRampDown` to finish their iteration, then it is interrupted. */
export async function rampVUs(
  scenario: Extract<Scenario, { readonly executor: 'ramping-vus' }>,
  context: ExecutorContext,
  iterate: (worker: Worker) => Promise<void>,
): Promise<void> {
  const startMs = context.clock.now();
  const slots = context.workers.map((worker): Slot => ({ worker, loop: undefined, cancel: () => {} }));
  let wanted = 0;
  let ended = false;
  const active = (index: number): boolean => !ended && !context.signal.aborted && index < wanted;
  const work = async (slot: Slot, index: number): Promise<void> => {
    while (active(index)) {
      if (slot.worker) await iterate(slot.worker);
      else slot.worker = await context.spawn();
      await context.turn();
    }
    slot.cancel();
    slot.loop = undefined;
  };
  const interrupt = (slot: Slot): void => {
    slot.worker?.interrupt();
    slot.worker = undefined;
  };
  const set = (vus: number): void => {
    wanted = vus;
    for (const [index, slot] of slots.entries())
      if (index < vus) {
        slot.cancel();
        slot.cancel = () => {};
        slot.loop ??= work(slot, index);
      } else if (slot.loop && slot.worker) {
        slot.cancel();
        slot.cancel = context.clock.after(scenario.gracefulRampDownMs, () => interrupt(slot));
      }
  };
  const until = async (atMs: number): Promise<void> => {
    const wait = startMs + atMs - context.clock.now();
    if (wait > 0 && !context.signal.aborted) await sleep(context, Math.max(1, wait));
  };
  for (const { atMs, vus } of vuSteps(scenario.startVUs, scenario.stages)) {
    await until(atMs);
    if (context.signal.aborted) break;
    set(vus);
  }
  await until(scenario.stages.reduce((sum, stage) => sum + stage.durationMs, 0));
  ended = true;
  await Promise.all(slots.map((slot) => slot.loop));
}
