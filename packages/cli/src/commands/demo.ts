import { join, relative, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { exitWith, print, root, say } from '../context.ts';
import { interruptible } from '../interrupt.ts';
import { driverOption, outputOption } from '../options.ts';

interface DemoFlags {
  readonly name: string;
  readonly driver: 'netns' | 'docker';
  readonly output: string;
  readonly profile: 'fast' | 'realistic';
  readonly engine: 'auto' | 'k6' | 'builtin';
  readonly keep?: boolean;
}

/** `svclab demo`. */
export function addDemo(parent: Command): void {
  parent
    .command('demo')
    .description("a shop under load loses its VIP's owner and gets it back: the outage in one sentence")
    .option('--name <lab>', 'name of the lab that is made for it', 'demo')
    .addOption(driverOption())
    .addOption(outputOption())
    .addOption(new Option('--profile <profile>', 'timers').choices(['fast', 'realistic']).default('fast'))
    .addOption(
      new Option('--engine <engine>', 'what makes the load').choices(['auto', 'k6', 'builtin']).default('auto'),
    )
    .option('--keep', 'leave the lab running')
    .action(run);
}

async function run(flags: DemoFlags): Promise<void> {
  const { chooseEngine, failoverText, runDemo } = await import('@svclab/lab');
  const dir = resolve('.svclab', 'demo');
  const report = await runDemo({
    root: root(),
    name: flags.name,
    profile: flags.profile,
    driver: flags.driver,
    engine: chooseEngine(flags.engine, process.env.PATH ?? '', flags.driver),
    dir,
    keep: flags.keep === true,
    signal: interruptible(),
    progress: say,
  });
  if (flags.keep)
    say(`The lab runs on: svclab down --name ${flags.name}${flags.driver === 'docker' ? ' --driver docker' : ''}`);
  for (const file of ['report.html', 'report.json']) say(`Report: ${relative(process.cwd(), join(dir, file))}`);
  print(flags.output, report, () => failoverText(report));
  exitWith(0);
}
