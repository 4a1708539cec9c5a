/** The contract of `sweep.json`. Keys are snake case, times milliseconds unless a key says otherwise. */
import type { Distribution, Verdict } from '../report/model.ts';

/** What a lab does and costs while nothing is broken. */
export interface IdleFigures {
  /** How long was watched, s. */
  readonly seconds: number;
  /** Times an address changed its owner though nothing was broken. */
  readonly false_failovers: number;
  /** The same per hour. */
  readonly false_failovers_per_hour: number;
  /** Verdicts of death over members that live, and suspicions that came to nothing; each announcer's counted. */
  readonly false_deaths: number;
  readonly false_suspicions: number;
  /** CPU time of all announcers together, s per second of the clock. */
  readonly announcer_cpu: number;
  /** What the nodes sent on the LAN, all together. */
  readonly lan_bytes_per_s: number;
  readonly lan_packets_per_s: number;
}

/** One combination of values. */
export interface SweepPoint {
  /** Knob -> value as it was written. */
  readonly settings: Readonly<Record<string, string>>;
  readonly label: string;
  /** Of its scenario. `error`: it could not be measured. */
  readonly verdict: Verdict | 'error';
  /** Why it could not be measured; empty when it was. */
  readonly error: string;
  readonly dark_ms: { readonly new: Distribution; readonly reused: Distribution } | null;
  readonly lost: { readonly new: Distribution; readonly reused: Distribution } | null;
  readonly phases_ms: Readonly<Record<string, Distribution>>;
  /** Detection by the timers alone: the usual shortest and longest. */
  readonly detection_bound_ms: readonly [number, number];
  /** null when it was not watched. */
  readonly idle: IdleFigures | null;
  /** Its own report.json, relative to the sweep's folder. */
  readonly report: string;
  readonly notes: readonly string[];
}

/** `sweep.json`. */
export interface SweepReport {
  readonly format: 'svclab.dev/sweep/v1';
  readonly title: string;
  readonly scenario: string;
  /** What to turn, and what it buys, in words. */
  readonly sentence: string;
  readonly over: readonly { readonly knobs: readonly string[]; readonly values: readonly (readonly string[])[] }[];
  readonly repeats: number;
  readonly seed: number;
  readonly points: readonly SweepPoint[];
  readonly interrupted: boolean;
  readonly environment: {
    readonly svclab: string;
    readonly node: string;
    readonly kernel: string;
    readonly cpus: number;
    readonly driver: string;
    readonly profile: string;
    readonly nodes: number;
  };
  readonly command: string;
  readonly started_at: string;
  readonly finished_at: string;
}
