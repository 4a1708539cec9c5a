/** What the load host says while it runs, once a second. */

/** One line of `--progress json`: figures since the line before unless a key says otherwise. */
export interface LoadProgress {
  readonly type: 'progress';
  /** Since the scenarios' start. */
  readonly at_ms: number;
  /** Until the last scenario starts no more iterations. */
  readonly left_ms: number;
  /** Answered or failed since the line before, per second. */
  readonly requests_per_s: number;
  readonly errors_per_s: number;
  /** Since the start. */
  readonly iterations: number;
  readonly requests: number;
  readonly failed: number;
  readonly dropped_iterations: number;
  /** Busy now, and made so far. */
  readonly vus: number;
  readonly vus_max: number;
  /** How late iterations were started since the line before, p99; null where the engine does not say. */
  readonly lateness_p99_ms: number | null;
}

/** Counts since the start. */
export interface LoadCounts {
  readonly iterations: number;
  readonly requests: number;
  readonly failed: number;
  readonly dropped_iterations: number;
  readonly vus: number;
  readonly vus_max: number;
  readonly lateness_p99_ms: number | null;
}

/** Turns counts into lines. */
export class ProgressMeter {
  #atMs = 0;
  #requests = 0;
  #failed = 0;

  /** The line for now. */
  line(atMs: number, totalMs: number, counts: LoadCounts): LoadProgress {
    const seconds = Math.max(1e-3, (atMs - this.#atMs) / 1000);
    const perSecond = (count: number): number => Math.round((count / seconds) * 10) / 10;
    const line: LoadProgress = {
      type: 'progress',
      at_ms: Math.round(atMs),
      left_ms: Math.max(0, Math.round(totalMs - atMs)),
      requests_per_s: perSecond(counts.requests - this.#requests),
      errors_per_s: perSecond(counts.failed - this.#failed),
      ...counts,
    };
    this.#atMs = atMs;
    this.#requests = counts.requests;
    this.#failed = counts.failed;
    return line;
  }
}

/** A line for people. */
export function progressText(p: LoadProgress): string {
  const parts = [
    `${Math.round(p.at_ms / 1000)} s: ${p.requests_per_s} requests/s`,
    `${p.errors_per_s} errors/s`,
    `${p.iterations} iterations`,
    `${p.vus} of ${p.vus_max} VUs busy`,
    ...(p.dropped_iterations > 0 ? [`${p.dropped_iterations} dropped`] : []),
    ...(p.lateness_p99_ms !== null && p.lateness_p99_ms >= 10 ? [`late by ${p.lateness_p99_ms} ms`] : []),
    `${Math.ceil(p.left_ms / 1000)} s left`,
  ];
  return parts.join(', ');
}

/** Reads a line of `--progress json`; undefined for any other line. */
export function parseProgress(line: string): LoadProgress | undefined {
  if (!line.startsWith('{"type":"progress"')) return undefined;
  try {
    return JSON.parse(line) as LoadProgress;
  } catch {
    return undefined;
  }
}
