import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { exitWith, print, say, withLab } from '../context.ts';
import { driverOption, keyValue, type LabFlags, nameOption, outputOption } from '../options.ts';

interface LoadFlags extends LabFlags {
  readonly output: string;
  readonly engine: 'auto' | 'k6' | 'builtin';
  readonly env: Readonly<Record<string, string>>;
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
    .action((script: string, flags: LoadFlags) =>
      withLab(flags, async (lab) => {
        const { chooseEngine, clientHost, exitOfK6, loadCommand, runOnHost, sendScript, startLoad } = await import(
          '@svclab/lab'
        );
        const request = {
          engine: chooseEngine(flags.engine, process.env.PATH ?? '', flags.driver),
          script: await sendScript(lab, resolve(script)),
          env: flags.env,
          samples: join(tmpdir(), `svclab-load-${process.pid}.jsonl`),
        };
        say(`Load by ${request.engine === 'k6' ? 'k6' : 'the built-in host for k6 scripts'}`);
        if (flags.output === 'text') {
          const command = loadCommand(request, lab.programs).filter(
            (word, i, all) => word !== '-o' && all[i - 1] !== '-o',
          );
          const code = await runOnHost(lab, { host: clientHost(lab), command });
          exitWith(request.engine === 'k6' ? exitOfK6(code) : code);
          return;
        }
        const load = startLoad(lab, request, say);
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => load.interrupt());
        const figures = await load.done;
        print('json', figures, () => '');
        exitWith(figures.exit_code);
      }),
    );
}
