import type { Command } from 'commander';
import { exitWith, withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption } from '../options.ts';

/** `svclab client -- CMD`. */
export function addClient(parent: Command): void {
  parent
    .command('client')
    .description('run a program on the client host, outside the cluster on the node LAN')
    .usage('[options] -- CMD [ARG...]')
    .addHelpText(
      'before',
      'Examples:\n  svclab client -- curl -s http://172.30.0.200/\n  svclab client -- arping -c 2 172.30.0.200\n',
    )
    .addOption(nameOption())
    .addOption(driverOption())
    .argument('<command...>', 'the program and its arguments, after --')
    .passThroughOptions()
    .action((command: string[], flags: LabFlags) =>
      withLab(flags, async (lab) => {
        const { runOnHost } = await import('@svclab/lab');
        const host = lab.config.hosts.find((h) => h.role === 'client')?.name ?? 'client-1';
        exitWith(await runOnHost(lab, { host, command }));
      }),
    );
}
