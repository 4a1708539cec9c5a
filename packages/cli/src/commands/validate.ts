import type { Command } from 'commander';
import { print } from '../context.ts';
import { keyValue, outputOption } from '../options.ts';

interface ValidateFlags {
  readonly output: string;
  readonly var: Readonly<Record<string, string>>;
  readonly schema?: boolean;
}

/** `svclab validate SCENARIO...`. */
export function addValidate(parent: Command): void {
  parent
    .command('validate')
    .description('check scenario files without running them')
    .addHelpText(
      'before',
      'Examples:\n  svclab validate loadtest/scenarios/*.yaml\n  svclab validate --schema > scenario.schema.json\n',
    )
    .argument('[scenario...]', 'scenario files (YAML)')
    .addOption(outputOption())
    .option('--var <name=value>', 'value of a variable of the scenario; may be repeated', keyValue, {})
    .option('--schema', 'print the JSON Schema of scenario files, for editors')
    .action(validate);
}

async function validate(paths: readonly string[], flags: ValidateFlags): Promise<void> {
  const { badInput, checkScenario, LabError, readScenario, scenarioJsonSchema } = await import('@svclab/lab');
  if (flags.schema === true) return print('json', scenarioJsonSchema(), () => '');
  if (paths.length === 0) throw badInput('No scenario was named: give one or more files, or --schema');
  const found = paths.map((path) => {
    try {
      const scenario = readScenario(path, { variables: flags.var });
      checkScenario(scenario);
      return { path, title: scenario.title, problems: [] as string[] };
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      return { path, title: '', problems: error.message.split('\n') };
    }
  });
  print(flags.output, found, () =>
    found.map((f) => (f.problems.length === 0 ? `${f.path}: valid (${f.title})` : f.problems.join('\n'))).join('\n'),
  );
  if (found.some((f) => f.problems.length > 0)) process.exitCode = 2;
}
