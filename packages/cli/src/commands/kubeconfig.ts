import type { Command } from 'commander';
import { withLab } from '../context.ts';
import { nameOption } from '../options.ts';

/** `svclab kubeconfig`. */
export function addKubeconfig(parent: Command): void {
  parent
    .command('kubeconfig')
    .description('print the path of a kubeconfig for plain kubectl')
    .addHelpText('before', 'Example:\n  export KUBECONFIG=$(svclab kubeconfig)\n')
    .addOption(nameOption())
    .action((flags: { name: string }) =>
      withLab(flags.name, async (lab) => void process.stdout.write(`${lab.paths.kubeconfig}\n`)),
    );
}
