/** The files that say what a lab is (netns driver): its description, its secrets, and what its nats-servers are started with. */
import { join } from 'node:path';
import type { LabConfig } from '@svclab/core';
import { createPki, writeKubeconfig } from '@svclab/runtime';
import { natsConfigOf } from '../plan/nats-config.ts';
import { natsConfigPath } from '../supervisor/specs.ts';
import type { LabPaths } from './paths.ts';
import { createSecrets, type LabSecrets, writeSecrets } from './secrets.ts';
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

/**
 * Writes what a lab in network namespaces is started with: its description, fresh secrets, the API's certificate, a kubeconfig.
 * The directory must be there.
 * @param apis where clients find the API, `https://127.0.0.1:PORT`, one for each controller
 * @param options.names further names the API's certificate stands for
 * @param options.token bearer token of the lab's own services; a random one when left out
 */
export async function writeLabFiles(
  lab: LabConfig,
  paths: LabPaths,
  apis: readonly string[],
  options: { readonly names?: readonly string[]; readonly token?: string } = {},
): Promise<LabSecrets> {
  const fresh = createSecrets(lab);
  const secrets = options.token === undefined ? fresh : { ...fresh, token: options.token };
  writeLabConfig(paths.config, lab);
  writeSecrets(paths.secrets, secrets);
  const caPem = await createPki(paths.pki, {
    names: [
      'localhost',
      ...(options.names ?? []),
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${lab.domain}`,
    ],
    ips: ['127.0.0.1', ...lab.hosts.flatMap((h) => (h.role === 'controller' && h.controlIP ? [h.controlIP] : []))],
    token: secrets.apiToken,
  });
  const [server = '', ...others] = apis;
  const name = `svclab-${lab.name}`;
  writeKubeconfig(paths.kubeconfig, { server, others, caPem, token: secrets.apiToken, name });
  return secrets;
}
