/** What the parts of a run share. */
import type { Clock } from '@svclab/core';
import type { ScriptError } from './errors.ts';
import type { Metrics, Tags } from './metrics.ts';
import type { LoadOptions } from './options.ts';
import type { NameResolver } from './resolver.ts';

/** What all virtual users of a run share. */
export interface RunState {
  readonly clock: Clock;
  readonly metrics: Metrics;
  options: LoadOptions;
  resolver: NameResolver;
  readonly env: Readonly<Record<string, string>>;
  /** Folder of the script: paths of `open` start here. */
  readonly scriptDir: string;
  /** Check name to its passes and fails, in order of first use. */
  readonly checks: Map<string, { passes: number; fails: number }>;
  readonly shared: Map<string, readonly unknown[]>;
  /** Start of the scenarios on `clock`, milliseconds; 0 before. */
  startMs: number;
  vusActive: number;
  vusInitialized: number;
  interrupted: number;
  completed: number;
  iterationsByScenario: Map<string, number>;
  /** Whether the run has been told to end. */
  readonly stopped: () => boolean;
  /** Ends the run: `fault` makes it exit 2, otherwise an expectation failed. */
  readonly abort: (reason: string, fault?: ScriptError) => void;
  /** Marks the run as failed without ending it (`exec.test.fail`). */
  readonly markFailed: (reason: string) => void;
  readonly log: (line: string) => void;
  /** The same, but a line once in the run. */
  readonly logOnce: (line: string) => void;
}

/** The scenario a VU works for. */
export interface VuScenario {
  readonly name: string;
  readonly executor: string;
  readonly tags: Tags;
  readonly env: Readonly<Record<string, string>>;
  readonly durationMs: number;
  startMs: number;
}
