/**
 * The prober as a program: `node main.js URL [--interval 10ms] [--duration S] [--timeout 500ms] [--samples FILE] [-o json|text]`.
 * With `dns://NAME@SERVER` in place of the URL it asks for a name (dns-main.ts). Runs on the client host. A name in the URL is resolved once, before the first request: name service is not part of a probe.
 * Exit codes: 0, 2 bad arguments, 4 the name cannot be resolved, 130 interrupted (what was measured is printed all the same).
 */
import { lookup } from 'node:dns/promises';
import { createWriteStream } from 'node:fs';
import type { ProbeSample } from '@svclab/core';
import { measuringClock } from './clock.ts';
import { dnsMain } from './dns-main.ts';
import { isDnsProbe } from './dns-options.ts';
import { type ProbeArguments, ProbeUsageError, parseProbeArguments, probeEndpoint, probeRequests } from './options.ts';
import { raisePriority } from './priority.ts';
import { Prober } from './prober.ts';
import { probeReport, probeText } from './report.ts';

async function resolve(args: ProbeArguments): Promise<{ address: string; port: number }> {
  const { host, port, literal } = probeEndpoint(args.url);
  return { address: literal ? host : (await lookup(host)).address, port };
}

async function writeSamples(path: string, prober: Prober, intervalMs: number): Promise<void> {
  const out = createWriteStream(path);
  const ns = (ms: number): string => String(prober.startNs + BigInt(Math.round(ms * 1e6)));
  const line = (kind: string, s: ProbeSample): string =>
    `${JSON.stringify({ seq: s.seq, kind, scheduledNs: ns(s.seq * intervalMs), sentNs: ns(s.sentMs), doneNs: ns(s.doneMs), outcome: s.outcome, backend: s.backend })}\n`;
  for (const kind of ['new', 'reused'] as const) for (const s of prober[kind].samples()) out.write(line(kind, s));
  await new Promise<void>((done, failed) => {
    out.on('error', failed);
    out.end(() => done());
  });
}

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  if (isDnsProbe(argv)) return dnsMain(argv);
  const args = parseProbeArguments(argv);
  let endpoint: { address: string; port: number };
  try {
    endpoint = await resolve(args);
  } catch (error) {
    process.stderr.write(`svclab probe: ${args.url.hostname} cannot be resolved: ${(error as Error).message}\n`);
    return 4;
  }
  raisePriority();
  const prober = new Prober({
    target: { ...endpoint, ...probeRequests(args.url) },
    intervalMs: args.intervalMs,
    durationMs: args.durationMs,
    timeoutMs: args.timeoutMs,
    clock: measuringClock,
    onProgress: ({ sent, lostNew, lostReused }) =>
      process.stderr.write(
        `${Math.round((sent * args.intervalMs) / 1000)} s: ${sent} sent, lost ${lostNew} new, ${lostReused} reused\n`,
      ),
  });
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      interrupted = true;
      prober.stop();
    });
  await prober.run();
  if (args.samples !== undefined) await writeSamples(args.samples, prober, args.intervalMs);
  const report = probeReport({
    url: args.url.href,
    intervalMs: args.intervalMs,
    timeoutMs: args.timeoutMs,
    startNs: prober.startNs,
    new: prober.new.samples(),
    reused: prober.reused.samples(),
    interrupted,
  });
  process.stdout.write(`${args.json ? JSON.stringify(report) : probeText(report)}\n`);
  if (report.lateness_p99_ms > args.intervalMs)
    process.stderr.write(
      `svclab probe: requests were sent up to ${report.lateness_p99_ms} ms late (p99), more than one interval: gaps may be longer than the outages were\n`,
    );
  return interrupted ? 130 : 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const usage = error instanceof ProbeUsageError;
    process.stderr.write(`svclab probe: ${usage ? error.message : String((error as Error).stack)}\n`);
    process.exitCode = usage ? 2 : 4;
  },
);
