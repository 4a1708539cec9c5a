/** What a checker says. */

/** The checkers, in the order they report. */
export const CHECKS = [
  'one-owner',
  'no-removed-endpoint',
  'affinity',
  'dns-freshness',
  'no-refusal-while-ready',
  'rules-converge',
] as const;

/** Name of a checker. */
export type CheckName = (typeof CHECKS)[number];

/** One line of evidence. */
export interface CheckEvidence {
  /** Milliseconds since the run's first planned request; negative before it. */
  readonly at_ms: number;
  readonly what: string;
}

/** One checker's verdict over a run's history. */
export interface CheckResult {
  readonly check: CheckName;
  readonly held: boolean;
  /** What was found, with figures; also when it held (`one owner all along; 0 ms with two, 143 ms with none`). */
  readonly finding: string;
  /** Figures behind it, ms or counts. */
  readonly figures: Readonly<Record<string, number>>;
  /** The shortest piece of history that proves a violation, in order of time; empty when there is none. */
  readonly evidence: readonly CheckEvidence[];
}
