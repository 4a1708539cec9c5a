/** Readiness that comes and goes on purpose. */

/** A pod is held back (counts as not ready, whatever its probes say), then let be, over and over, beginning with the former. */
export interface ReadinessFlap {
  /** How long it is held back, ms; more than 0. */
  readonly unreadyMs: number;
  /** How long it is let be, ms; 0: never. */
  readonly readyMs: number;
}

/** What a flap says. */
export interface FlapPhase {
  readonly heldBack: boolean;
  /** Until the next change, ms, more than 0; undefined: there is none. */
  readonly changesInMs: number | undefined;
}

/** What a flap says so long after it began. @param elapsedMs 0 or more */
export function flapPhase({ unreadyMs, readyMs }: ReadinessFlap, elapsedMs: number): FlapPhase {
  if (readyMs <= 0) return { heldBack: true, changesInMs: undefined };
  const at = elapsedMs % (unreadyMs + readyMs);
  return at < unreadyMs
    ? { heldBack: true, changesInMs: unreadyMs - at }
    : { heldBack: false, changesInMs: unreadyMs + readyMs - at };
}
