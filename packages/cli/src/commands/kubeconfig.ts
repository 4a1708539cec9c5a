import type { Command } from 'commander';
import { withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption } from '../options.ts';

/** `svclab kubeconfig`. */
export function addKubeconfig(parent: Command): void {
  parent
    .command('kubeconfig')
    .description('print the path of a kubeconfig for plain kubectl')
    .addHelpText('before', 'Example:\n  export KUBECONFIG=$(svclab kubeconfig)\n')
    .addOption(nameOption())
    .addOption(driverOption())
    .action((flags: LabFlags) => withLab(flags, async (lab) => void process.stdout.write(`${lab.paths.kubeconfig}\n`)));
}
