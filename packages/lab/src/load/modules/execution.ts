/** `k6/execution` for load scripts: where the VU, its scenario and the test stand. */
import { ScriptError } from '../errors.ts';
import { vuOf } from '../vu.ts';

const self = vuOf(import.meta.url);

class Aborted extends Error {}

/** k6 has none of this while the script is only read. */
function running(what: string): typeof self {
  if (self.initializing)
    throw new ScriptError(`exec.${what} cannot be used in the init context: read it in a function`, `exec.${what}`);
  return self;
}

/** The running scenario. */
export const scenario = {
  get name(): string {
    return running('scenario').scenario.name;
  },
  get executor(): string {
    return running('scenario').scenario.executor;
  },
  /** Milliseconds since the epoch. */
  get startTime(): number {
    const { run, scenario: own } = running('scenario');
    return Math.round(run.clock.wall() - (run.clock.now() - own.startMs));
  },
  /** 0 to 1. */
  get progress(): number {
    const { run, scenario: own } = running('scenario');
    return Math.min(1, (run.clock.now() - own.startMs) / Math.max(1, own.durationMs));
  },
  get iterationInInstance(): number {
    return running('scenario').iterationInTest;
  },
  get iterationInTest(): number {
    return running('scenario').iterationInTest;
  },
};

/** This load generator. */
export const instance = {
  get iterationsInterrupted(): number {
    return running('instance').run.interrupted;
  },
  get iterationsCompleted(): number {
    return running('instance').run.completed;
  },
  get vusActive(): number {
    return running('instance').run.vusActive;
  },
  get vusInitialized(): number {
    return running('instance').run.vusInitialized;
  },
  get currentTestRunDuration(): number {
    const { clock, startMs } = running('instance').run;
    return clock.now() - startMs;
  },
};

/** The whole test. */
export const test = {
  /** Ends the run; it counts as failed. */
  abort(reason = 'test aborted'): never {
    self.run.abort(reason);
    throw new Aborted(reason);
  },
  /** Lets the run go on and fail. */
  fail(reason = 'test marked as failed'): void {
    self.run.markFailed(reason);
  },
  /** What the script exported, with the scenarios it comes to. */
  get options(): unknown {
    if (self.initializing)
      throw new ScriptError(
        'exec.test.options cannot be used in the init context: read it in a function',
        'exec.test.options',
      );
    const { exported, scenarios } = self.run.options;
    if (exported.scenarios !== undefined) return exported;
    const [{ name, executor } = { name: 'default', executor: '' }] = scenarios;
    return { ...exported, scenarios: { [name]: { executor } } };
  },
};

/** This virtual user. */
export const vu = {
  get iterationInInstance(): number {
    return running('vu').iteration;
  },
  get iterationInScenario(): number {
    return running('vu').iteration;
  },
  get idInInstance(): number {
    return running('vu').id;
  },
  get idInTest(): number {
    return running('vu').id;
  },
  tags: self.tags,
  metrics: {
    tags: self.tags,
    get metadata(): never {
      throw new ScriptError('exec.vu.metrics.metadata needs k6: use exec.vu.metrics.tags', 'metadata');
    },
  },
};

export default { scenario, instance, test, vu };
