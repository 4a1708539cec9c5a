/** Connecting to a composed lab, however it was started: through the Docker CLI from the machine, or from a container of the lab. */

import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PORTS } from '@svclab/core';
import { type GrpcClient, grpcClient, systemClock } from '@svclab/runtime';
import { type ExecResponse, type HostExecRequest, LabServiceDefinition } from '@svclab/wire';
import type { LabConnection, LabPrograms } from '../client/connect.ts';
import { CLIENT_FILE, type ClientFile, LAB_SOCKET } from '../container/files.ts';
import { supervisorIP } from '../plan/plan.ts';
import { badInput, environmentError } from '../state/errors.ts';
import type { LabPaths } from '../state/paths.ts';
import { hostExec } from '../supervisor/host-exec.ts';
import { API_PORT } from '../supervisor/specs.ts';
import { dockerPaths } from './compose-project.ts';
import { composedLabs, containersOf, type LabContainer } from './containers.ts';
import { dockerOk } from './docker-cli.ts';
import { withDockerFaults } from './docker-faults.ts';
import { withDockerNodes } from './docker-nodes.ts';
import { openTunnel } from './tunnel.ts';

type LabService = GrpcClient<typeof LabServiceDefinition>;

/** Where programs are in a container of the lab. */
const PROGRAMS: LabPrograms = {
  prober: ['svclab-prober'],
  loadHost: ['svclab-load'],
  scratch: '/tmp',
};

/** Connects to a running composed lab. Fails with a LabError that says which ones run, or how to start one. */
export async function connectDockerLab(root: string, name: string): Promise<LabConnection> {
  const paths = dockerPaths(root, name);
  const containers = await containersOf(name);
  const supervisor = containers.find((c) => c.service === 'supervisor');
  if (supervisor?.state !== 'running') throw notRunning(name, supervisor, await composedLabs());
  const text = await dockerOk(['exec', supervisor.id, 'cat', CLIENT_FILE], `Lab "${name}" has no description yet`);
  const client = JSON.parse(text) as ClientFile;
  keep(paths, client);
  const tunnel = await openTunnel(supervisor.id, LAB_SOCKET);
  const service = grpcClient(LabServiceDefinition, `unix:${tunnel.path}`, {
    token: client.secrets.token,
    service: 'svclab-cli',
    patient: true,
  });
  return {
    ...described(name, paths, client),
    service: withDockerNodes(withDockerFaults(service, root, client.config), root, client.config),
    close() {
      service.close();
      tunnel.close();
    },
  };
}

function notRunning(name: string, supervisor: LabContainer | undefined, others: readonly string[]): Error {
  if (supervisor)
    return badInput(
      `Lab "${name}" has a supervisor that is ${supervisor.state}: bring it back with "docker ${supervisor.state === 'paused' ? 'unpause' : 'start'} ${supervisor.name}"`,
    );
  const instead =
    others.length > 0
      ? `these do: ${others.join(', ')} (choose with --name)`
      : 'start it with "svclab up --driver docker" or "docker compose -f compose/compose.yaml up --wait"';
  return badInput(`Lab "${name}" does not run in Docker: ${instead}`);
}

/** Keeps what other programs want as files: kubectl its kubeconfig, readers of the API its certificate. */
function keep(paths: LabPaths, client: ClientFile): void {
  try {
    mkdirSync(paths.pki, { recursive: true, mode: 0o700 });
    writeFileSync(join(paths.pki, 'ca.crt'), client.caPem);
    writeFileSync(paths.kubeconfig, client.kubeconfig, { mode: 0o600 });
    chmodSync(paths.kubeconfig, 0o600);
    writeFileSync(paths.config, `${JSON.stringify(client.config, null, 2)}\n`);
  } catch (error) {
    throw environmentError(
      `State directory ${paths.dir} cannot be written: ${(error as Error).message} (set SVCLAB_STATE_DIR to one you may write)`,
      error,
    );
  }
}

function described(name: string, paths: LabPaths, client: ClientFile): Omit<LabConnection, 'service' | 'close'> {
  return {
    name,
    paths,
    config: client.config,
    secrets: { ...client.secrets, busUsers: [], routePassword: '' },
    pid: 0,
    local: false,
    programs: PROGRAMS,
  };
}

/**
 * Connects from inside a container of the lab that shares the client host's network: what is run "on the client host" runs in this
 * container. Fails with a LabError when this is no container of a lab.
 */
export function connectFromInside(root: string): LabConnection {
  let client: ClientFile;
  try {
    client = JSON.parse(readFileSync(CLIENT_FILE, 'utf8')) as ClientFile;
  } catch (error) {
    throw environmentError(`This is no container of a lab: ${(error as Error).message}`, error);
  }
  const { config } = client;
  const paths = dockerPaths(root, config.name);
  keep(paths, client);
  const service = grpcClient(LabServiceDefinition, `${supervisorIP(config)}:${PORTS.lab}`, {
    token: client.secrets.token,
    service: 'svclab-cli',
    patient: true,
  });
  const exec = (requests: AsyncIterable<HostExecRequest>): AsyncIterable<ExecResponse> => {
    const launch = (start: { command: string[]; env: Record<string, string> }) => {
      const [command = '', ...args] = start.command;
      return spawn(command, args, {
        env: { ...process.env, ...start.env },
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
      });
    };
    return hostExec({ clock: systemClock, launch }, requests, new AbortController().signal);
  };
  // The machine's loopback is not this container's: the API is asked where it listens.
  const controller = config.hosts.find((h) => h.role === 'controller')?.controlIP;
  const status: LabService['status'] = async (request, options) => ({
    ...(await service.status(request, options)),
    api: `https://${controller}:${API_PORT}`,
  });
  return {
    ...described(config.name, paths, client),
    service: Object.assign(Object.create(service) as LabService, { exec, status }),
    close: () => service.close(),
  };
}
