/** The executors: who runs the next iteration and when. They see virtual users only as something that runs one iteration at a time. */
import { arrivalTimes, scenarioDurationMs } from './arrivals.ts';
import type { ExecutorContext, Worker } from './executor-context.ts';
import { LATENESS_BOUND_MS } from './lateness.ts';
import { rampVUs } from './ramping-vus.ts';
import type { Scenario } from './scenarios.ts';
import { sleep } from './sleep.ts';

/** VUs to make before the start. */
export function initialVUs(scenario: Scenario): number {
  if ('preAllocatedVUs' in scenario) return scenario.preAllocatedVUs;
  if (scenario.executor === 'ramping-vus')
    return Math.max(scenario.startVUs, ...scenario.stages.map((stage) => stage.target));
  return Math.min(scenario.vus, scenario.executor === 'shared-iterations' ? scenario.iterations : scenario.vus);
}

/** The most VUs the scenario may come to have. */
export function maximalVUs(scenario: Scenario): number {
  return 'maxVUs' in scenario ? scenario.maxVUs : initialVUs(scenario);
}

/** Runs a scenario from its start time to its end; afterwards running iterations have `gracefulStop` to finish, then they are interrupted. */
export async function runScenario(scenario: Scenario, context: ExecutorContext): Promise<void> {
  if (scenario.startTimeMs > 0) await sleep(context, scenario.startTimeMs);
  if (context.signal.aborted) return;
  const running = new Set<Worker>();
  const iterate = async (worker: Worker): Promise<void> => {
    running.add(worker);
    await worker.iterate();
    running.delete(worker);
  };
  const endMs = context.clock.now() + scenarioDurationMs(scenario);
  const work = runExecutor(scenario, context, iterate, endMs);
  let cancel = (): void => {};
  const stop = new Promise<void>((resolve) => {
    const arm = (): void => {
      cancel();
      cancel = context.clock.after(scenario.gracefulStopMs, () => {
        for (const worker of running) worker.interrupt();
        resolve();
      });
    };
    cancel = context.clock.after(endMs - context.clock.now(), arm);
    context.signal.addEventListener('abort', arm, { once: true });
  });
  await Promise.race([work, stop]);
  cancel();
}

type Iterate = (worker: Worker) => Promise<void>;

function runExecutor(scenario: Scenario, context: ExecutorContext, iterate: Iterate, endMs: number): Promise<void> {
  switch (scenario.executor) {
    case 'constant-arrival-rate':
    case 'ramping-arrival-rate':
      return arrivals(scenario, context, iterate);
    case 'ramping-vus':
      return rampVUs(scenario, context, iterate);
    default:
      return loops(scenario, context, iterate, endMs);
  }
}

/** Open model: iteration `n` starts when it is due, on any free VU; without one it is dropped, and one more VU is made if allowed. */
async function arrivals(
  scenario: Extract<Scenario, { readonly timeUnitMs: number }>,
  context: ExecutorContext,
  iterate: Iterate,
): Promise<void> {
  const free = [...context.workers];
  let vus = free.length;
  let spawning = false;
  const started = new Set<Promise<void>>();
  const startMs = context.clock.now();
  const spawn = (): void => {
    if (spawning || vus >= scenario.maxVUs) return;
    spawning = true;
    vus++;
    void context.spawn().then((worker) => {
      spawning = false;
      free.push(worker);
    });
  };
  const begin = (): void => {
    const worker = free.pop();
    if (!worker) {
      context.dropped();
      spawn();
      return;
    }
    const run = iterate(worker).then(() => {
      free.push(worker);
      started.delete(run);
    });
    started.add(run);
  };
  const endMs = scenarioDurationMs(scenario);
  for (const due of arrivalTimes(scenario)) {
    const wait = startMs + due - context.clock.now();
    // Timers never fire early and count whole milliseconds: what is due within the next one waits for it.
    if (wait > 0) await sleep(context, Math.max(1, Math.floor(wait)));
    if (context.signal.aborted) break;
    const now = context.clock.now() - startMs;
    const late = Math.max(0, now - due);
    context.late(late);
    if (now > endMs + LATENESS_BOUND_MS) {
      // Nothing begins after the end, as in k6; what could not begin before it has been dropped.
      context.dropped();
      continue;
    }
    // After a stall of its own, VUs may have long got their answers and not heard of it yet.
    if (free.length === 0 && late > 1) await context.turn();
    begin();
  }
  const left = startMs + endMs - context.clock.now();
  if (left > 0 && !context.signal.aborted) await sleep(context, left);
  await Promise.all(started);
}

/** Closed model: each VU runs one iteration after the other. */
async function loops(
  scenario: Exclude<Scenario, { readonly timeUnitMs: number } | { readonly executor: 'ramping-vus' }>,
  context: ExecutorContext,
  iterate: Iterate,
  endMs: number,
): Promise<void> {
  let shared = scenario.executor === 'shared-iterations' ? scenario.iterations : 0;
  const more = (done: number): boolean => {
    if (scenario.executor === 'constant-vus') return true;
    if (scenario.executor === 'per-vu-iterations') return done < scenario.iterations;
    return shared-- > 0;
  };
  await Promise.all(
    context.workers.map(async (worker) => {
      for (let done = 0; !context.signal.aborted && context.clock.now() < endMs && more(done); done++) {
        await iterate(worker);
        await context.turn();
      }
    }),
  );
}
