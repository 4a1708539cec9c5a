/** Making a composed lab's files. Runs each time the supervisor's container starts; what exists stays valid: secrets, certificates, added nodes. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostSpec, LabConfig } from '@svclab/core';
import { type BusUser, createPki, writeKubeconfig } from '@svclab/runtime';
import { natsConfigOf } from '../plan/nats-config.ts';
import { withNodesOf } from '../plan/nodes.ts';
import { planLab } from '../plan/plan.ts';
import { badInput } from '../state/errors.ts';
import { createSecrets, type LabSecrets } from '../state/secrets.ts';
import {
  CLIENT_FILE,
  type ClientFile,
  containerPaths,
  hostSecretsPath,
  natsFile,
  readJson,
  writeShared,
} from './files.ts';

/** What compose.yaml gives the supervisor: the settings of a lab, as text. */
export interface ContainerSettings {
  readonly lab: LabConfig;
  /** Port of the API on the machine's loopback. */
  readonly apiPort: number;
}

/** Reads the settings from the environment. Fails with a LabError that names the variable. */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  usual: { readonly driver: LabConfig['driver']; readonly name: string } = { driver: 'docker', name: 'svclab' },
): ContainerSettings {
  const number = (name: string, fallback: number): number => {
    const text = env[name] || String(fallback);
    if (!/^\d+$/.test(text)) throw badInput(`${name} is "${text}": give a whole number`);
    return Number(text);
  };
  const flag = (name: string): boolean => {
    const text = env[name] || 'false';
    if (text !== 'true' && text !== 'false') throw badInput(`${name} is "${text}": give true or false`);
    return text === 'true';
  };
  const lab = planLab({
    name: env.SVCLAB_LAB || usual.name,
    driver: usual.driver,
    profile: env.SVCLAB_PROFILE || 'realistic',
    nodes: number('SVCLAB_NODES', 3),
    set: parseSet(env.SVCLAB_SET ?? ''),
    ha: flag('SVCLAB_HA'),
    ...(env.SVCLAB_LAN ? { lan: env.SVCLAB_LAN } : {}),
    ...(env.SVCLAB_CONTROL ? { control: env.SVCLAB_CONTROL } : {}),
    ...(env.SVCLAB_POD_NETWORK ? { podNetwork: env.SVCLAB_POD_NETWORK } : {}),
  });
  return { lab, apiPort: number('SVCLAB_API_PORT', 6443) };
}

/** `membership.probeInterval=200ms,dns.ttl=1s` */
function parseSet(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split(/[,\s]+/)
      .filter((pair) => pair !== '')
      .map((pair) => {
        const at = pair.indexOf('=');
        if (at < 1) throw badInput(`SVCLAB_SET holds "${pair}": give KNOB=VALUE, separated by commas`);
        return [pair.slice(0, at), pair.slice(at + 1)];
      }),
  );
}

/** New secrets where there are none yet, for the lab and for each process; those that exist stay. */
function mergeSecrets(lab: LabConfig, before: LabSecrets | undefined): LabSecrets {
  const fresh = createSecrets(lab);
  if (!before) return fresh;
  const known = new Map(before.busUsers.map((u) => [u.user, u]));
  return {
    token: before.token,
    apiToken: before.apiToken,
    busUsers: fresh.busUsers.map((u) => known.get(u.user) ?? u),
    routePassword: before.routePassword ?? fresh.routePassword,
  };
}

/** Writes all files of the lab and returns what it now is. */
export async function prepareLab(settings: ContainerSettings): Promise<{ lab: LabConfig; secrets: LabSecrets }> {
  const paths = containerPaths();
  const lab = withNodesOf(settings.lab, readJson<LabConfig>(paths.config));
  const secrets = mergeSecrets(lab, readJson<LabSecrets>(paths.secrets));
  for (const dir of ['hosts', 'nats', 'pki']) mkdirSync(join(paths.dir, dir), { recursive: true, mode: 0o750 });
  writeShared(paths.secrets, JSON.stringify(secrets));
  const caPem = await certificate(lab, secrets);
  const server = `https://127.0.0.1:${settings.apiPort}`;
  writeKubeconfig(paths.kubeconfig, {
    server,
    others: otherServers(settings),
    caPem,
    token: secrets.apiToken,
    // As the netns driver calls it; the usual lab of compose.yaml is svclab itself.
    name: lab.name === 'svclab' ? 'svclab' : `svclab-${lab.name}`,
  });
  writeLabFiles(lab, secrets);
  return { lab, secrets };
}

/** Writes what says what the lab is, and what the processes of each host are started with. */
export function writeLabFiles(lab: LabConfig, secrets: LabSecrets): void {
  const paths = containerPaths();
  const caPem = readFileSync(join(paths.pki, 'ca.crt'), 'utf8');
  writeShared(paths.secrets, JSON.stringify(secrets));
  for (const host of lab.hosts) writeHost(lab, secrets, host);
  writeShared(paths.config, `${JSON.stringify(lab, null, 2)}\n`);
  const client: ClientFile = {
    config: lab,
    secrets: { token: secrets.token, apiToken: secrets.apiToken },
    caPem,
    kubeconfig: readFileSync(paths.kubeconfig, 'utf8'),
  };
  writeShared(CLIENT_FILE, JSON.stringify(client));
}

/** URLs of the further controllers, whose ports follow that of the first. */
function otherServers({ lab, apiPort }: ContainerSettings): readonly string[] {
  const [, ...others] = lab.hosts.filter((h) => h.role === 'controller');
  return others.map((_, i) => `https://127.0.0.1:${apiPort + 1 + i}`);
}

/** Writes what one host's processes are started with. */
function writeHost(lab: LabConfig, secrets: LabSecrets, host: HostSpec): void {
  const busUsers: readonly BusUser[] = secrets.busUsers.filter((u) => u.host === host.name);
  writeShared(hostSecretsPath(host.name), JSON.stringify({ ...secrets, apiToken: '', routePassword: '', busUsers }));
  if (host.role === 'nats')
    writeShared(natsFile(host.name), natsConfigOf(host, lab, secrets, { storeDir: containerPaths().jetstream }));
}

/** The API's certificate: made once, since a kubeconfig that was handed out must stay good. */
async function certificate(lab: LabConfig, secrets: LabSecrets): Promise<string> {
  const { pki } = containerPaths();
  const controllers = lab.hosts.filter((h) => h.role === 'controller');
  const wanted = JSON.stringify(controllers);
  const marker = join(pki, 'for.json');
  if (JSON.stringify(readJson(marker)) === wanted) return readFileSync(join(pki, 'ca.crt'), 'utf8');
  const caPem = await createPki(pki, {
    names: [
      'localhost',
      ...controllers.map((h) => h.name),
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${lab.domain}`,
    ],
    ips: ['127.0.0.1', ...controllers.flatMap((h) => h.controlIP ?? [])],
    token: secrets.apiToken,
  });
  for (const file of ['api.key', 'token', 'api.crt', 'ca.crt']) chmodSync(join(pki, file), 0o640);
  writeFileSync(marker, wanted);
  return caPem;
}
