import { randomInt } from 'node:crypto';
import { join, resolve } from 'node:path';
import { parseDuration } from '@svclab/core';
import { systemClock } from '@svclab/runtime';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { exitWith, print, root, say, table } from '../context.ts';
import { interruptible } from '../interrupt.ts';
import { driverOption, keyValue, outputOption, positive, wholeNumber } from '../options.ts';
import { Progress } from '../progress.ts';

interface SweepFlags {
  readonly over: readonly string[];
  readonly set: Readonly<Record<string, string>>;
  readonly var: Readonly<Record<string, string>>;
  readonly name: string;
  readonly driver: 'netns' | 'docker';
  readonly output: string;
  readonly repeat?: number;
  readonly seed?: number;
  readonly idle: number;
  readonly report?: string;
  readonly engine: 'auto' | 'k6' | 'builtin';
  readonly dryRun?: boolean;
}

const MAX_SEED = 0xffff_ffff;

/** `svclab sweep SCENARIO.yaml --over KNOB=VALUE,VALUE...`. */
export function addSweep(parent: Command): void {
  parent
    .command('sweep')
    .description('run a scenario for several values of a timer: recovery against false failovers and cost')
    .addHelpText(
      'before',
      `Examples:
  svclab sweep loadtest/scenarios/vip-failover.yaml --over membership.probeInterval=50ms,100ms,200ms,1s
  svclab sweep loadtest/scenarios/vip-failover.yaml --repeat 10 --over membership.probeInterval+membership.probeTimeout=100ms+50ms,1s+500ms
  svclab sweep loadtest/scenarios/vip-failover.yaml --over membership.probeInterval=50ms,1s --over membership.suspicionMult=2,4 --dry-run
`,
    )
    .argument('<scenario>', 'a scenario file (YAML)')
    .requiredOption(
      '--over <knob=values>',
      'a knob and its values, joined by commas; KNOB+KNOB=VALUE+VALUE,... changes knobs together; repeated: every combination',
      (text: string, previous: readonly string[]) => [...previous, text],
      [],
    )
    .option('--set <knob=value>', 'another knob, the same for all values; may be repeated', keyValue, {})
    .option('--var <name=value>', 'value of a variable of the scenario; may be repeated', keyValue, {})
    .option('--name <lab>', 'name of the labs that are made for it', `sweep-${process.pid}`)
    .addOption(driverOption())
    .addOption(outputOption())
    .option('--repeat <n>', 'how often for each value (default: as the scenario says)', positive)
    .option('--seed <n>', 'of all that is random (default: drawn, and reported)', wholeNumber)
    .option('--idle <duration>', 'how long each lab is watched with nothing broken; 0 for not at all', duration, 20_000)
    .option('--report <dir>', "write sweep.json, .md, .html and every value's report there (default: .svclab/sweep)")
    .addOption(
      new Option('--engine <engine>', 'what makes the load').choices(['auto', 'k6', 'builtin']).default('auto'),
    )
    .option('--dry-run', 'print the grid, and do nothing')
    .action(sweep);
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Give a duration such as 20s or 2m.');
  return ms;
}

async function sweep(path: string, flags: SweepFlags): Promise<void> {
  const lab = await import('@svclab/lab');
  const read = lab.readScenario(path, { variables: flags.var });
  const scenario = { ...read, lab: { ...read.lab, set: { ...read.lab.set, ...flags.set } } };
  lab.checkSettings(scenario.lab.profile, scenario.lab.set);
  const axes = lab.parseOver(flags.over, scenario.lab.profile);
  lab.checkScenario(scenario, flags.driver);
  const repeats = flags.repeat ?? scenario.repeats;
  if (flags.dryRun === true) {
    const plan = lab.sweepDryRun(scenario, axes, { repeats, idleMs: flags.idle });
    return print(flags.output, plan, () => lab.sweepPlanText(plan, table));
  }
  const dir = resolve(flags.report ?? join('.svclab', 'sweep'));
  const seed = flags.seed ?? scenario.seed ?? randomInt(MAX_SEED);
  const progress = new Progress(process.stderr, () => systemClock.now());
  const report = await lab.runSweep({
    scenario,
    axes,
    name: flags.name,
    driver: flags.driver,
    root: root(),
    repeats,
    seed,
    engine: lab.chooseEngine(flags.engine, process.env.PATH ?? '', flags.driver),
    idleMs: flags.idle,
    dir,
    command: commandText(path, flags, repeats, seed),
    signal: interruptible(),
    progress: progress.say,
    live: progress.live,
    onRun: progress.onRun,
  });
  progress.end();
  say(`Sweep: ${lab.writeSweep(dir, report).join(', ')}`);
  print(flags.output, report, () => lab.sweepText(report, table));
  exitWith(lab.sweepExitCode(report));
}

/** The command that makes such a sweep again. */
function commandText(path: string, flags: SweepFlags, repeats: number, seed: number): string {
  const pairs = (name: string, values: Readonly<Record<string, string>>): string[] =>
    Object.entries(values).map(([k, v]) => `--${name} ${k}=${v}`);
  return [
    'svclab sweep',
    path,
    ...flags.over.map((o) => `--over ${o}`),
    ...pairs('set', flags.set),
    ...pairs('var', flags.var),
    `--repeat ${repeats} --seed ${seed} --idle ${flags.idle}ms`,
    ...(flags.driver === 'netns' ? [] : [`--driver ${flags.driver}`]),
    ...(flags.engine === 'auto' ? [] : [`--engine ${flags.engine}`]),
  ].join(' ');
}
