import type { Command } from 'commander';
import { exitWith, print, table } from '../context.ts';
import { outputOption } from '../options.ts';

/** `svclab doctor`: exit code 4 when something a lab needs is missing. */
export function addDoctor(parent: Command): void {
  parent
    .command('doctor')
    .description('what this machine has, what is missing, and the fix')
    .addOption(outputOption())
    .action(async (flags: { output: string }) => {
      const { doctor } = await import('@svclab/lab');
      const checks = doctor();
      const ok = checks.every((c) => c.state !== 'missing');
      print(flags.output, { ok, checks }, () =>
        [
          table(
            ['CHECK', 'STATE', 'FOUND', 'FOR'],
            checks.map((c) => [c.name, c.state === 'optional' ? 'absent' : c.state, c.found, c.purpose]),
          ),
          ...checks.filter((c) => c.fix !== '').map((c) => `${c.name}: ${c.fix}`),
          ok ? 'A lab can start here' : 'A lab cannot start here',
        ].join('\n'),
      );
      exitWith(ok ? 0 : 4);
    });
}
