/** The files that say what a lab is (netns driver): its description, its secrets, and what its nats-servers are started with. */
import { join } from 'node:path';
import type { LabConfig } from '@svclab/core';
import { natsConfigOf } from '../plan/nats-config.ts';
import { natsConfigPath } from '../supervisor/specs.ts';
import type { LabPaths } from './paths.ts';
import { type LabSecrets, writeSecrets } from './secrets.ts';
import { writeWhole } from './write-whole.ts';

/** Writes the description of a lab, `lab.json`. */
export function writeLabConfig(path: string, lab: LabConfig): void {
  writeWhole(path, `${JSON.stringify(lab, null, 2)}\n`);
}

/** Writes the configuration of each nats-server. */
export function writeNatsConfigs(paths: LabPaths, lab: LabConfig, secrets: LabSecrets): void {
  for (const host of lab.hosts.filter((h) => h.role === 'nats'))
    writeWhole(
      natsConfigPath(paths, host.name),
      natsConfigOf(host, lab, secrets, { storeDir: join(paths.jetstream, host.name) }),
      0o600,
    );
}

/** Writes all of it after a change. The description comes last: whoever reads it finds the rest. */
export function writeLab(paths: LabPaths, lab: LabConfig, secrets: LabSecrets): void {
  writeSecrets(paths.secrets, secrets);
  writeNatsConfigs(paths, lab, secrets);
  writeLabConfig(paths.config, lab);
}
