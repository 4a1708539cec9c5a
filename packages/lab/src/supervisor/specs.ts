import { join } from 'node:path';
import { ENV, type HostSpec, type LabConfig } from '@svclab/core';
import type { LabPaths } from '../state/paths.ts';
import { programPath } from '../state/programs.ts';
import { COMPONENTS, type LabSecrets } from '../state/secrets.ts';
import type { ProcessSpec } from './managed-process.ts';

/** Small heaps: a lab is many processes, few of which hold or make much. */
const NODE_FLAGS = ['--max-old-space-size=256'];
/** Young generation, MiB: where much is made and dropped (requests, responses), a larger one collects less often. */
const SEMI_SPACE: Readonly<Record<string, number>> = { controller: 8, 'pod-host': 4 };

/** Descriptor of the API's listening socket: in the supervisor, and in the controller. */
export const API_FD = 3;

/** What runs on a host. */
export function processSpecs(
  host: HostSpec,
  options: { lab: LabConfig; paths: LabPaths; secrets: LabSecrets; path: string },
): ProcessSpec[] {
  return COMPONENTS[host.role].map((component) =>
    component === 'nats-server' ? natsSpec(host, options) : serviceSpec(component, host, options),
  );
}

function natsSpec(host: HostSpec, { paths, path }: { paths: LabPaths; path: string }): ProcessSpec {
  return {
    component: 'nats-server',
    host: host.name,
    command: 'nats-server',
    args: ['-c', natsConfigPath(paths, host.name)],
    env: { PATH: path, GOMAXPROCS: '2', GOMEMLIMIT: '64MiB' },
    readyFile: undefined,
    logFile: join(paths.logs, `nats-server@${host.name}.log`),
  };
}

/** Where the server's configuration is written. */
export function natsConfigPath(paths: LabPaths, host: string): string {
  return join(paths.run, host, 'nats.conf');
}

function serviceSpec(
  component: string,
  host: HostSpec,
  { lab, paths, secrets, path }: { lab: LabConfig; paths: LabPaths; secrets: LabSecrets; path: string },
): ProcessSpec {
  const user = secrets.busUsers.find((u) => u.role === component && u.host === host.name);
  const runDir = join(paths.run, host.name);
  return {
    component,
    host: host.name,
    command: process.execPath,
    args: [...NODE_FLAGS, `--max-semi-space-size=${SEMI_SPACE[component] ?? 1}`, programPath(component)],
    env: {
      PATH: path,
      [ENV.config]: paths.config,
      [ENV.host]: host.name,
      [ENV.busUser]: user?.user ?? '',
      [ENV.busPassword]: user?.password ?? '',
      [ENV.token]: secrets.token,
      [ENV.runDir]: runDir,
      [ENV.logLevel]: 'info',
      ...(component === 'controller' ? { [ENV.pkiDir]: paths.pki, [ENV.apiFd]: String(API_FD) } : {}),
      SVCLAB_LAB: lab.name,
    },
    readyFile: join(runDir, `${component}.ready`),
    logFile: join(paths.logs, `${component}@${host.name}.log`),
    ...(component === 'controller' ? { passFd: API_FD } : {}),
  };
}
