/** The prober on the client host, with every sample brought back. */
import { readFileSync } from 'node:fs';
import { OUTCOMES, type Outcome, type ProbeKind, type ProbeRun, type ProbeSample } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import type { ProbeReport } from '../prober/report.ts';
import { environmentError, LabError } from '../state/errors.ts';
import { fetchFile, remotePath, startOnClient } from './client-host.ts';

/** How to probe, milliseconds. */
export interface ProbeRequest {
  readonly url: string;
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

/** What the prober found. */
export interface ProbeOutcome {
  readonly report: ProbeReport;
  readonly run: ProbeRun;
}

/** A running prober. */
export interface RunningProbe {
  /** Rejects with a LabError when the prober could not measure. */
  readonly done: Promise<ProbeOutcome>;
  interrupt(): void;
}

/** Starts the prober on the client host. */
export function startProbe(lab: LabConnection, request: ProbeRequest): RunningProbe {
  const samples = remotePath(lab, request.samples);
  const program = startOnClient(
    lab,
    [
      ...lab.programs.prober,
      request.url,
      ...['--interval', `${request.intervalMs}ms`, '--duration', `${request.durationMs}ms`],
      ...['--timeout', `${request.timeoutMs}ms`, '--samples', samples, '-o', 'json'],
    ],
    request.onLine,
    request.host,
  );
  const done = program.done.then(async ({ code, stdout, stderr }) => {
    if (code === 2) throw new LabError(stderr, 2);
    if (stdout === '') throw environmentError(`The prober ended with code ${code}: ${stderr}`);
    const report = JSON.parse(stdout) as ProbeReport;
    await fetchFile(lab, samples, request.samples, request.host);
    return { report, run: readSamples(readFileSync(request.samples, 'utf8'), report) };
  });
  // Whoever waits for it sees a failure; until then it must not end the program.
  done.catch(() => {});
  return { done, interrupt: program.interrupt };
}

interface SampleLine {
  readonly seq: number;
  readonly kind: ProbeKind;
  readonly scheduledNs: string;
  readonly sentNs: string;
  readonly doneNs: string;
  readonly outcome: string;
  readonly backend: string;
}

/** Reads the samples file of a probe run. */
export function readSamples(text: string, report: Pick<ProbeReport, 'start_ns' | 'interval_ms'>): ProbeRun {
  const startNs = BigInt(report.start_ns);
  const ms = (ns: string): number => Number(BigInt(ns) - startNs) / 1e6;
  const flows: Record<ProbeKind, ProbeSample[]> = { new: [], reused: [] };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const s = JSON.parse(line) as SampleLine;
    flows[s.kind].push({
      seq: s.seq,
      scheduledMs: ms(s.scheduledNs),
      sentMs: ms(s.sentNs),
      doneMs: ms(s.doneNs),
      outcome: OUTCOMES.find((o): o is Outcome => o === s.outcome) ?? 'other',
      backend: s.backend,
    });
  }
  return { startNs, intervalMs: report.interval_ms, ...flows };
}
