import { join } from 'node:path';
import { ENV, type HostSpec, type LabConfig } from '@svclab/core';
import { natsFile } from '../container/files.ts';
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
/** Port of the API inside the controller's container. */
export const API_PORT = 6443;

/** What processes are started with. */
export interface SpecOptions {
  readonly lab: LabConfig;
  readonly paths: LabPaths;
  readonly secrets: LabSecrets;
  /** PATH of the lab's processes. */
  readonly path: string;
  /** This process's descriptors of the controllers' listening sockets (netns driver); {@link API_FD} and those that follow when left out. */
  readonly apiFds?: readonly number[];
}

/** What runs on a host. */
export function processSpecs(host: HostSpec, options: SpecOptions): ProcessSpec[] {
  return COMPONENTS[host.role].map((component) =>
    component === 'nats-server' ? natsSpec(host, options) : serviceSpec(component, host, options),
  );
}

function natsSpec(
  host: HostSpec,
  { lab, paths, path }: { lab: LabConfig; paths: LabPaths; path: string },
): ProcessSpec {
  return {
    component: 'nats-server',
    host: host.name,
    command: 'nats-server',
    args: ['-c', lab.driver === 'docker' ? natsFile(host.name) : natsConfigPath(paths, host.name)],
    env: { PATH: path, GOMAXPROCS: '2', GOMEMLIMIT: '64MiB' },
    readyFile: undefined,
    logFile: logFile('nats-server', host, lab, paths),
  };
}

/** Where the server's configuration is written. */
export function natsConfigPath(paths: LabPaths, host: string): string {
  return join(paths.run, host, 'nats.conf');
}

function serviceSpec(
  component: string,
  host: HostSpec,
  { lab, paths, secrets, path, apiFds }: SpecOptions,
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
      // One arena of malloc: a process has few threads, and each arena keeps what it once needed.
      MALLOC_ARENA_MAX: '1',
      [ENV.config]: paths.config,
      [ENV.host]: host.name,
      [ENV.busUser]: user?.user ?? '',
      [ENV.busPassword]: user?.password ?? '',
      [ENV.token]: secrets.token,
      [ENV.runDir]: runDir,
      [ENV.logLevel]: 'info',
      ...(component === 'controller' ? { [ENV.pkiDir]: paths.pki, ...apiSocket(lab, host) } : {}),
      SVCLAB_LAB: lab.name,
    },
    readyFile: join(runDir, `${component}.ready`),
    logFile: logFile(component, host, lab, paths),
    ...(component === 'controller' && lab.driver === 'netns'
      ? { passFd: apiFds?.[controllerIndex(host, lab)] ?? API_FD + controllerIndex(host, lab) }
      : {}),
  };
}

/** Place among the controllers, from 0: their sockets follow each other. */
function controllerIndex(host: HostSpec, lab: LabConfig): number {
  return lab.hosts.filter((h) => h.role === 'controller').findIndex((h) => h.name === host.name);
}

/** In a container the API listens for itself; in namespaces of the lab it is handed a socket of the machine's, and serves the lab on the control network. */
function apiSocket(lab: LabConfig, host: HostSpec): Record<string, string> {
  return lab.driver === 'docker'
    ? { [ENV.apiListen]: `0.0.0.0:${API_PORT}` }
    : { [ENV.apiFd]: String(API_FD), [ENV.apiListen]: `${host.controlIP}:${API_PORT}` };
}

/** A container's output is its log. */
function logFile(component: string, host: HostSpec, lab: LabConfig, paths: LabPaths): string | undefined {
  return lab.driver === 'docker' ? undefined : join(paths.logs, `${component}@${host.name}.log`);
}
