import { describe, expect, it } from 'vitest';
import type { ProbeSample } from './probe.ts';
import { stretches } from './stretches.ts';

/** One sample each 10 ms; `x` is a lost one. */
function samples(pattern: string): ProbeSample[] {
  return [...pattern].map((c, seq) => ({
    seq,
    scheduledMs: seq * 10,
    sentMs: seq * 10,
    doneMs: seq * 10 + 1,
    outcome: c === 'x' ? 'timeout' : 'ok',
    backend: '',
  }));
}
const span = { faultMs: 20, untilMs: 120, intervalMs: 10 };

describe('stretches', () => {
  it('finds dark, partial and clean', () => {
    expect(stretches(samples('..xxxx.x.x..'), { fromMs: 10, toMs: 60 }, span)).toEqual([
      { phase: 'dark', from_ms: 10, to_ms: 60, sent: 5, lost: 4, lost_share: 0.8 },
      { phase: 'partial', from_ms: 60, to_ms: 100, sent: 4, lost: 2, lost_share: 0.5 },
      { phase: 'clean', from_ms: 100, to_ms: 120, sent: 2, lost: 0, lost_share: 0 },
    ]);
  });
  it('has no partial stretch without losses, and none at all but clean without an outage', () => {
    expect(stretches(samples('..xxxx......'), { fromMs: 10, toMs: 60 }, span).map((s) => s.phase)).toEqual([
      'dark',
      'clean',
    ]);
    expect(stretches(samples('............'), undefined, span)).toEqual([
      { phase: 'clean', from_ms: 20, to_ms: 120, sent: 10, lost: 0, lost_share: 0 },
    ]);
  });
  it('counts a loss after a clean second among the clean', () => {
    const pattern = `..xxxx.x.${'.'.repeat(120)}x.`;
    expect(stretches(samples(pattern), { fromMs: 10, toMs: 60 }, { ...span, untilMs: 1310 }).slice(1)).toEqual([
      { phase: 'partial', from_ms: 60, to_ms: 80, sent: 2, lost: 1, lost_share: 0.5 },
      { phase: 'clean', from_ms: 80, to_ms: 1310, sent: 123, lost: 1, lost_share: 0.008 },
    ]);
  });
  it('ends with the healing', () => {
    expect(stretches(samples('..xxxxxxxxxx'), { fromMs: 10, toMs: 200 }, { ...span, untilMs: 80 })).toEqual([
      { phase: 'dark', from_ms: 10, to_ms: 80, sent: 7, lost: 6, lost_share: 0.857 },
    ]);
  });
});
