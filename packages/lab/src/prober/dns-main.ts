/** The DNS half of the prober program: `node main.js dns://NAME@SERVER[,SERVER...] [--type A|AAAA]` and the options of the HTTP one. */
import { createWriteStream } from 'node:fs';
import { measuringClock } from './clock.ts';
import { parseDnsArguments } from './dns-options.ts';
import { DnsProber } from './dns-prober.ts';
import { dnsReport, dnsSampleLine, dnsText } from './dns-report.ts';
import { raisePriority } from './priority.ts';

/** Runs it; returns the exit code. Fails with ProbeUsageError. */
export async function dnsMain(argv: readonly string[]): Promise<number> {
  const args = parseDnsArguments(argv);
  const { target, type, intervalMs, timeoutMs } = args;
  raisePriority();
  const prober = new DnsProber({
    name: target.name,
    type,
    servers: target.servers,
    intervalMs,
    durationMs: args.durationMs,
    timeoutMs,
    clock: measuringClock,
    onProgress: ({ sent, lost }) =>
      process.stderr.write(`${Math.round((sent * intervalMs) / 1000)} s: ${sent} sent, ${lost} lost\n`),
  });
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      interrupted = true;
      prober.stop();
    });
  await prober.run();
  if (args.samples !== undefined) await writeSamples(args.samples, prober);
  const report = dnsReport({
    target,
    type,
    intervalMs,
    timeoutMs,
    startNs: prober.startNs,
    samples: prober.samples,
    interrupted,
  });
  process.stdout.write(`${args.json ? JSON.stringify(report) : dnsText(report)}\n`);
  if (report.lateness_p99_ms > intervalMs)
    process.stderr.write(
      `svclab probe: queries were sent up to ${report.lateness_p99_ms} ms late (p99), more than one interval: gaps may be longer than the outages were\n`,
    );
  return interrupted ? 130 : 0;
}

function writeSamples(path: string, prober: DnsProber): Promise<void> {
  const out = createWriteStream(path);
  for (const sample of prober.samples) out.write(`${dnsSampleLine(sample, prober.startNs)}\n`);
  return new Promise((done, failed) => {
    out.on('error', failed);
    out.end(() => done());
  });
}
