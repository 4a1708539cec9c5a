/** The DNS prober's report: the JSON of `svclab probe dns://... -o json` and its text. */
import {
  type DnsFigures,
  type DnsProbeType,
  type DnsSample,
  findOutages,
  type Outage,
  round,
  summarizeDns,
} from '@svclab/core';
import { type DnsTarget, formatDnsUrl, formatServer } from './dns-options.ts';

/** One outage, as printed. */
export interface DnsOutageReport {
  /** CLOCK_MONOTONIC, nanoseconds, as decimal text. */
  readonly from_ns: string;
  readonly to_ns: string;
  readonly gap_ms: number;
  readonly lost: number;
  readonly recovered: boolean;
}

/** What `svclab probe dns://... -o json` prints. */
export interface DnsProbeReport extends DnsFigures {
  readonly url: string;
  readonly name: string;
  readonly type: DnsProbeType;
  /** In the order they are asked. */
  readonly asked: readonly string[];
  readonly interval_ms: number;
  readonly timeout_ms: number;
  readonly duration_ms: number;
  readonly start_ns: string;
  /** The longest outages (at most 200), in order of time. */
  readonly outages: readonly DnsOutageReport[];
  readonly interrupted: boolean;
}

/** What the report is made of. */
export interface DnsReportInput {
  readonly target: DnsTarget;
  readonly type: DnsProbeType;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startNs: bigint;
  readonly samples: readonly DnsSample[];
  readonly interrupted: boolean;
}

const MAX_OUTAGES = 200;

/** Makes the report. */
export function dnsReport(input: DnsReportInput): DnsProbeReport {
  const ns = (ms: number): string => String(input.startNs + BigInt(Math.round(ms * 1e6)));
  const outages = findOutages(input.samples, input.intervalMs)
    .sort((a: Outage, b: Outage) => b.gapMs - a.gapMs)
    .slice(0, MAX_OUTAGES)
    .sort((a, b) => a.fromMs - b.fromMs);
  return {
    url: formatDnsUrl(input.target),
    name: input.target.name,
    type: input.type,
    asked: input.target.servers.map(formatServer),
    interval_ms: input.intervalMs,
    timeout_ms: input.timeoutMs,
    duration_ms: round(input.samples.length * input.intervalMs),
    start_ns: String(input.startNs),
    ...summarizeDns(input.samples, input.intervalMs),
    outages: outages.map((o) => ({
      from_ns: ns(o.fromMs),
      to_ns: ns(o.toMs),
      gap_ms: round(o.gapMs),
      lost: o.lost,
      recovered: o.recovered,
    })),
    interrupted: input.interrupted,
  };
}

/** One sample as a line of the samples file. */
export function dnsSampleLine(sample: DnsSample, startNs: bigint): string {
  const ns = (ms: number): string => String(startNs + BigInt(Math.round(ms * 1e6)));
  const { seq, scheduledMs, sentMs, doneMs, outcome, addresses, ttl, server } = sample;
  return JSON.stringify({
    seq,
    scheduledNs: ns(scheduledMs),
    sentNs: ns(sentMs),
    doneNs: ns(doneMs),
    outcome,
    answer: addresses,
    ttl: ttl ?? null,
    server,
  });
}

/** The report as text, without a newline at the end. */
export function dnsText(report: DnsProbeReport): string {
  const bad = Object.entries(report.outcomes).filter(([k]) => k !== 'ok');
  const classes = bad.length > 0 ? ` (${bad.map(([k, n]) => `${n} ${k}`).join(', ')})` : '';
  const answers = Object.entries(report.answers).map(([a, n]) => `${a} ${n}`);
  const servers = Object.entries(report.servers).map(([s, n]) => `${s} ${n}`);
  return [
    `${report.url} ${report.type}: ${report.sent} queries, one each ${report.interval_ms} ms (the error of every figure)`,
    `${report.ok} ok, ${report.lost} lost${classes}; longest gap ${report.longest_gap_ms} ms; latency p50 ${report.latency_ms.p50} p99 ${report.latency_ms.p99} ms`,
    ...(answers.length > 0 ? [`answers ${answers.join('; ')}`] : []),
    ...(servers.length > 1 ? [`servers ${servers.join(', ')}`] : []),
    `sent late by p99 ${report.lateness_p99_ms} ms`,
  ].join('\n');
}
