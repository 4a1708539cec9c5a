/** `k6/execution` for load scripts: where the VU, its scenario and the test stand. */
import { ScriptError } from '../errors.ts';
import { vuOf } from '../vu.ts';

const self = vuOf(import.meta.url);

class Aborted extends Error {}

/** The running scenario. */
export const scenario = {
  get name(): string {
    return self.scenario.name;
  },
  get executor(): string {
    return self.scenario.executor;
  },
  /** Milliseconds since the epoch. */
  get startTime(): number {
    return Math.round(self.run.clock.wall() - (self.run.clock.now() - self.scenario.startMs));
  },
  /** 0 to 1. */
  get progress(): number {
    return Math.min(1, (self.run.clock.now() - self.scenario.startMs) / Math.max(1, self.scenario.durationMs));
  },
  get iterationInInstance(): number {
    return self.iterationInTest;
  },
  get iterationInTest(): number {
    return self.iterationInTest;
  },
};

/** This load generator. */
export const instance = {
  get iterationsInterrupted(): number {
    return self.run.interrupted;
  },
  get iterationsCompleted(): number {
    return self.run.completed;
  },
  get vusActive(): number {
    return self.run.vusActive;
  },
  get vusInitialized(): number {
    return self.run.vusInitialized;
  },
  get currentTestRunDuration(): number {
    return self.run.clock.now() - self.run.startMs;
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
      throw new ScriptError('exec.test.options cannot be used in the init context: read it in a function', 'options');
    const { exported, scenarios } = self.run.options;
    if (exported.scenarios !== undefined) return exported;
    const [{ name, executor } = { name: 'default', executor: '' }] = scenarios;
    return { ...exported, scenarios: { [name]: { executor } } };
  },
};

/** This virtual user. */
export const vu = {
  get iterationInInstance(): number {
    return self.iteration;
  },
  get iterationInScenario(): number {
    return self.iteration;
  },
  get idInInstance(): number {
    return self.id;
  },
  get idInTest(): number {
    return self.id;
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
