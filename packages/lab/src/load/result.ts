/** What a run came to, and whether it says anything. */
import { LATENESS_BOUND_MS, type Lateness } from './lateness.ts';
import type { SummaryData } from './summary.ts';
import type { ThresholdResult } from './thresholds.ts';

/** What came of a run. */
export interface LoadResult {
  readonly engine: 'builtin';
  readonly script: string;
  readonly iterations: number;
  /** Requests without an answer or with an unexpected status. */
  readonly failed: number;
  readonly requests: number;
  readonly dropped_iterations: number;
  readonly interrupted_iterations: number;
  readonly duration_ms: number;
  /** How late the arrival-rate executors started their iterations. */
  readonly lateness_ms: Lateness;
  readonly lateness_p99_ms: number;
  /** CPU time the generator took while the scenarios ran, ms: near `duration_ms` it has nothing left to give. */
  readonly cpu_ms: number;
  /** Why the run says nothing about the server; empty when it does. */
  readonly inconclusive: readonly string[];
  readonly thresholds: readonly ThresholdResult[];
  /** Why the run failed though no threshold did; empty otherwise. */
  readonly failure: string;
  readonly summary: SummaryData;
}

/** A result and what the script (or the host) wants printed and written. */
export interface LoadOutput {
  readonly result: LoadResult;
  /** `stdout`, `stderr` or a path, to its content. */
  readonly files: Readonly<Record<string, string>>;
}

/** Why a load's figures say nothing about the server; empty when they do. The same rule for either engine: k6 does not tell its lateness. */
export function inconclusiveReasons(figures: {
  readonly dropped_iterations: number;
  readonly lateness_p99_ms: number | null;
}): string[] {
  const { dropped_iterations: dropped, lateness_p99_ms: late } = figures;
  const reasons: string[] = [];
  if (dropped > 0)
    reasons.push(
      `${dropped} iterations were dropped: no virtual user was free; raise preAllocatedVUs to rate x time-out, or lower the rate`,
    );
  if (late !== null && late > LATENESS_BOUND_MS)
    reasons.push(
      `iterations were started up to ${late} ms late (p99; bound ${LATENESS_BOUND_MS} ms): give the generator more CPU, or lower the rate`,
    );
  return reasons;
}

/** How a load ends: 130 interrupted, 3 inconclusive, 1 failed, 0. What says nothing cannot fail either. */
export function loadExit(result: {
  readonly interrupted: boolean;
  readonly inconclusive: readonly string[];
  readonly failed: boolean;
}): 0 | 1 | 3 | 130 {
  if (result.interrupted) return 130;
  if (result.inconclusive.length > 0) return 3;
  return result.failed ? 1 : 0;
}
