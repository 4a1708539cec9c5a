import type { Command } from 'commander';
import { wholeNumber } from '../options.ts';

/** `svclab compose`. */
export function addCompose(parent: Command): void {
  parent
    .command('compose')
    .description('print the compose file of a lab in Docker')
    .addHelpText(
      'before',
      'Examples:\n  svclab compose > compose.yaml\n  svclab compose --nodes 5 | docker compose --project-directory compose -f - config -q\n',
    )
    .option('--nodes <n>', 'number of nodes, 1 to 90', wholeNumber, 3)
    .option('--path', 'print where the file is instead')
    .action(async (flags: { nodes: number; path?: boolean }) => {
      const { badInput, composePath, composeText } = await import('@svclab/lab');
      if (flags.nodes < 1) throw badInput('Number of nodes 0 cannot be used: give a whole number from 1 to 90');
      const nodes = Array.from({ length: flags.nodes }, (_, i) => i + 1);
      process.stdout.write(flags.path ? `${composePath()}\n` : composeText(nodes));
    });
}
