/**
 * What a client sees after a fault, stretch by stretch: dark (nothing is answered), partial (some requests are lost: the dead node's endpoints
 * are still in the rules), clean.
 */
import { round } from './percentile.ts';
import type { Outage, ProbeSample } from './probe.ts';

/** Partial errors are over when nothing is lost for this long, ms; what is lost later belongs to the clean stretch and shows there. */
export const CLEAN_MS = 1000;

/** A stretch of time after a fault. */
export interface Stretch {
  readonly phase: 'dark' | 'partial' | 'clean';
  /** Planned send times on the run's clock, ms: `[from_ms, to_ms)`. */
  readonly from_ms: number;
  readonly to_ms: number;
  readonly sent: number;
  readonly lost: number;
  /** 0 to 1. */
  readonly lost_share: number;
}

/**
 * Cuts the time from a fault to its healing (or the end) into stretches. Those of no length are left out.
 * @param outage the outage that belongs to the fault; undefined when there was none
 */
export function stretches(
  samples: readonly ProbeSample[],
  outage: Pick<Outage, 'fromMs' | 'toMs'> | undefined,
  span: { readonly faultMs: number; readonly untilMs: number; readonly intervalMs: number },
): Stretch[] {
  const { faultMs, untilMs, intervalMs } = span;
  const darkTo = outage === undefined ? faultMs : Math.min(untilMs, Math.max(faultMs, outage.toMs));
  let partialTo = darkTo;
  for (const s of samples) {
    if (s.outcome === 'ok' || s.scheduledMs < darkTo || s.scheduledMs >= untilMs) continue;
    if (s.scheduledMs - partialTo > CLEAN_MS) break;
    partialTo = Math.min(untilMs, s.scheduledMs + intervalMs);
  }
  const cut = (phase: Stretch['phase'], from: number, to: number): Stretch[] => {
    const within = samples.filter((s) => s.scheduledMs >= from && s.scheduledMs < to);
    if (to <= from || within.length === 0) return [];
    const lost = within.filter((s) => s.outcome !== 'ok').length;
    return [
      {
        phase,
        from_ms: round(from),
        to_ms: round(to),
        sent: within.length,
        lost,
        lost_share: round(lost / within.length, 3),
      },
    ];
  };
  return [
    ...cut('dark', Math.min(faultMs, outage?.fromMs ?? faultMs), darkTo),
    ...cut('partial', darkTo, partialTo),
    ...cut('clean', partialTo, untilMs),
  ];
}
