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
 * A container that was not restarted for twice the longest back-off starts from the beginning.
 */
export function decideRestart(
  state: BackoffState | undefined,
  finishedMs: number,
  nowMs: number,
  limits: BackoffLimits,
): RestartDecision {
  const forgotten = state === undefined || nowMs - state.updatedMs > 2 * limits.maxMs;
  if (forgotten) return { restart: true, state: { delayMs: limits.baseMs, updatedMs: nowMs } };
  const atMs = finishedMs + state.delayMs;
  if (nowMs < atMs) return { restart: false, atMs, delayMs: state.delayMs };
  return {
    restart: true,
    state: { delayMs: Math.min(state.delayMs * 2, limits.maxMs), updatedMs: nowMs },
  };
}
