import type { Command } from 'commander';
import { root, say } from '../context.ts';
import { nameOption } from '../options.ts';

/** `svclab down`. */
export function addDown(parent: Command): void {
  parent
    .command('down')
    .description('end a lab and remove all of it')
    .addOption(nameOption())
    .option('--all', 'end every running lab')
    .action(async (flags: { name: string; all?: boolean }) => {
      const { down, runningLabs } = await import('@svclab/lab');
      const names = flags.all ? runningLabs(root()) : [flags.name];
      for (const name of names) {
        await down(root(), name);
        say(`Lab ${name} is gone`);
      }
      if (flags.all && names.length === 0) say('No lab runs');
    });
}
