import { Command } from 'commander';
import { COMMANDS } from './commands/index.ts';

/** The whole command line. Unknown commands, flags and bad values end with exit code 2 and say what would be right. */
export function program(): Command {
  const root = new Command('svclab')
    .description(
      'Kubernetes Service networking, emulated with real processes and real packets, broken on purpose, measured',
    )
    .configureHelp({ sortSubcommands: false })
    .addHelpText(
      'before',
      `Examples:
  svclab up --nodes 3 --profile fast
  export KUBECONFIG=$(svclab kubeconfig)
  kubectl apply -f examples/shop
  svclab probe http://172.30.0.200/ --duration 10s &
  svclab fault kill owner/shop/frontend
  svclab down
`,
    )
    .showHelpAfterError('(add --help for more)')
    .showSuggestionAfterError()
    .exitOverride()
    .enablePositionalOptions();
  for (const add of COMMANDS) add(root);
  for (const command of root.commands) command.exitOverride().showHelpAfterError('(add --help for more)');
  return root;
}
