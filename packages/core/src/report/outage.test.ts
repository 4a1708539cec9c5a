import { describe, expect, it } from 'vitest';
import { type OutageMetrics, type OutageWindow, outageMetrics } from './outage.ts';
import type { Outcome, ProbeSample } from './probe.ts';

/** One sample per letter, 10 ms apart: `.` ok after 1 ms, `r` refused after 1 ms, `t` timeout after 50 ms. */
function flow(pattern: string): ProbeSample[] {
  const outcomes: Record<string, Outcome> = { '.': 'ok', r: 'refused', t: 'timeout' };
  return [...pattern].map((c, seq) => ({
    seq,
    scheduledMs: seq * 10,
    sentMs: seq * 10,
    doneMs: seq * 10 + (c === 't' ? 50 : 1),
    outcome: outcomes[c] ?? 'other',
    backend: '',
  }));
}

const ALL = { fromMs: 0, untilMs: 10_000 };

describe('outageMetrics', () => {
  const cases: [string, string, OutageWindow, Partial<OutageMetrics>][] = [
    [
      'a run without a fault and without a loss',
      '..........',
      { ...ALL, faultMs: undefined },
      {
        longest_gap_ms: 10,
        loss_of_connectivity_ms: 0,
        loss_derived_ms: 0,
        rate_derived_ms: 0,
        event_to_recovery_ms: null,
        first_success_ms: null,
        full_recovery_ms: null,
        sustained_recovery_ms: null,
        outcomes: { ok: 10 },
        sent: 10,
        lost: 0,
        error_ms: 10,
      },
    ],
    [
      'a clean cut: every definition gives the same but for the interval the gap has more',
      `..........${'r'.repeat(20)}${'.'.repeat(20)}`,
      { ...ALL, untilMs: 500, faultMs: 95, sustainedMs: 200 },
      {
        longest_gap_ms: 210,
        loss_of_connectivity_ms: 200,
        loss_derived_ms: 200,
        rate_derived_ms: 200,
        event_to_recovery_ms: 205,
        first_success_ms: 205,
        full_recovery_ms: 205,
        sustained_recovery_ms: 205,
        outcomes: { ok: 30, refused: 20 },
        sent: 50,
        lost: 20,
      },
    ],
    [
      'a fault that nothing felt: recovered at once',
      '....................',
      { ...ALL, untilMs: 200, faultMs: 100, sustainedMs: 100 },
      {
        event_to_recovery_ms: 0,
        first_success_ms: 0,
        full_recovery_ms: 0,
        sustained_recovery_ms: 0,
        longest_gap_ms: 10,
      },
    ],
    [
      'dark, then every third lost, then clean: the gap is the dark part, the rate is low to the end of the errors',
      `....................${'r'.repeat(10)}${'.r.'.repeat(5)}${'.'.repeat(30)}`,
      { ...ALL, untilMs: 750, faultMs: 200 },
      {
        longest_gap_ms: 110,
        loss_derived_ms: 150,
        rate_derived_ms: 240,
        event_to_recovery_ms: 240,
        first_success_ms: 100,
        full_recovery_ms: 240,
        sustained_recovery_ms: null,
      },
    ],
    [
      'one loss in ten is not under 90 %',
      '.....r..............r....................',
      { ...ALL, untilMs: 410, faultMs: 0 },
      { rate_derived_ms: 0, event_to_recovery_ms: 0, full_recovery_ms: 210, lost: 2 },
    ],
    [
      'never recovered',
      '..........rrrrrrrrrr',
      { ...ALL, untilMs: 200, faultMs: 100 },
      {
        longest_gap_ms: 110,
        loss_of_connectivity_ms: 100,
        event_to_recovery_ms: null,
        first_success_ms: null,
        full_recovery_ms: null,
        sustained_recovery_ms: null,
      },
    ],
    [
      'requests under way when it struck are its own, those decided before are not',
      'r...ttttt..........',
      { ...ALL, untilMs: 190, faultMs: 75 },
      { lost: 5, longest_gap_ms: 60, loss_derived_ms: 50, sent: 19, outcomes: { ok: 13, refused: 1, timeout: 5 } },
    ],
    [
      'a success between a loss under way and the fault is not the recovery',
      '....t...ttt....',
      { ...ALL, untilMs: 150, faultMs: 75 },
      { lost: 4, first_success_ms: 35, full_recovery_ms: 35 },
    ],
    [
      'what was planned after the window is left out',
      '.....rr...rrrrrr....',
      { fromMs: 0, untilMs: 100, faultMs: 45 },
      { lost: 2, sent: 10, longest_gap_ms: 30, full_recovery_ms: 25 },
    ],
    [
      'what was known before the window is left out',
      'rrrr......rr........',
      { fromMs: 95, untilMs: 200, faultMs: undefined },
      { lost: 2, sent: 10, longest_gap_ms: 30, outcomes: { ok: 8, refused: 2 } },
    ],
    [
      "the offered rate is the load generator's where it is given",
      '..rr..',
      { ...ALL, faultMs: 15, offered: 50 },
      { loss_derived_ms: 40 },
    ],
    ['nothing sent', '', { ...ALL, faultMs: undefined }, { sent: 0, lost: 0, longest_gap_ms: 0, rate_derived_ms: 0 }],
  ];
  it.each(cases)('%s', (_name, pattern, window, expected) => {
    expect(outageMetrics(flow(pattern), 10, window)).toMatchObject(expected);
  });
  it('counts a late success from when it was sent, a loss from when it was due', () => {
    const samples = flow('..rr..').map((s) => (s.seq === 4 ? { ...s, sentMs: 48, doneMs: 49 } : s));
    expect(outageMetrics(samples, 10, { ...ALL, faultMs: 15 })).toMatchObject({
      longest_gap_ms: 38,
      loss_of_connectivity_ms: 20,
      first_success_ms: 33,
    });
  });
});
