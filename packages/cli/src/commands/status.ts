import type { Command } from 'commander';
import { age, print, table, withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption, outputOption } from '../options.ts';

/** `svclab status`. */
export function addStatus(parent: Command): void {
  parent
    .command('status')
    .description('what a lab consists of and how it is')
    .addOption(nameOption())
    .addOption(driverOption())
    .addOption(outputOption())
    .action((flags: LabFlags & { output: string }) =>
      withLab(flags, async (lab) => {
        const status = await lab.service.status({});
        const processes = status.processes.map((p) => ({
          component: p.component,
          host: p.host,
          state: p.state,
          ...(p.component === 'controller' ? { leader: p.host === status.leader } : {}),
          pid: p.pid,
          restarts: p.restarts,
          started: p.startedWallMs === 0n ? null : new Date(Number(p.startedWallMs)).toISOString(),
          pss_kib: Number(p.pssKib),
        }));
        const value = {
          name: status.name,
          driver: status.driver,
          profile: status.profile,
          ready: status.ready,
          pid: lab.pid,
          api: status.api,
          leader: status.leader === '' ? null : status.leader,
          state_dir: status.stateDir,
          kubeconfig: lab.paths.kubeconfig,
          nodes: status.hosts
            .filter((h) => h.role === 'node')
            .map((h) => ({ name: h.name, ip: h.lanIp, control_ip: h.controlIp, up: h.up })),
          hosts: status.hosts.map((h) => ({
            name: h.name,
            role: h.role,
            ip: h.lanIp,
            control_ip: h.controlIp,
            up: h.up,
          })),
          processes,
        };
        print(flags.output, value, () => {
          const pss = processes.reduce((sum, p) => sum + p.pss_kib, 0) / 1024;
          const rows = status.processes.map((p) => [
            p.component,
            p.host,
            p.component === 'controller' && p.host === status.leader ? `${p.state}, leads` : p.state,
            String(p.restarts),
            p.pid === 0 ? '-' : age(Number(p.startedWallMs)),
            `${(Number(p.pssKib) / 1024).toFixed(0)}Mi`,
          ]);
          return [
            `Lab ${status.name} (${status.driver}, ${status.profile}), API ${status.api}, pid ${lab.pid}, memory ${pss.toFixed(0)} MiB`,
            table(['PROCESS', 'HOST', 'STATE', 'RESTARTS', 'AGE', 'PSS'], rows),
          ].join('\n');
        });
      }),
    );
}
