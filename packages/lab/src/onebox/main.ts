/**
 * A whole lab in one container: `node lab-in-one.js`, the container's first process, is the lab's supervisor. Every host is a network
 * namespace inside; nothing is mounted and nothing is privileged. Needs root with Docker's default capabilities plus NET_ADMIN, NET_RAW and SYS_ADMIN.
 *
 * Settings as in compose.yaml: SVCLAB_NODES, SVCLAB_PROFILE, SVCLAB_SET, SVCLAB_LAN, SVCLAB_CONTROL; SVCLAB_TOKEN is the token of the
 * endpoint (a random one when left out). Listens on 6443 (Kubernetes API) and 7704 (endpoint). Once the lab serves there is a log line
 * with `"event":"lab-ready"` and the file /run/svclab/healthy. SIGTERM ends it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { PORTS } from '@svclab/core';
import { listeningFd, systemClock } from '@svclab/runtime';
import { connectLab, type LabConnection, startTimeOf } from '../client/connect.ts';
import { HEALTHY_FILE } from '../container/files.ts';
import { readSettings } from '../container/prepare.ts';
import { clusterProblem } from '../driver/cluster-ready.ts';
import { LabError } from '../state/errors.ts';
import { writeLabFiles } from '../state/lab-files.ts';
import { type LabPaths, labPaths, stateRoot } from '../state/paths.ts';
import { runSupervisor, type Supervisor } from '../supervisor/run-supervisor.ts';
import { API_PORT } from '../supervisor/specs.ts';
import { Dialer } from './dial.ts';
import { endpoint } from './endpoint.ts';
import { KubeClient } from './kube-client.ts';
import { Measurements } from './measurements.ts';
import { requireCapabilities } from './privileges.ts';
import { routes } from './routes.ts';

/** How often it is looked whether the lab serves, ms. */
const POLL_MS = 25;
/** Shortest token, characters. */
const TOKEN_LENGTH = 16;

const clock = systemClock;

/** Opens the API's port and lets go of it but for its descriptor: the controller accepts. */
function openApi(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '0.0.0.0', port: API_PORT, backlog: 511 }, () => {
      const fd = listeningFd(server);
      server.close(() => resolve(fd));
    });
  });
}

async function serve(supervisor: Supervisor, paths: LabPaths, root: string, api: string): Promise<LabConnection> {
  const lab = connectLab(root, supervisor.lab.options.lab.name);
  const { secrets, config } = lab;
  const kube = new KubeClient({
    api,
    caPem: readFileSync(`${paths.pki}/ca.crt`, 'utf8'),
    token: secrets.apiToken,
  });
  const dialer = new Dialer(supervisor.lab, config, kube);
  const server = endpoint({
    token: secrets.token,
    dialer,
    log: supervisor.log,
    routes: routes({ lab, config, kube, dialer, measurements: new Measurements(lab, clock) }),
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '0.0.0.0', port: PORTS.endpoint }, () => resolve());
  });
  return lab;
}

/** Says it when the lab serves, and keeps the health file true afterwards. */
function watchReady({ lab, log }: Supervisor, connection: LabConnection, api: string): void {
  const began = clock.now();
  let cluster = false;
  let healthy = false;
  const look = async (): Promise<void> => {
    const up = lab.processes.every((p) => p.state === 'ready');
    if (up && !cluster && (await clusterProblem(connection, api)) === undefined) {
      cluster = true;
      const took = Math.round(clock.now() - began);
      log.info({ event: 'lab-ready', nodes: lab.hosts.filter((h) => h.spec.role === 'node').length, took_ms: took });
    }
    const now = up && cluster;
    if (now && !healthy) writeFileSync(HEALTHY_FILE, '');
    if (!now && healthy) rmSync(HEALTHY_FILE, { force: true });
    healthy = now;
  };
  const again = (): void => {
    void look().then(() => clock.after(cluster ? POLL_MS * 10 : POLL_MS, again));
  };
  again();
}

async function main(): Promise<void> {
  rmSync(HEALTHY_FILE, { force: true });
  requireCapabilities(readFileSync('/proc/self/status', 'utf8'));
  const token = process.env.SVCLAB_TOKEN;
  if (token && token.length < TOKEN_LENGTH)
    throw new LabError(`SVCLAB_TOKEN has ${token.length} characters: give ${TOKEN_LENGTH} or more`, 2);
  const { lab } = readSettings(process.env, { driver: 'netns', name: 'lab' });
  const root = stateRoot(process.env);
  const paths = labPaths(root, lab.name);
  // A container that is started again begins anew: its cluster lived in its processes.
  rmSync(paths.dir, { recursive: true, force: true });
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  mkdirSync(dirname(HEALTHY_FILE), { recursive: true });
  const api = `https://127.0.0.1:${API_PORT}`;
  await writeLabFiles(lab, paths, [api], { names: [hostname()], ...(token ? { token } : {}) });
  const startTime = startTimeOf(process.pid);
  writeFileSync(paths.pid, JSON.stringify({ pid: process.pid, startTime, launcher: process.pid, lab: lab.name }));
  // Several controllers accept from one socket: whichever is there answers.
  const apiFd = await openApi();
  const apiFds = lab.hosts.filter((h) => h.role === 'controller').map(() => apiFd);
  const supervisor = await runSupervisor({ paths, api, apiFds });
  watchReady(supervisor, await serve(supervisor, paths, root, api), api);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`svclab-lab: ${error instanceof LabError ? error.message : (error as Error).stack}\n`);
  process.exit(error instanceof LabError ? error.exitCode : 1);
}
