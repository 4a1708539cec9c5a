import type { Command } from 'commander';
import { exitWith, withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption, outputOption } from '../options.ts';

interface ProbeFlags extends LabFlags {
  readonly output: string;
  readonly interval: string;
  readonly duration?: string;
  readonly timeout?: string;
  readonly samples?: string;
  readonly type?: string;
}

/** `svclab probe URL`. */
export function addProbe(parent: Command): void {
  parent
    .command('probe')
    .description(
      'send paced requests from the client host, on new and on reused connections, or DNS queries, and report what was lost',
    )
    .addHelpText(
      'before',
      `Examples:
  svclab probe http://172.30.0.200/ --duration 10s
  svclab probe http://172.30.0.200/ --interval 5ms --duration 30s -o json
  svclab probe dns://web.shop.svc.cluster.local --duration 10s
`,
    )
    .argument(
      '<url>',
      'http URL as the client host reaches it, or dns://NAME[@SERVER,...] (without servers: those of the lab, in order)',
    )
    .addOption(nameOption())
    .addOption(driverOption())
    .addOption(outputOption())
    .option('--interval <duration>', 'time between two requests of either kind', '10ms')
    .option('--duration <seconds>', 'how long; until Ctrl-C when left out')
    .option('--timeout <duration>', 'when a request counts as lost (default: 500ms)')
    .option('--type <type>', 'record type of a DNS probe: A or AAAA (default: A)')
    .option('--samples <file>', 'also write every request, one JSON object a line')
    .action((url: string, flags: ProbeFlags) =>
      withLab(flags, async (lab) => {
        const { checkAddress, clientHost, dnsProbeUrl, fetchFile, remotePath, runOnHost } = await import('@svclab/lab');
        const optional = (['duration', 'timeout', 'type', 'samples'] as const).flatMap((name) => {
          const value = flags[name];
          if (value === undefined) return [];
          return [`--${name}`, name === 'samples' ? remotePath(lab, value) : value];
        });
        if (!url.startsWith('dns://')) await checkAddress(lab, url);
        const asked = url.startsWith('dns://') ? dnsProbeUrl(lab, url) : url;
        const command = [...lab.programs.prober, asked, '--interval', flags.interval, ...optional, '-o', flags.output];
        exitWith(await runOnHost(lab, { host: clientHost(lab), command }));
        if (flags.samples !== undefined) await fetchFile(lab, remotePath(lab, flags.samples), flags.samples);
      }),
    );
}
