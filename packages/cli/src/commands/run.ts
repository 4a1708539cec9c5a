import { randomInt } from 'node:crypto';
import { watch } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Scenario } from '@svclab/lab';
import { systemClock } from '@svclab/runtime';
import { type Command, Option } from 'commander';
import { exitWith, print, root, say } from '../context.ts';
import { interruptible } from '../interrupt.ts';
import { driverOption, keyValue, outputOption, positive, wholeNumber } from '../options.ts';
import { Progress } from '../progress.ts';

interface RunFlags {
  readonly name: string;
  readonly on?: string;
  readonly driver: 'netns' | 'docker';
  readonly output: string;
  readonly repeat?: number;
  readonly seed?: number;
  readonly var: Readonly<Record<string, string>>;
  readonly report?: string;
  readonly engine: 'auto' | 'k6' | 'builtin';
  readonly keep?: boolean;
  readonly dryRun?: boolean;
  readonly watch?: boolean;
}

/** `svclab run SCENARIO.yaml`. */
export function addRun(parent: Command): void {
  parent
    .command('run')
    .description('run a scenario file: set-up, load, faults, expectations, report')
    .addHelpText(
      'before',
      `Examples:
  svclab run loadtest/scenarios/vip-failover.yaml
  svclab run loadtest/scenarios/vip-failover.yaml --repeat 30 --report out -o json
  svclab run loadtest/scenarios/drain-against-kill.yaml --dry-run
`,
    )
    .argument('<scenario>', 'a scenario file (YAML)')
    .option('--name <lab>', 'name of the lab that is made for it', `run-${process.pid}`)
    .option('--on <lab>', 'run on this lab, which runs already and stays, instead of making one')
    .addOption(driverOption())
    .addOption(outputOption())
    .option('--repeat <n>', 'how often, on one lab (default: as the scenario says)', positive)
    .option(
      '--seed <n>',
      'of all that is random, so that a run can be repeated (default: drawn, and reported)',
      wholeNumber,
    )
    .option('--var <name=value>', 'value of a variable of the scenario; may be repeated', keyValue, {})
    .option('--report <dir>', 'write report.json, .html, .md, junit.xml and the raw data there (default: .svclab/run)')
    .addOption(
      new Option('--engine <engine>', 'what makes the load').choices(['auto', 'k6', 'builtin']).default('auto'),
    )
    .option('--keep', 'leave the lab running')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--watch', 'run again whenever the file changes, until Ctrl-C')
    .action(run);
}

async function run(path: string, flags: RunFlags): Promise<void> {
  const { checkScenario, dryRunText, LabError, readScenario } = await import('@svclab/lab');
  const read = (): Scenario => {
    const scenario = readScenario(path, { variables: flags.var });
    checkScenario(scenario, flags.driver);
    return scenario;
  };
  if (flags.dryRun === true) {
    const scenario = read();
    return print(flags.output, scenario, () => dryRunText(scenario, flags.repeat ?? scenario.repeats));
  }
  const signal = interruptible();
  if (flags.watch !== true) return runOnce(path, read(), flags, signal);
  while (!signal.aborted) {
    try {
      await runOnce(path, read(), flags, signal);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      say(error.message);
    }
    if (signal.aborted) break;
    say(`Waiting for a change of ${path} (Ctrl-C ends)`);
    await changed(path, signal);
  }
  exitWith(130);
}

/** Resolves when the file has been written, or the signal comes. Editors replace files, so its folder is watched. */
function changed(path: string, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const watcher = watch(dirname(resolve(path)), (_, name) => {
      if (name === basename(path)) end();
    });
    const end = (): void => {
      watcher.close();
      signal.removeEventListener('abort', end);
      done();
    };
    signal.addEventListener('abort', end, { once: true });
  });
}

const MAX_SEED = 0xffff_ffff;

async function runOnce(path: string, scenario: Scenario, flags: RunFlags, signal: AbortSignal): Promise<void> {
  const { chooseEngine, runReportText, runScenarioFile, writeReports } = await import('@svclab/lab');
  const dir = resolve(flags.report ?? join('.svclab', 'run'));
  const seed = flags.seed ?? scenario.seed ?? randomInt(MAX_SEED);
  const repeats = flags.repeat ?? scenario.repeats;
  const progress = new Progress(process.stderr, () => systemClock.now());
  const { report, exitCode } = await runScenarioFile({
    scenario,
    name: flags.name,
    on: flags.on,
    root: root(),
    repeats,
    seed,
    driver: flags.driver,
    engine: chooseEngine(flags.engine, process.env.PATH ?? '', flags.driver),
    dir,
    keep: flags.keep === true,
    command: commandText(path, flags, repeats, seed),
    signal,
    progress: progress.say,
    live: progress.live,
    onRun: progress.onRun,
  });
  progress.end();
  const files = await writeReports(dir, report);
  say(`Report: ${files.join(', ')}`);
  for (const run of report.runs) for (const reason of run.inconclusive) say(`Inconclusive: run ${run.run}: ${reason}`);
  print(flags.output, report, () => runReportText(report));
  exitWith(exitCode);
}

/** The command that makes such a report again. */
function commandText(path: string, flags: RunFlags, repeats: number, seed: number): string {
  const vars = Object.entries(flags.var).map(([k, v]) => `--var ${k}=${v}`);
  const driver = flags.driver === 'netns' ? [] : [`--driver ${flags.driver}`];
  const engine = flags.engine === 'auto' ? [] : [`--engine ${flags.engine}`];
  return ['svclab run', path, `--repeat ${repeats}`, `--seed ${seed}`, ...vars, ...driver, ...engine].join(' ');
}
