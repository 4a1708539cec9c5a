import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { exitWith, print, say } from '../context.ts';
import { outputOption } from '../options.ts';

interface GateFlags {
  readonly history: string;
  readonly leeway: number;
  readonly update?: boolean;
  readonly output: string;
}

/** `svclab gate [REPORT] --history FILE`. */
export function addGate(parent: Command): void {
  parent
    .command('gate')
    .description('fail when a scenario got worse than it was: exit code 1 on a regression')
    .addHelpText(
      'before',
      `Examples:
  svclab run loadtest/scenarios/vip-failover.yaml --repeat 30 --report out
  svclab gate out --history failover-history.jsonl --leeway 30% --update
`,
    )
    .argument('[report]', 'a report.json, or the folder it is in', join('.svclab', 'run'))
    .requiredOption('--history <file>', 'past reports, one JSON object a line; need not exist yet')
    .option('--leeway <percent>', 'how much worse than before is still right', percent, 0.3)
    .option('--update', 'add this report to the history, unless it got worse')
    .addOption(outputOption())
    .action(gateReport);
}

function percent(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim());
  if (!match) throw new InvalidArgumentError('Give a percentage such as 30%.');
  return Number(match[1]) / 100;
}

async function gateReport(given: string, flags: GateFlags): Promise<void> {
  const { appendHistory, gateText, historyEntry, judgeByHistory, readHistory, readReport } = await import(
    '@svclab/lab'
  );
  const { report, path } = readReport(given);
  const history = readHistory(flags.history);
  if (report.verdict === 'inconclusive' || report.verdict === 'interrupted') {
    say(`Report ${path} is ${report.verdict} and proves nothing either way: run the scenario again`);
    return exitWith(3);
  }
  const result = judgeByHistory(report, history, flags.leeway);
  print(flags.output, result, () => gateText(result));
  if (flags.update === true && result.held) {
    appendHistory(flags.history, historyEntry(report));
    say(`Added to ${flags.history}`);
  } else if (flags.update === true) say(`Not added to ${flags.history}: what got worse is no measure`);
  exitWith(result.held ? 0 : 1);
}
