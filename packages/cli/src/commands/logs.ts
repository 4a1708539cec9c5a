import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LabConnection } from '@svclab/lab';
import type { Command } from 'commander';
import { exitWith, withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption } from '../options.ts';

/** `svclab logs [PROCESS]`. */
export function addLogs(parent: Command): void {
  parent
    .command('logs')
    .description("the processes' own logs, merged by time")
    .addHelpText('before', 'Examples:\n  svclab logs controller\n  svclab logs l2-announcer --node node-2 -f\n')
    .argument(
      '[process]',
      'controller, node-agent, pod-host, l2-announcer, dns, nats-server or supervisor; all when left out',
    )
    .addOption(nameOption())
    .addOption(driverOption())
    .option('--node <host>', 'only this host')
    .option('-f, --follow', 'go on with new lines')
    .action((component: string | undefined, flags: LabFlags & { node?: string; follow?: boolean }) =>
      withLab(flags, async (lab) => {
        const filter = { component, host: flags.node };
        if (!lab.local) exitWith(await containerLogs(lab, filter, flags.follow === true));
        else if (flags.follow) exitWith(await follow(await files(lab, filter)));
        else for (const line of merged(await files(lab, filter))) process.stdout.write(`${line}\n`);
      }),
    );
}

interface LogFilter {
  readonly component: string | undefined;
  readonly host: string | undefined;
}

/** Log files that match. Fails with a LabError that lists all when none does. */
async function files(lab: LabConnection, { component, host }: LogFilter): Promise<string[]> {
  const { badInput } = await import('@svclab/lab');
  const all = readdirSync(lab.paths.logs)
    .filter((f) => f.endsWith('.log'))
    .map((f) => ({ name: f.slice(0, -'.log'.length), path: join(lab.paths.logs, f) }));
  all.push({ name: 'supervisor@lab', path: lab.paths.supervisorLog });
  const matches = all.filter(({ name }) => {
    const [c, h] = name.split('@');
    return (component === undefined || c === component || name === component) && (host === undefined || h === host);
  });
  if (matches.length === 0)
    throw badInput(
      `No log matches: there are ${all
        .map((a) => a.name)
        .sort()
        .join(', ')}`,
    );
  return matches.map((m) => m.path);
}

/** A container's log holds the lines of all its processes; each says whose it is. */
async function containerLogs(lab: LabConnection, filter: LogFilter, follow: boolean): Promise<number> {
  const { badInput, containersOf } = await import('@svclab/lab');
  const containers = (await containersOf(lab.name)).filter(
    (c) => filter.host === undefined || c.service === filter.host || `${c.service}-1` === filter.host,
  );
  if (containers.length === 0) throw badInput(`No container is host "${filter.host}"`);
  const lines: string[] = [];
  const children = containers.map((c) => {
    const child = spawn('docker', ['logs', ...(follow ? ['-f', '--tail', '20'] : []), c.id], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        // nats-server alone writes no JSON.
        const owner = /"component":"([^"]+)"/.exec(line)?.[1] ?? (c.service.startsWith('nats') ? 'nats-server' : '');
        if (filter.component !== undefined && owner !== filter.component) return;
        if (follow) process.stdout.write(`${line}\n`);
        else lines.push(line);
      });
    return child;
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      for (const child of children) child.kill();
    });
  await Promise.all(children.map((child) => new Promise((resolve) => child.once('close', resolve))));
  for (const line of byTime(lines.map((text, n) => ({ text, file: 0, n })))) process.stdout.write(`${line}\n`);
  return 0;
}

/** Lines of all files by their time. */
function merged(paths: readonly string[]): string[] {
  return byTime(
    paths.flatMap((path, file) =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((l) => l !== '')
        .map((text, n) => ({ text, file, n })),
    ),
  );
}

interface Line {
  readonly text: string;
  readonly file: number;
  readonly n: number;
}

/** Lines by their time; one without a time stays behind its predecessor of the same file. */
function byTime(lines: readonly Line[]): string[] {
  let time = '';
  return lines
    .map((line) => {
      time = /"time":"([^"]+)"/.exec(line.text)?.[1] ?? time;
      return { ...line, time };
    })
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.file - b.file || a.n - b.n))
    .map((l) => l.text);
}

function follow(paths: readonly string[]): Promise<number> {
  const tail = spawn('tail', ['-q', '-n', '20', '-F', ...paths], { stdio: ['ignore', 'inherit', 'ignore'] });
  process.once('SIGINT', () => tail.kill());
  process.once('SIGTERM', () => tail.kill());
  return new Promise((resolve) => {
    tail.once('error', () => resolve(4));
    tail.once('exit', () => resolve(0));
  });
}
