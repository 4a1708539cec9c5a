import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LabConnection, LoadRequest } from '@svclab/lab';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { exitWith, print, say, withLab } from '../context.ts';
import { driverOption, keyValue, type LabFlags, nameOption, outputOption } from '../options.ts';

interface LoadFlags extends LabFlags {
  readonly output: string;
  readonly engine: 'auto' | 'k6' | 'builtin';
  readonly env: Readonly<Record<string, string>>;
  readonly out?: string;
}

/** FILE of `--out json=FILE`. */
function samplesFile(value: string): string {
  if (!/^json=./.test(value)) throw new InvalidArgumentError('Give json=FILE.');
  return resolve(value.slice('json='.length));
}

/** `svclab load SCRIPT.js`. */
export function addLoad(parent: Command): void {
  parent
    .command('load')
    .description('run a k6 script on the client host: with k6 where it is installed, else with the built-in host')
    .addHelpText(
      'before',
      'Examples:\n  svclab load loadtest/baseline.js --env URL=http://172.30.0.200/\n  svclab load loadtest/vip-failover.js --engine builtin --env RATE=100 -o json\n',
    )
    .argument('<script>', 'a k6 script that uses await http.asyncRequest')
    .addOption(nameOption())
    .addOption(driverOption())
    .addOption(outputOption())
    .addOption(new Option('--engine <engine>', 'what runs it').choices(['auto', 'k6', 'builtin']).default('auto'))
    .option('--env <name=value>', 'what the script finds in __ENV; may be repeated', keyValue, {})
    .option('--out <json=file>', "each sample as a line of JSON, in k6's format", samplesFile)
    .addHelpText(
      'after',
      '\nExit codes: 0 thresholds held, 1 one failed, 2 the script cannot be run, 3 inconclusive (iterations dropped or started late), 4 environment, 130 interrupted\n',
    )
    .action((script: string, flags: LoadFlags) =>
      withLab(flags, async (lab) => {
        const { chooseEngine, sendScript } = await import('@svclab/lab');
        const engine = chooseEngine(flags.engine, process.env.PATH ?? '', flags.driver);
        const sent = await sendScript(lab, resolve(script));
        // k6 tells of dropped iterations by its samples alone.
        const samples = flags.out ?? (engine === 'k6' ? join(tmpdir(), `svclab-load-${process.pid}.jsonl`) : undefined);
        const request = { engine, script: sent, env: flags.env, ...(samples === undefined ? {} : { samples }) };
        say(`Load by ${engine === 'k6' ? 'k6' : 'the built-in host for k6 scripts'}`);
        try {
          await (flags.output === 'json' ? runForPrograms : runForPeople)(lab, request);
        } finally {
          if (samples !== undefined && flags.out === undefined) rmSync(samples, { force: true });
        }
      }),
    );
}

/** Figures as JSON on stdout, all talk on stderr. */
async function runForPrograms(lab: LabConnection, request: LoadRequest): Promise<void> {
  const { startLoad } = await import('@svclab/lab');
  const load = startLoad(lab, request, say);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => load.interrupt());
  const figures = await load.done;
  print('json', figures, () => '');
  exitWith(figures.exit_code);
}

/** What the engine prints, as it prints it. */
async function runForPeople(lab: LabConnection, request: LoadRequest): Promise<void> {
  const { clientHost, exitOfK6, fetchFile, figuresOfK6, loadCommand, remotePath, runOnHost } = await import(
    '@svclab/lab'
  );
  const samples = request.samples === undefined ? undefined : remotePath(lab, request.samples);
  const command = loadCommand({ ...request, ...(samples === undefined ? {} : { samples }) }, lab.programs, 'text');
  const code = await runOnHost(lab, { host: clientHost(lab), command });
  const exit = request.engine === 'k6' ? exitOfK6(code) : code;
  if (exit !== 2 && exit !== 4 && samples !== undefined && request.samples !== undefined)
    await fetchFile(lab, samples, request.samples);
  if (request.engine !== 'k6' || (exit !== 0 && exit !== 1)) {
    exitWith(exit);
    return;
  }
  const figures = await figuresOfK6(request, exit);
  for (const reason of figures.inconclusive) say(`svclab load: inconclusive: ${reason}`);
  exitWith(figures.exit_code);
}
