/**
 * The contract of `report.json`: what `svclab run`, `svclab demo` and `svclab measure` write, and what the terminal, Markdown, JUnit and HTML
 * reports, `svclab report compare` and `svclab gate` read. Keys are snake case, times milliseconds unless a key says otherwise. Every time is
 * good to plus or minus `prober.interval_ms` of its run.
 */
import type { CheckResult, Distribution, DnsFigures, Latency, OutageMetrics, PhaseBound, Stretch } from '@svclab/core';

export type { CheckResult, Distribution, OutageMetrics, PhaseBound };

/** How one expectation fared. */
export interface ExpectationResult {
  readonly expr: string;
  readonly held: boolean;
  /** The value found; null when the report has none. */
  readonly value: number | string | null;
}

/** A step of the method as it was taken. `at_ms` counts from the run's first planned request. */
export interface StepResult {
  readonly kind: 'fault' | 'heal' | 'kubectl' | 'load' | 'probe' | 'wait';
  /** As a person would type it: `fault kill owner/shop/frontend`. */
  readonly what: string;
  /** What a fault acted on (`node/node-2`); empty for other kinds. */
  readonly resolved: string;
  readonly at_ms: number;
  /** End of what lasts; equal to `at_ms` for what does not. */
  readonly end_ms: number;
  readonly ok: boolean;
  /** Output or error, first line. */
  readonly said: string;
}

/** A probe of the steady-state hypothesis, or one that runs beside the method. */
export interface ProbeResult {
  readonly name: string;
  /** SoT, EoT, Edge, Continuous, OnChaos, as in Litmus. */
  readonly mode: string;
  readonly held: boolean;
  readonly value: string;
  readonly tolerance: string;
  readonly at_ms: number;
}

/** A target that is measured beside the one under test. */
export interface FlowResult {
  readonly name: string;
  readonly url: string;
  readonly dark_ms: { readonly new: number; readonly reused: number };
  readonly lost: { readonly new: number; readonly reused: number };
  readonly outage: { readonly new: OutageMetrics; readonly reused: OutageMetrics };
}

/** A name that was looked up all along. Figures of the whole run. */
export interface DnsResult extends DnsFigures {
  readonly name: string;
  readonly query: string;
}

/** One run. */
export interface RunResult {
  /** From 1. */
  readonly run: number;
  /** Name of its case; empty when the scenario has none. */
  readonly case: string;
  /** Random shift of the method's first fault against the timers' beat. */
  readonly fault_phase_ms: number;
  /** URL of the probed target. */
  readonly url: string;
  /** Empty for a target that is no VIP. */
  readonly vip: string;
  readonly owner_before: string;
  readonly owner_after: string;
  /** Longest time without success that belongs to the fault, by flow. */
  readonly dark_ms: { readonly new: number; readonly reused: number };
  /** Parts of `dark_ms.new`; they add up to it. `unattributed` holds what no stamp explains. */
  readonly phases_ms: Readonly<Record<string, number>>;
  readonly phase_bounds: readonly PhaseBound[];
  readonly outage: { readonly new: OutageMetrics; readonly reused: OutageMetrics };
  /** From the fault on; `load` covers the whole run. */
  readonly lost: { readonly new: number; readonly reused: number; readonly load: number };
  readonly baseline: { readonly sent: number; readonly lost: number };
  /** Answered new connections, from the planned send time. */
  readonly latency_ms: { readonly before: Latency; readonly during: Latency; readonly after: Latency };
  /** Fault effective to the new owner's verdict; null when it was not stamped. */
  readonly fault_to_dead_ms: number | null;
  /** Per surviving node: fault to the first rules without the dead node's endpoints. */
  readonly endpoints_removed_ms: Readonly<Record<string, number>>;
  /** Share of new connections lost between the VIP's return and the last node's rules, 0 to 1. */
  readonly lost_share_until_removed: number;
  /** What a client sees on new connections from the fault until it is healed: dark, partial errors, clean. */
  readonly stretches: readonly Stretch[];
  readonly failback: {
    readonly owner: string;
    readonly dark_ms: { readonly new: number; readonly reused: number };
    readonly lost: { readonly new: number; readonly reused: number };
  } | null;
  /** Answers of both flows by pod and by the node the pod runs on. */
  readonly answers: {
    readonly by_pod: Readonly<Record<string, number>>;
    readonly by_node: Readonly<Record<string, number>>;
  };
  /** The control group: other ways in, measured at the same time. */
  readonly beside: readonly FlowResult[];
  readonly dns: readonly DnsResult[];
  readonly prober: {
    readonly interval_ms: number;
    readonly timeout_ms: number;
    readonly lateness_p99_ms: number;
    readonly sent: number;
    /** CLOCK_MONOTONIC of the run's millisecond 0, ns, as decimal text. */
    readonly start_ns: string;
    readonly duration_ms: number;
  };
  readonly load: {
    readonly engine: 'k6' | 'builtin';
    readonly script: string;
    readonly iterations: number;
    readonly requests: number;
    readonly failed: number;
    readonly dropped_iterations: number;
    /** How late iterations were started, p99; null from k6, which does not say. */
    readonly lateness_p99_ms: number | null;
  } | null;
  readonly checks: readonly CheckResult[];
  readonly steps: readonly StepResult[];
  readonly probes: readonly ProbeResult[];
  readonly expectations: readonly ExpectationResult[];
  /** Why this run proves nothing (generator late, iterations dropped, steady state lost requests); empty when it does. */
  readonly inconclusive: readonly string[];
  readonly notes: readonly string[];
  readonly sentence: string;
  /** Raw data, relative to the report's folder: samples.jsonl, timeline.jsonl, probe.json, load.jsonl. */
  readonly files: readonly string[];
}

/** One case of a scenario, over its runs: the same lab, other values of the variables. */
export interface CaseResult {
  readonly name: string;
  readonly variables: Readonly<Record<string, string | number | boolean>>;
  readonly repeats: number;
  readonly dark_ms: { readonly new: Distribution; readonly reused: Distribution };
  readonly phases_ms: Readonly<Record<string, Distribution>>;
  readonly lost: { readonly new: Distribution; readonly reused: Distribution; readonly load: Distribution };
  readonly sentence: string;
}

/** How a scenario ended. */
export type Verdict = 'held' | 'failed' | 'inconclusive' | 'interrupted';

/** `report.json`. */
export interface RunReport {
  /** Version of this contract. */
  readonly format: 'svclab.dev/report/v1';
  readonly title: string;
  readonly description: string;
  /** The sentence people send each other. */
  readonly sentence: string;
  readonly verdict: Verdict;
  readonly repeats: number;
  readonly seed: number;
  readonly dark_ms: { readonly new: Distribution; readonly reused: Distribution };
  readonly phases_ms: Readonly<Record<string, Distribution>>;
  readonly lost: { readonly new: Distribution; readonly reused: Distribution; readonly load: Distribution };
  /** Before the faults, all runs together. */
  readonly baseline: { readonly sent: number; readonly lost: number };
  /** Each over all runs: its worst run where it is per run. */
  readonly expectations: readonly ExpectationResult[];
  /** Checks the scenario means to violate: their violation is no failure. */
  readonly expected_violations: readonly string[];
  /** Bounds of the median run. */
  readonly phase_bounds: readonly PhaseBound[];
  /** Side by side; empty when the scenario has no cases. The figures above are then of all cases together. */
  readonly cases: readonly CaseResult[];
  readonly runs: readonly RunResult[];
  readonly environment: {
    readonly svclab: string;
    readonly node: string;
    readonly kernel: string;
    readonly cpus: number;
    readonly driver: string;
    readonly profile: string;
    /** Knobs that differ from the profile. */
    readonly set: Readonly<Record<string, string>>;
    readonly engine: string;
    /** How delay was made; `none` where the scenario asks for none. */
    readonly delay: 'netem' | 'user-space' | 'none';
    readonly nodes: number;
  };
  /** The exact command that makes such a report again. */
  readonly command: string;
  /** ISO 8601. */
  readonly started_at: string;
  readonly finished_at: string;
}
