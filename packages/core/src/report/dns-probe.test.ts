import { describe, expect, it } from 'vitest';
import { queries } from '../../test/history.ts';
import { summarizeDns } from './dns-probe.ts';

describe('summarizeDns', () => {
  it('counts answers and failures, and finds the longest gap', () => {
    const samples = queries(10, (ms) =>
      ms >= 30 && ms < 60
        ? { outcome: 'servfail' }
        : ms === 80
          ? { outcome: 'nxdomain' }
          : ms < 30
            ? ['10.0.0.1', '10.0.0.2']
            : ['10.0.0.1'],
    );
    expect(summarizeDns(samples, 10)).toEqual({
      sent: 10,
      ok: 6,
      lost: 4,
      longest_gap_ms: 40,
      outcomes: { ok: 6, servfail: 3, nxdomain: 1 },
      answers: { '10.0.0.1,10.0.0.2': 3, '10.0.0.1': 3 },
      servers: { '172.30.0.53': 6 },
      latency_ms: { p50: 1, p99: 1 },
      lateness_p99_ms: 0,
    });
  });
  it('is one interval where nothing is lost', () => {
    expect(
      summarizeDns(
        queries(5, () => ['10.0.0.1']),
        10,
      ),
    ).toMatchObject({ lost: 0, longest_gap_ms: 10 });
  });
});
