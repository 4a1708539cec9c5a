import type { Command } from 'commander';
import { root, say } from '../context.ts';
import { driverOption, type LabFlags, nameOption } from '../options.ts';

/** `svclab down`. */
export function addDown(parent: Command): void {
  parent
    .command('down')
    .description('end a lab and remove all of it')
    .addOption(nameOption())
    .addOption(driverOption())
    .option('--all', 'end every running lab of the driver')
    .action(async (flags: LabFlags & { all?: boolean }) => {
      const { endLab, labName, labsOf } = await import('@svclab/lab');
      const { driver } = flags;
      const names = flags.all ? await labsOf(root(), driver) : [labName({ driver, name: flags.name })];
      for (const name of names) {
        await endLab(root(), { driver, name });
        say(`Lab ${name} is gone`);
      }
      if (flags.all && names.length === 0) say('No lab runs');
    });
}
