/** Matchers for measurement reports, in the form vitest and jest share: `expect.extend(matchers)`. */
import { milliseconds } from './duration.ts';
import type { MeasurementReport } from './report.ts';

/** What a matcher answers. */
export interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

/** The assertions `expect(report)` has. */
export interface LabMatchers<R = unknown> {
  /** Every request was answered again, and the longest time without success was at most `limit` (`'1s'`, or milliseconds), on new and on reused connections. */
  toRecoverWithin(limit: string | number): R;
  /** At most `n` requests were lost since the action began, new and reused connections together. */
  toLoseAtMost(n: number): R;
  /** Nothing was lost before the action, and the prober kept its pace: the figures mean something. */
  toHaveSteadyBaseline(): R;
  /** The address moved to another node: to `node`, or to any. */
  toMoveTo(node?: string): R;
}

function reportOf(received: unknown): MeasurementReport {
  const report = received as Partial<MeasurementReport> | null;
  if (typeof report !== 'object' || report?.dark_ms === undefined || report.lost === undefined)
    throw new TypeError('The value is no measurement report: give what measure() resolved with');
  return report as MeasurementReport;
}

const result = (pass: boolean, report: MeasurementReport, held: string, failed: string): MatcherResult => ({
  pass,
  message: () => `${pass ? held : failed}\n${report.sentence}`,
});

/** The matchers. */
export const matchers = {
  toRecoverWithin(received: unknown, limit: string | number): MatcherResult {
    const report = reportOf(received);
    const limitMs = milliseconds(limit);
    const dark = Math.max(report.dark_ms.new, report.dark_ms.reused);
    return result(
      report.recovered && dark <= limitMs,
      report,
      `Expected the Service not to recover within ${limitMs} ms, but it was dark for ${dark} ms`,
      report.recovered
        ? `Expected the Service to recover within ${limitMs} ms, but it was dark for ${report.dark_ms.new} ms on new connections and ${report.dark_ms.reused} ms on reused ones`
        : `Expected the Service to recover within ${limitMs} ms, but requests were still lost when the measurement ended`,
    );
  },
  toLoseAtMost(received: unknown, n: number): MatcherResult {
    const report = reportOf(received);
    const { total, new: fresh, reused } = report.lost;
    return result(
      total <= n,
      report,
      `Expected more than ${n} requests to be lost, but ${total} were`,
      `Expected at most ${n} requests to be lost, but ${total} were: ${fresh} on new connections, ${reused} on reused ones`,
    );
  },
  toHaveSteadyBaseline(received: unknown): MatcherResult {
    const report = reportOf(received);
    const { baseline, prober } = report;
    const late = prober.lateness_p99_ms > prober.interval_ms;
    return result(
      baseline.lost === 0 && baseline.sent > 0 && !late,
      report,
      'Expected losses before the action, but there were none',
      late
        ? `Expected a prober on time, but it was late by ${prober.lateness_p99_ms} ms (p99), more than its interval of ${prober.interval_ms} ms`
        : `Expected no losses before the action, but ${baseline.lost} of ${baseline.sent} requests were lost`,
    );
  },
  toMoveTo(received: unknown, node?: string): MatcherResult {
    const report = reportOf(received);
    const { owner_before: before, owner_after: after } = report;
    const wanted = node ?? 'another node';
    return result(
      node === undefined ? after !== '' && after !== before : after === node,
      report,
      `Expected the address not to move to ${wanted}, but it went from ${before} to ${after}`,
      `Expected the address to move from ${before} to ${wanted}, but ${after === '' ? 'no other node announced it' : `it went to ${after}`}`,
    );
  },
};
