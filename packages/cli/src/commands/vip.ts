import type { Command } from 'commander';
import { age, print, table, withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption, outputOption } from '../options.ts';

/** `svclab vip [NAMESPACE/SERVICE]`. */
export function addVip(parent: Command): void {
  parent
    .command('vip')
    .description('who owns each external address, why, since when, and who is next')
    .argument('[service]', 'NAMESPACE/SERVICE; all when left out')
    .addOption(nameOption())
    .addOption(driverOption())
    .addOption(outputOption())
    .action((service: string | undefined, flags: LabFlags & { output: string }) =>
      withLab(flags, async (lab) => {
        const { badInput } = await import('@svclab/lab');
        const { vips } = await lab.service.vips({});
        const chosen = vips.filter(
          (v) => service === undefined || `${v.namespace}/${v.service}` === service || v.service === service,
        );
        if (service !== undefined && chosen.length === 0)
          throw badInput(
            `Service "${service}" has no announced address: ${vips.length === 0 ? 'no Service has one' : `these have: ${vips.map((v) => `${v.namespace}/${v.service}`).join(', ')}`}`,
          );
        const rows = chosen.map((v) => ({
          vip: v.vip,
          namespace: v.namespace,
          service: v.service,
          owner: v.owner,
          reason: v.reason,
          since: v.sinceWallMs === 0n ? null : new Date(Number(v.sinceWallMs)).toISOString(),
          next: v.next,
          announcing: v.announcing,
        }));
        print(flags.output, rows, () =>
          table(
            ['VIP', 'SERVICE', 'OWNER', 'REASON', 'SINCE', 'NEXT', 'ANNOUNCING'],
            rows.map((r) => [
              r.vip,
              `${r.namespace}/${r.service}`,
              r.owner || '<none>',
              r.reason,
              r.since === null ? '-' : age(Date.parse(r.since)),
              r.next.join(',') || '-',
              r.announcing.join(',') || '-',
            ]),
          ),
        );
      }),
    );
}
