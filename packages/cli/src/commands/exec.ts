import type { Command } from 'commander';
import { exitWith, withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption } from '../options.ts';

/** `svclab exec HOST -- CMD`. */
export function addExec(parent: Command): void {
  parent
    .command('exec')
    .description("run a program in a host's network namespace")
    .usage('[options] node/NAME -- CMD [ARG...]')
    .addHelpText(
      'before',
      'Examples:\n  svclab exec node/node-1 -- nft list table ip svclab-proxy\n  svclab exec dns/1 -- ss -lun\n',
    )
    .addOption(nameOption())
    .addOption(driverOption())
    .argument('<host>', 'node/NAME, or dns/N, controller/N, nats/N, client/N')
    .argument('<command...>', 'the program and its arguments, after --')
    .passThroughOptions()
    .action((target: string, command: string[], flags: LabFlags) =>
      withLab(flags, async (lab) => {
        const { badInput, runOnHost } = await import('@svclab/lab');
        const [kind = '', part = ''] = target.split('/');
        const names = lab.config.hosts.map((h) => h.name);
        const host = [part, `${kind}-${part}`, target].find((n) => names.includes(n));
        if (host === undefined)
          throw badInput(
            `Host "${target}" does not exist: give one of ${lab.config.hosts.map((h) => (h.role === 'node' ? `node/${h.name}` : h.name.replace('-', '/'))).join(', ')}`,
          );
        exitWith(await runOnHost(lab, { host, command: command[0] === '--' ? command.slice(1) : command }));
      }),
    );
}
