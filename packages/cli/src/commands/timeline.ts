import type { Command } from 'commander';
import { withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption, outputOption } from '../options.ts';

/** `svclab timeline`. */
export function addTimeline(parent: Command): void {
  parent
    .command('timeline')
    .description('what each process saw and did, stamped by itself')
    .addHelpText('before', 'Examples:\n  svclab timeline --since 30s\n  svclab timeline --follow -o json\n')
    .addOption(nameOption())
    .addOption(driverOption())
    .addOption(outputOption())
    .option('--since <time>', 'a duration back from now (30s, 5m) or an RFC 3339 time')
    .option('--follow', 'go on with new events; JSON is then one object a line')
    .action((flags: LabFlags & { output: string; since?: string; follow?: boolean }) =>
      withLab(flags, async (lab) => {
        const { timelineJson } = await import('@svclab/lab');
        const sinceNs = flags.since === undefined ? 0n : await sinceOf(flags.since);
        const abort = new AbortController();
        process.once('SIGINT', () => abort.abort());
        process.once('SIGTERM', () => abort.abort());
        const array = flags.output === 'json' && !flags.follow;
        let first = true;
        if (array) process.stdout.write('[');
        for await (const { event } of lab.service.timeline(
          { sinceNs, follow: flags.follow ?? false },
          { signal: abort.signal },
        )) {
          if (!event) continue;
          const json = timelineJson({ ...event, wallMs: Number(event.wallMs), type: event.type as never });
          if (flags.output !== 'json') process.stdout.write(`${textLine(event)}\n`);
          else
            process.stdout.write(
              array ? `${first ? '\n' : ',\n'}${JSON.stringify(json)}` : `${JSON.stringify(json)}\n`,
            );
          first = false;
        }
        if (array) process.stdout.write('\n]\n');
      }),
    );
}

/** CLOCK_MONOTONIC of a time a user wrote. */
async function sinceOf(text: string): Promise<bigint> {
  const { parseDuration } = await import('@svclab/core');
  const { badInput } = await import('@svclab/lab');
  const { systemClock } = await import('@svclab/runtime');
  const back = parseDuration(text);
  const ms = back ?? systemClock.wall() - Date.parse(text);
  if (!Number.isFinite(ms))
    throw badInput(
      `Time "${text}" is not understood: give a duration such as 30s, or a time such as 2026-01-31T12:00:00Z`,
    );
  const at = systemClock.nowNs() - BigInt(Math.round(ms * 1e6));
  return at > 0n ? at : 0n;
}

function textLine(e: {
  wallMs: bigint;
  node: string;
  component: string;
  type: string;
  cause: string;
  attrs: Record<string, string>;
}): string {
  const attrs = Object.entries(e.attrs)
    .filter(([, v]) => v !== '')
    .map(([k, v]) => `${k}=${v}`)
    .join(' ');
  const time = new Date(Number(e.wallMs)).toISOString().slice(11, 23);
  return `${time}  ${`${e.component}@${e.node}`.padEnd(24)}  ${e.type.padEnd(22)}  ${attrs}${e.cause === '' ? '' : `  (${e.cause})`}`;
}
