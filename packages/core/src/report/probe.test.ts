import { describe, expect, it } from 'vitest';
import { findOutages, lostBetween, type Outcome, type ProbeSample, summarizeFlow } from './probe.ts';

/** One sample per letter, 10 ms apart: `.` ok, `r` refused, `t` timeout. `late` shifts the sent time of single ones. */
function flow(pattern: string, late: Readonly<Record<number, number>> = {}): ProbeSample[] {
  const outcomes: Record<string, Outcome> = { '.': 'ok', r: 'refused', t: 'timeout' };
  return [...pattern].map((c, seq) => ({
    seq,
    scheduledMs: seq * 10,
    sentMs: seq * 10 + (late[seq] ?? 0),
    doneMs: seq * 10 + (late[seq] ?? 0) + 1,
    outcome: outcomes[c] ?? 'other',
    backend: c === '.' ? 'web-1' : '',
  }));
}

describe('summarizeFlow', () => {
  const cases: [string, string, Record<number, number>, Partial<ReturnType<typeof summarizeFlow>>][] = [
    ['nothing sent', '', {}, { sent: 0, ok: 0, lost: 0, longest_gap_ms: 0, loss_derived_ms: 0, outcomes: {} }],
    ['no loss is one interval', '.....', {}, { lost: 0, longest_gap_ms: 10, loss_derived_ms: 0, outcomes: { ok: 5 } }],
    ['one loss is two intervals', '..r..', {}, { lost: 1, longest_gap_ms: 20, loss_derived_ms: 10 }],
    [
      'a clean cut',
      '..rrrr..',
      {},
      { lost: 4, longest_gap_ms: 50, loss_derived_ms: 40, outcomes: { ok: 4, refused: 4 } },
    ],
    ['the longest of two', '.r.ttt.', {}, { lost: 4, longest_gap_ms: 40, outcomes: { ok: 3, refused: 1, timeout: 3 } }],
    ['dark from the start', 'rrr..', {}, { lost: 3, longest_gap_ms: 30 }],
    ['dark to the end', '..rrr', {}, { lost: 3, longest_gap_ms: 40 }],
    ['dark throughout', 'rrr', {}, { ok: 0, lost: 3, longest_gap_ms: 30 }],
    ['lateness without loss is no gap', '.....', { 2: 35, 3: 25, 4: 15 }, { lost: 0, longest_gap_ms: 10 }],
    ['lateness lengthens a gap, never shortens it', '..rr..', { 4: 8 }, { longest_gap_ms: 38 }],
  ];
  it.each(cases)('%s', (_name, pattern, late, expected) => {
    expect(summarizeFlow(flow(pattern, late), 10)).toMatchObject(expected);
  });
});

describe('findOutages', () => {
  it('tells recovered outages from one the measurement cut off', () => {
    expect(findOutages(flow('.r..rr'), 10)).toEqual([
      { fromMs: 0, toMs: 20, gapMs: 20, lost: 1, recovered: true, firstSeq: 1, lastSeq: 1 },
      { fromMs: 30, toMs: 60, gapMs: 30, lost: 2, recovered: false, firstSeq: 4, lastSeq: 5 },
    ]);
  });
});

describe('lostBetween', () => {
  it('takes the start and leaves the end', () => {
    expect(lostBetween(flow('rrrrr'), 10, 30)).toBe(2);
  });
});
