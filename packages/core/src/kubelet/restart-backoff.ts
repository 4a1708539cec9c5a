/** When a container that ended may start again. Source: client-go `util/flowcontrol/backoff.go`, as the kubelet uses it. */

/** Bounds of the back-off, ms. */
export interface BackoffLimits {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Back-off of one container after its last restart. */
export interface BackoffState {
  readonly delayMs: number;
  /** When it was last restarted. */
  readonly updatedMs: number;
}

/** Start it now, or not before `atMs`. */
export type RestartDecision =
  | { readonly restart: true; readonly state: BackoffState }
  | { readonly restart: false; readonly atMs: number; readonly delayMs: number };

/**
 * The first end of a container restarts it at once; each further one waits twice as long as the one before, counted from the end.
 * A container that ran on for twice the longest back-off starts from the beginning; the time it then waits does not count.
 */
export function decideRestart(
  state: BackoffState | undefined,
  finishedMs: number,
  nowMs: number,
  limits: BackoffLimits,
): RestartDecision {
  const forgotten = state === undefined || finishedMs - state.updatedMs > 2 * limits.maxMs;
  if (forgotten) return { restart: true, state: { delayMs: limits.baseMs, updatedMs: nowMs } };
  const atMs = finishedMs + state.delayMs;
  if (nowMs < atMs) return { restart: false, atMs, delayMs: state.delayMs };
  return {
    restart: true,
    state: { delayMs: Math.min(state.delayMs * 2, limits.maxMs), updatedMs: nowMs },
  };
}

/** A back-off as the kubelet writes it: `10s`, `1m20s`, `5m0s`, below a second `500ms` (Go `time.Duration`). */
export function backoffText(ms: number): string {
  if (ms < 1000) return ms === 0 ? '0s' : `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}
