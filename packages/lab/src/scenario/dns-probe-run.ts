/** The DNS prober on the client host, with every sample brought back. */
import { readFileSync } from 'node:fs';
import { DNS_OUTCOMES, type DnsOutcome, type DnsProbeRun, type DnsProbeType, type DnsSample } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { formatDnsUrl, parseDnsUrl } from '../prober/dns-options.ts';
import type { DnsProbeReport } from '../prober/dns-report.ts';
import { badInput, environmentError, LabError } from '../state/errors.ts';
import { fetchFile, remotePath, startOnClient } from './client-host.ts';

/** How to probe, milliseconds. */
export interface DnsProbeRequest {
  /** A name, or `dns://NAME[@SERVER[,SERVER...]]`. Without servers those of the lab are asked, in order. */
  readonly name: string;
  /** A when left out. */
  readonly type?: DnsProbeType;
  /** Where it runs; the client host when left out. */
  readonly host?: string;
  readonly intervalMs: number;
  readonly durationMs: number;
  readonly timeoutMs: number;
  /** Absolute path for the samples, one JSON object a line. */
  readonly samples: string;
  /** Gets each line the prober says while it runs. */
  readonly onLine?: (line: string) => void;
}

/** What the DNS prober found. */
export interface DnsProbeOutcome {
  readonly report: DnsProbeReport;
  readonly run: DnsProbeRun;
}

/** A running DNS prober. */
export interface RunningDnsProbe {
  /** Rejects with a LabError when it could not measure. */
  readonly done: Promise<DnsProbeOutcome>;
  interrupt(): void;
}

/** The URL with the lab's DNS servers where it names none. Fails with a LabError when it names no record or the lab has no server. */
export function dnsProbeUrl(lab: Pick<LabConnection, 'config' | 'name'>, name: string): string {
  try {
    const target = parseDnsUrl(name.startsWith('dns://') ? name : `dns://${name}`);
    if (target.servers.length > 0) return formatDnsUrl(target);
    const servers = lab.config.hosts.flatMap((h) => (h.role === 'dns' && h.lanIP !== undefined ? [h.lanIP] : []));
    if (servers.length === 0) throw environmentError(`Lab ${lab.name} has no DNS server`);
    return formatDnsUrl({ name: target.name, servers: servers.map((address) => ({ address, port: 53 })) });
  } catch (error) {
    throw error instanceof LabError ? error : badInput((error as Error).message);
  }
}

/** Starts the DNS prober on the client host. Throws a LabError when the name is none. */
export function startDnsProbe(lab: LabConnection, request: DnsProbeRequest): RunningDnsProbe {
  const samples = remotePath(lab, request.samples);
  const program = startOnClient(
    lab,
    [
      ...lab.programs.prober,
      dnsProbeUrl(lab, request.name),
      ...['--type', request.type ?? 'A', '--interval', `${request.intervalMs}ms`],
      ...['--duration', `${request.durationMs}ms`, '--timeout', `${request.timeoutMs}ms`],
      ...['--samples', samples, '-o', 'json'],
    ],
    request.onLine,
    request.host,
  );
  const done = program.done.then(async ({ code, stdout, stderr }) => {
    if (code === 2) throw new LabError(stderr, 2);
    if (stdout === '') throw environmentError(`The DNS prober ended with code ${code}: ${stderr}`);
    const report = JSON.parse(stdout) as DnsProbeReport;
    await fetchFile(lab, samples, request.samples, request.host);
    return { report, run: readDnsSamples(readFileSync(request.samples, 'utf8'), report) };
  });
  // Whoever waits for it sees a failure; until then it must not end the program.
  done.catch(() => {});
  return { done, interrupt: program.interrupt };
}

interface SampleLine {
  readonly seq: number;
  readonly scheduledNs: string;
  readonly sentNs: string;
  readonly doneNs: string;
  readonly outcome: string;
  readonly answer: readonly string[];
  readonly ttl: number | null;
  readonly server: string;
}

/** Reads the samples file of a DNS probe. */
export function readDnsSamples(
  text: string,
  report: Pick<DnsProbeReport, 'name' | 'type' | 'start_ns' | 'interval_ms'>,
): DnsProbeRun {
  const startNs = BigInt(report.start_ns);
  const ms = (ns: string): number => Number(BigInt(ns) - startNs) / 1e6;
  const samples: DnsSample[] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const s = JSON.parse(line) as SampleLine;
      return {
        seq: s.seq,
        scheduledMs: ms(s.scheduledNs),
        sentMs: ms(s.sentNs),
        doneMs: ms(s.doneNs),
        outcome: DNS_OUTCOMES.find((o): o is DnsOutcome => o === s.outcome) ?? 'other',
        addresses: s.answer,
        ttl: s.ttl ?? undefined,
        server: s.server,
      };
    });
  return { name: report.name, type: report.type, startNs, intervalMs: report.interval_ms, samples };
}
