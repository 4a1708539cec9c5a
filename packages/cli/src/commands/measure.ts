import { join, resolve } from 'node:path';
import { parseDuration } from '@svclab/core';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { exitWith, print, say, withLab } from '../context.ts';
import { driverOption, keyValue, type LabFlags, nameOption, outputOption } from '../options.ts';

interface MeasureFlags extends LabFlags {
  readonly output: string;
  readonly duration: number;
  readonly interval: number;
  readonly timeout: number;
  readonly path: string;
  readonly load?: string;
  readonly engine: 'auto' | 'k6' | 'builtin';
  readonly env: Readonly<Record<string, string>>;
  readonly report?: string;
}

/** `svclab measure [NAMESPACE/SERVICE]`. */
export function addMeasure(parent: Command): void {
  parent
    .command('measure')
    .description('probe and load a Service while you break something, and tell what the traffic felt')
    .addHelpText(
      'before',
      `Examples:
  svclab measure default/web --duration 30s
  svclab measure --driver docker --load loadtest/vip-failover.js --env RATE=100
`,
    )
    .argument('[service]', 'NAMESPACE/SERVICE of type LoadBalancer; the one that is announced when left out')
    .addOption(nameOption())
    .addOption(driverOption())
    .addOption(outputOption())
    .option('--duration <duration>', 'how long; Ctrl-C ends it early', milliseconds, 30_000)
    .option('--interval <duration>', 'time between two requests of the prober, of either kind', milliseconds, 10)
    .option('--timeout <duration>', 'when a request counts as lost', milliseconds, 500)
    .option('--path <path>', 'what the prober asks for', '/')
    .option('--load <script>', 'a k6 script that runs beside the prober; it gets URL and DURATION')
    .addOption(new Option('--engine <engine>', 'what runs it').choices(['auto', 'k6', 'builtin']).default('auto'))
    .option('--env <name=value>', 'what the script finds in __ENV; may be repeated', keyValue, {})
    .option('--report <dir>', 'where to write report.json, samples and the timeline (default: .svclab/measure)')
    .action((service: string | undefined, flags: MeasureFlags) =>
      withLab(flags, (lab) => measure(lab, service, flags)),
    );
}

async function measure(
  lab: Parameters<Parameters<typeof withLab>[1]>[0],
  service: string | undefined,
  flags: MeasureFlags,
): Promise<void> {
  const { badInput, chooseEngine, failoverText, measureService } = await import('@svclab/lab');
  const [namespace, name, ...rest] = (service ?? '').includes('/') ? (service ?? '').split('/') : ['default', service];
  if (service !== undefined && (!namespace || !name || rest.length > 0))
    throw badInput(`Service "${service}" is not understood: give NAMESPACE/SERVICE`);
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  const dir = resolve(flags.report ?? join('.svclab', 'measure'));
  const report = await measureService({
    lab,
    service: service === undefined ? undefined : { namespace: namespace ?? '', name: name ?? '' },
    durationMs: flags.duration,
    intervalMs: flags.interval,
    timeoutMs: flags.timeout,
    path: flags.path,
    load:
      flags.load === undefined
        ? undefined
        : {
            engine: chooseEngine(flags.engine, process.env.PATH ?? '', lab.config.driver),
            script: resolve(flags.load),
            env: flags.env,
          },
    dir,
    signal: abort.signal,
    progress: say,
  });
  print(flags.output, report, () => failoverText(report));
  exitWith(abort.signal.aborted ? 130 : 0);
}

/** A duration, in milliseconds. */
function milliseconds(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('Give a duration such as 500ms or 30s.');
  return ms;
}
