/** Bringing a composed lab up and down through the Docker CLI. */
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { LabConfig } from '@svclab/core';
import { systemClock } from '@svclab/runtime';
import type { LabConnection } from '../client/connect.ts';
import { clusterProblem } from '../driver/cluster-ready.ts';
import type { UpOptions } from '../driver/up.ts';
import { planLab } from '../plan/plan.ts';
import { reserve } from '../state/claim.ts';
import { badInput, environmentError } from '../state/errors.ts';
import { composeArgs, composeEnv, dockerPaths, nodeIndexes } from './compose-project.ts';
import { connectDockerLab } from './connect-docker.ts';
import { containersOf } from './containers.ts';
import { docker, explain, explainUp, requireDocker } from './docker-cli.ts';

/** Port of the API on the machine's loopback when none is asked for, as in compose.yaml. */
export const DOCKER_API_PORT = 6443;

const POLL_MS = 50;

/** Starts a composed lab and waits until it is ready. On failure nothing of it is left. Fails with a LabError. */
export async function upDocker(options: UpOptions): Promise<LabConnection> {
  const lab = planLab(options);
  const paths = dockerPaths(options.root, options.name);
  requireDocker();
  const release = reserve(paths, options.name);
  try {
    const present = await containersOf(options.name);
    if (present.length > 0)
      throw badInput(
        `Lab "${options.name}" is there already (${present.length} containers): end it with "svclab down --driver docker --name ${options.name}", or choose another --name`,
      );
    return await start(options, lab);
  } finally {
    release();
  }
}

async function start(options: UpOptions, lab: LabConfig): Promise<LabConnection> {
  const { name, progress } = options;
  const apiPort = options.apiPort === 0 ? await freePort() : options.apiPort;
  const env = composeEnv(lab, options, apiPort);
  await requireImage(progress);
  progress(`Starting lab ${name}: ${nodeIndexes(lab).length} nodes, profile ${lab.profile}, in Docker`);
  const args = [
    'compose',
    ...composeArgs(options.root, lab),
    'up',
    '--wait',
    '--wait-timeout',
    String(Math.ceil(options.timeoutMs / 1000)),
  ];
  if (options.build) args.push('--build');
  let said = '';
  const done = await docker(args, {
    env,
    ...(options.signal ? { signal: options.signal } : {}),
    onLine: (line) => {
      const talk = progressOf(line);
      if (talk !== undefined && talk !== said) progress(talk);
      said = talk ?? said;
    },
  });
  try {
    options.signal?.throwIfAborted();
    if (done.code !== 0) {
      const [lan, control] = [lab.lanCIDR, lab.controlCIDR].map((c) => c.split('.').slice(0, 3).join('.')) as [
        string,
        string,
      ];
      const image = env.SVCLAB_IMAGE ?? process.env.SVCLAB_IMAGE ?? 'svclab';
      throw environmentError(explainUp(`${done.stderr}\n${await lastWords(name)}`, { apiPort, lan, control, image }));
    }
    return await waitReady(options);
  } catch (error) {
    await remove(name);
    rmSync(dockerPaths(options.root, name).dir, { recursive: true, force: true });
    throw error;
  }
}

/** Title every image of ours carries. */
const TITLE = 'svclab';

/**
 * An image the user has named must be one of ours, pulled if it is not here. Without SVCLAB_IMAGE Compose builds the project's own.
 * Fails with a LabError (environment).
 */
async function requireImage(progress: (line: string) => void): Promise<void> {
  const image = process.env.SVCLAB_IMAGE;
  if (!image) return;
  const inspect = ['image', 'inspect', '--format', '{{index .Config.Labels "org.opencontainers.image.title"}}', image];
  let found = await docker(inspect);
  if (found.code !== 0) {
    progress(`Pulling image ${image}`);
    const pulled = await docker(['pull', '--quiet', image]);
    if (pulled.code !== 0)
      throw environmentError(
        `Image ${image} of SVCLAB_IMAGE is not here and cannot be pulled: unset SVCLAB_IMAGE to build the project's own, or name another (${explain(pulled.stderr)})`,
      );
    found = await docker(inspect);
  }
  if (found.stdout.trim() !== TITLE)
    throw environmentError(
      `Image ${image} of SVCLAB_IMAGE is no image of svclab (its title is "${found.stdout.trim()}"): build one with "docker build -t ${image} -f compose/Dockerfile ."`,
    );
}

/** What of Compose's talk is worth telling. */
function progressOf(line: string): string | undefined {
  if (/^#\d+ |Building|building with/.test(line)) return 'Building the image';
  if (/Waiting$/.test(line.trim())) return 'Waiting for the containers to be healthy';
  return undefined;
}

/** A port that nobody listens on just now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** What containers that ended by themselves said last. */
async function lastWords(project: string): Promise<string> {
  const ended = (await containersOf(project)).filter((c) => c.state === 'exited');
  const [first] = ended;
  if (!first) return '';
  const log = await docker(['logs', '--tail', '3', first.id]);
  const text = `${log.stdout}${log.stderr}`.trim();
  return text === '' ? '' : `${first.service} ended and says: ${text}`;
}

async function waitReady(options: UpOptions): Promise<LabConnection> {
  const lab = await connectDockerLab(options.root, options.name);
  try {
    const { api } = await lab.service.status({ skipMemory: true });
    const deadline = systemClock.now() + options.timeoutMs;
    for (;;) {
      options.signal?.throwIfAborted();
      const problem = await clusterProblem(lab, api);
      if (problem === undefined) return lab;
      if (systemClock.now() > deadline)
        throw environmentError(
          `The lab was not ready in ${Math.round(options.timeoutMs / 1000)} s: still waiting for ${problem}`,
        );
      await new Promise<void>((resolve) => systemClock.after(POLL_MS, resolve));
    }
  } catch (error) {
    lab.close();
    throw error;
  }
}

/** Removes all of a project: containers, networks, volumes. */
async function remove(project: string): Promise<void> {
  // Profiles have containers of their own: by the project's name alone Compose finds every one.
  const done = await docker(['compose', '-p', project, 'down', '-v', '--remove-orphans', '-t', '2']);
  if (done.code !== 0) throw environmentError(`Lab "${project}" could not be removed: ${explain(done.stderr)}`);
}

/** Ends a composed lab and removes all of it. Fails with a LabError (bad input) when there is none of that name. */
export async function downDocker(root: string, name: string): Promise<void> {
  requireDocker();
  const containers = await containersOf(name);
  if (!containers.some((c) => c.service === 'supervisor'))
    throw badInput(
      containers.length === 0
        ? `Lab "${name}" is not in Docker`
        : `Project "${name}" of Docker Compose is no lab: it has no supervisor (${containers.map((c) => c.name).join(', ')})`,
    );
  await remove(name);
  rmSync(dockerPaths(root, name).dir, { recursive: true, force: true });
}
