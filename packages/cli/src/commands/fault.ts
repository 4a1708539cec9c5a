import type { Command } from 'commander';
import { print, withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption, outputOption } from '../options.ts';

/** `svclab fault VERB TARGET`. */
export function addFault(parent: Command): void {
  parent
    .command('fault')
    .description('break something, or bring it back')
    .addHelpText(
      'before',
      `Examples:
  svclab fault kill owner/default/web      power off the node that owns the address of Service default/web
  svclab fault restart node/node-2
  svclab fault kill announcer/node-1 --hold
  svclab fault partition node-1,client-1 node-2,node-3
  svclab fault heal
Targets: node/NAME, announcer/NODE, agent/NODE, pods/NODE, dns/N, controller/N, nats/N, pod/NAMESPACE/NAME, owner/NAMESPACE/SERVICE
Verbs: kill (power-off of a node; SIGKILL of a process, which then restarts; a pod's containers), stop (SIGTERM, stays down), pause, resume, restart
On the LAN as a whole: partition (hosts joined by commas, groups apart by spaces: no frame passes between two groups), heal
`,
    )
    .argument('<verb>', 'kill, stop, pause, resume, restart, partition, heal')
    .argument('[target...]', 'what to act on; the groups of a partition')
    .addOption(nameOption())
    .addOption(driverOption())
    .addOption(outputOption())
    .option('--hold', 'keep a killed process down until restart')
    .action((verb: string, targets: string[], flags: LabFlags & { output: string; hold?: boolean }) =>
      withLab(flags, async (lab) => {
        const target = targets.join(' ');
        const done = await lab.service.fault({ verb, target, args: flags.hold ? { hold: 'true' } : {} });
        const time = new Date(Number(done.effectiveWallMs)).toISOString();
        print(
          flags.output,
          { verb, target, resolved: done.resolved, effective_ns: String(done.effectiveNs), time },
          () => `${verb} ${done.resolved} at ${time}`,
        );
      }),
    );
}
