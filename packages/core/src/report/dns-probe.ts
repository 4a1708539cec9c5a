/** What the DNS prober measured: one query a tick, every way it can end, and the figures of a run. */
import { percentileOfSorted, round } from './percentile.ts';
import { findOutages, type Latency, longestOutage } from './probe.ts';

/**
 * Every way a query can end. `ok`: addresses came. `nodata`: the name exists without a record of the type (RFC 2308). `refused` is the
 * response code REFUSED; `unreachable` that no server could be sent to or that its port was closed. Anything but `ok` is lost.
 */
export const DNS_OUTCOMES = [
  'ok',
  'nodata',
  'nxdomain',
  'servfail',
  'refused',
  'timeout',
  'unreachable',
  'other',
] as const;

/** How a query ended. */
export type DnsOutcome = (typeof DNS_OUTCOMES)[number];

/** Record types the prober asks for. */
export type DnsProbeType = 'A' | 'AAAA';

/** One query. Times are milliseconds since the prober's start. */
export interface DnsSample {
  /** Number of the tick, from 0. */
  readonly seq: number;
  /** When it should have been sent: `seq` x interval. */
  readonly scheduledMs: number;
  /** When it was first sent. */
  readonly sentMs: number;
  /** When its fate was known. */
  readonly doneMs: number;
  readonly outcome: DnsOutcome;
  /** The addresses of the answer, sorted. */
  readonly addresses: readonly string[];
  /** Lowest TTL among them, seconds; undefined without an answer. */
  readonly ttl: number | undefined;
  /** Server that had the last word; the last one asked when none had. */
  readonly server: string;
}

/** Samples of one name and the clock that makes them comparable to the timeline. */
export interface DnsProbeRun {
  readonly name: string;
  readonly type: DnsProbeType;
  /** CLOCK_MONOTONIC at millisecond 0 of the samples, nanoseconds. */
  readonly startNs: bigint;
  readonly intervalMs: number;
  readonly samples: readonly DnsSample[];
}

/** Figures of a run of the DNS prober, as `svclab probe dns://... -o json` prints them. */
export interface DnsFigures {
  readonly sent: number;
  readonly ok: number;
  readonly lost: number;
  /** Longest time between two consecutive successes; one interval when nothing was lost. Error: one interval. */
  readonly longest_gap_ms: number;
  readonly outcomes: Readonly<Partial<Record<DnsOutcome, number>>>;
  /** Distinct answers, addresses joined by commas, and how often each came. */
  readonly answers: Readonly<Record<string, number>>;
  /** Answers by server. */
  readonly servers: Readonly<Record<string, number>>;
  /** Answered queries, from the planned send time. */
  readonly latency_ms: Latency;
  readonly lateness_p99_ms: number;
}

/** The figures of samples in order of `seq`. */
export function summarizeDns(samples: readonly DnsSample[], intervalMs: number): DnsFigures {
  const outcomes: Partial<Record<DnsOutcome, number>> = {};
  const answers: Record<string, number> = {};
  const servers: Record<string, number> = {};
  for (const s of samples) {
    outcomes[s.outcome] = (outcomes[s.outcome] ?? 0) + 1;
    if (s.outcome !== 'ok') continue;
    const answer = s.addresses.join(',');
    answers[answer] = (answers[answer] ?? 0) + 1;
    servers[s.server] = (servers[s.server] ?? 0) + 1;
  }
  const ok = outcomes.ok ?? 0;
  const longest = longestOutage(findOutages(samples, intervalMs));
  const latency = sorted(samples.filter((s) => s.outcome === 'ok').map((s) => s.doneMs - s.scheduledMs));
  const late = sorted(samples.map((s) => Math.max(0, s.sentMs - s.scheduledMs)));
  return {
    sent: samples.length,
    ok,
    lost: samples.length - ok,
    longest_gap_ms: round(longest ? longest.gapMs : ok > 1 ? intervalMs : 0),
    outcomes,
    answers,
    servers,
    latency_ms: { p50: round(percentileOfSorted(latency, 0.5), 2), p99: round(percentileOfSorted(latency, 0.99), 2) },
    lateness_p99_ms: round(percentileOfSorted(late, 0.99), 2),
  };
}

function sorted(values: number[]): number[] {
  return values.sort((a, b) => a - b);
}
