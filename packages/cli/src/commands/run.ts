import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { exitWith, print, root, say } from '../context.ts';
import { interruptible } from '../interrupt.ts';
import { driverOption, outputOption, wholeNumber } from '../options.ts';

interface RunFlags {
  readonly name: string;
  readonly driver: 'netns' | 'docker';
  readonly output: string;
  readonly repeat: number;
  readonly report?: string;
  readonly engine: 'auto' | 'k6' | 'builtin';
  readonly keep?: boolean;
}

/** `svclab run SCENARIO.yaml`. */
export function addRun(parent: Command): void {
  parent
    .command('run')
    .description('run a scenario file: set-up, load, faults, expectations, report')
    .addHelpText(
      'before',
      'Examples:\n  svclab run loadtest/scenarios/vip-failover.yaml\n  svclab run loadtest/scenarios/vip-failover.yaml --repeat 20 --report out -o json\n',
    )
    .argument('<scenario>', 'a scenario file (YAML)')
    .option('--name <lab>', 'name of the lab that is made for it', `run-${process.pid}`)
    .addOption(driverOption())
    .addOption(outputOption())
    .option('--repeat <n>', 'how often, on one lab', positive, 1)
    .option('--report <dir>', 'write report.json, report.md, samples and timelines there')
    .addOption(
      new Option('--engine <engine>', 'what makes the load').choices(['auto', 'k6', 'builtin']).default('auto'),
    )
    .option('--keep', 'leave the lab running')
    .action(run);
}

function positive(text: string): number {
  const n = wholeNumber(text);
  if (n < 1) throw new InvalidArgumentError('Give 1 or more.');
  return n;
}

async function run(path: string, flags: RunFlags): Promise<void> {
  const { chooseEngine, readScenario, runScenarioFile, scenarioMarkdown, scenarioText } = await import('@svclab/lab');
  const scenario = readScenario(path);
  const dir = resolve(flags.report ?? join('.svclab', 'run'));
  const signal = interruptible();
  const { report, exitCode } = await runScenarioFile({
    scenario,
    name: flags.name,
    root: root(),
    repeats: flags.repeat,
    driver: flags.driver,
    engine: chooseEngine(flags.engine, process.env.PATH ?? '', flags.driver),
    dir,
    keep: flags.keep === true,
    signal,
    progress: say,
  });
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(dir, 'report.md'), scenarioMarkdown(report));
  say(`Report: ${join(dir, 'report.md')}`);
  if (exitCode === 3)
    say('Inconclusive: the generator was late, dropped iterations, or the steady state lost requests');
  print(flags.output, report, () => scenarioText(report));
  exitWith(exitCode);
}
