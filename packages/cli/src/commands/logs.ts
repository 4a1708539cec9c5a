import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { exitWith, withLab } from '../context.ts';
import { nameOption } from '../options.ts';

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
    .option('--node <host>', 'only this host')
    .option('-f, --follow', 'go on with new lines')
    .action((component: string | undefined, flags: { name: string; node?: string; follow?: boolean }) =>
      withLab(flags.name, async (lab) => {
        const { badInput } = await import('@svclab/lab');
        const all = readdirSync(lab.paths.logs)
          .filter((f) => f.endsWith('.log'))
          .map((f) => ({ name: f.slice(0, -'.log'.length), path: join(lab.paths.logs, f) }));
        all.push({ name: 'supervisor@lab', path: lab.paths.supervisorLog });
        const matches = all.filter(({ name }) => {
          const [c, h] = name.split('@');
          return (
            (component === undefined || c === component || name === component) &&
            (flags.node === undefined || h === flags.node)
          );
        });
        if (matches.length === 0)
          throw badInput(
            `No log matches: there are ${all
              .map((a) => a.name)
              .sort()
              .join(', ')}`,
          );
        if (flags.follow) exitWith(await follow(matches.map((m) => m.path)));
        else for (const line of merged(matches.map((m) => m.path))) process.stdout.write(`${line}\n`);
      }),
    );
}

/** Lines of all files by their time; a line without one stays behind its predecessor. */
function merged(paths: readonly string[]): string[] {
  const lines = paths.flatMap((path, file) => {
    let time = '';
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((l) => l !== '')
      .map((text, n) => {
        time = /"time":"([^"]+)"/.exec(text)?.[1] ?? time;
        return { text, time, file, n };
      });
  });
  return lines
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
