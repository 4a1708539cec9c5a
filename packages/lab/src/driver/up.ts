/** Bringing a lab up and down (netns driver). */
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { LabConfig } from '@svclab/core';
import { systemClock } from '@svclab/runtime';
import type { StatusResponse } from '@svclab/wire';
import { connectLab, type LabConnection, livingPid, startTimeOf } from '../client/connect.ts';
import { requireEnvironment } from '../doctor/doctor.ts';
import { installedClusterDoubt } from '../doctor/nats-version.ts';
import { type LabRequest, planLab } from '../plan/plan.ts';
import { removeState, reserve, stateKind } from '../state/claim.ts';
import { badInput, environmentError, LabError } from '../state/errors.ts';
import { writeLabFiles } from '../state/lab-files.ts';
import { type LabPaths, labPaths } from '../state/paths.ts';
import { programPath } from '../state/programs.ts';
import { clusterProblem } from './cluster-ready.ts';

/** How `up` talks while it works. */
export type Progress = (line: string) => void;

export interface UpOptions extends LabRequest {
  /** Where labs keep their state. */
  readonly root: string;
  /** Port of the API on 127.0.0.1; 0 takes a free one. */
  readonly apiPort: number;
  readonly progress: Progress;
  /** Longest wait for the lab to be ready, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Build the image anew (docker driver). */
  readonly build?: boolean;
}

const POLL_MS = 25;

/** Starts a lab and waits until it is ready. On failure nothing of it is left running. Fails with a LabError. */
export async function up(options: UpOptions): Promise<LabConnection> {
  const paths = labPaths(options.root, options.name);
  const lab = planLab(options);
  const release = reserve(paths, options.name);
  try {
    return await start(options, lab, paths);
  } finally {
    release();
  }
}

async function start(options: UpOptions, lab: LabConfig, paths: LabPaths): Promise<LabConnection> {
  if (livingPid(paths))
    throw badInput(
      `Lab "${options.name}" is already running: stop it with "svclab down --name ${options.name}", or choose another --name`,
    );
  requireEnvironment();
  const doubt = options.ha ? installedClusterDoubt(process.env.PATH) : undefined;
  if (doubt) options.progress(doubt);
  const sockets = await openApiSockets(lab, options.apiPort);
  try {
    const apis = sockets.map((s) => `https://127.0.0.1:${(s.address() as { port: number }).port}`);
    await prepareState(lab, paths, apis);
    options.progress(`Starting lab ${options.name}: ${options.nodes} nodes, profile ${options.profile}`);
    await launch(lab, paths, sockets, apis[0] ?? '');
  } finally {
    for (const socket of sockets) socket.close();
  }
  try {
    return await waitReady(options, paths);
  } catch (error) {
    await down(options.root, options.name, { force: true });
    throw error;
  }
}

/** One listening socket for each controller: the first on `port`, the others on free ones. */
async function openApiSockets(lab: LabConfig, port: number): Promise<Server[]> {
  const sockets: Server[] = [];
  try {
    for (const { role } of lab.hosts) if (role === 'controller') sockets.push(await listen(sockets.length ? 0 : port));
    return sockets;
  } catch (error) {
    for (const socket of sockets) socket.close();
    throw error;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? environmentError(
              `Port ${port} of 127.0.0.1 is taken: give another with --api-port, or leave it out for a free one`,
              error,
            )
          : environmentError(`Port ${port} of 127.0.0.1 cannot be opened: ${error.message}`, error),
      ),
    );
    server.listen({ host: '127.0.0.1', port, backlog: 511 }, () => resolve(server));
  });
}

/** Fresh state: what an earlier lab of the name left is removed. */
async function prepareState(lab: LabConfig, paths: LabPaths, apis: readonly string[]): Promise<void> {
  removeState(paths, lab.name);
  try {
    mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw environmentError(
      `State directory ${paths.dir} cannot be made: ${(error as Error).message} (set SVCLAB_STATE_DIR to one you may write)`,
      error,
    );
  }
  await writeLabFiles(lab, paths, apis);
}

/** Unshares the lab's namespaces and starts the supervisor as their first process. */
async function launch(lab: LabConfig, paths: LabPaths, sockets: readonly Server[], api: string): Promise<void> {
  const log = openSync(paths.supervisorLog, 'a', 0o600);
  const descriptorOf = (socket: Server): number | undefined =>
    (socket as unknown as { _handle?: { fd: number } })._handle?.fd;
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-current-user', '--keep-caps'];
  const child = spawn(
    'unshare',
    [
      ...user,
      ...['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--'],
      ...[process.execPath, '--max-semi-space-size=4', programPath('supervisor'), paths.dir, api],
    ],
    {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log, ...sockets.map((s) => descriptorOf(s) ?? ('ignore' as const))],
    },
  );
  let failure: Error | undefined;
  let ended = false;
  child.once('error', (error) => {
    failure = error;
  });
  child.once('exit', () => {
    ended = true;
  });
  child.unref();
  for (;;) {
    if (failure) throw environmentError(`Program unshare cannot be run: ${failure.message}`, failure);
    if (ended) throw environmentError(`The lab's first process ended at once: ${lastLines(paths.supervisorLog, 3)}`);
    const pid = child.pid === undefined ? undefined : firstChild(child.pid);
    const startTime = pid === undefined ? undefined : startTimeOf(pid);
    if (pid !== undefined && startTime !== undefined) {
      writeFileSync(paths.pid, JSON.stringify({ pid, startTime, launcher: child.pid, lab: lab.name }));
      return;
    }
    await pause(2);
  }
}

function firstChild(pid: number): number | undefined {
  try {
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0];
    return first ? Number(first) : undefined;
  } catch {
    return undefined;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => systemClock.after(ms, resolve));

async function waitReady(options: UpOptions, paths: LabPaths): Promise<LabConnection> {
  const deadline = performance.now() + options.timeoutMs;
  let said = '';
  let lab: LabConnection | undefined;
  for (;;) {
    options.signal?.throwIfAborted();
    if (!livingPid(paths))
      throw environmentError(`The lab ended while it started: ${lastLines(paths.supervisorLog, 5)}`);
    lab ??= connectLab(options.root, options.name);
    const status = await lab.service.status({ skipMemory: true }, { timeoutMs: 2000 }).catch(() => undefined);
    const problem =
      status === undefined ? 'the supervisor' : (processProblem(status) ?? (await clusterProblem(lab, status.api)));
    if (problem === undefined) return lab;
    if (performance.now() > deadline) {
      lab.close();
      throw environmentError(
        `The lab was not ready in ${Math.round(options.timeoutMs / 1000)} s: still waiting for ${problem}${blame(status, paths)}`,
      );
    }
    if (problem !== said) options.progress(`Waiting for ${problem}`);
    said = problem;
    await pause(POLL_MS);
  }
}

function processProblem(status: StatusResponse): string | undefined {
  const waiting = status.processes.filter((p) => p.state !== 'ready').map((p) => `${p.component}@${p.host}`);
  return waiting.length === 0 ? undefined : `${waiting.length} of ${status.processes.length} processes`;
}

/** The last words of a process that is not ready. */
function blame(status: StatusResponse | undefined, paths: LabPaths): string {
  const bad = status?.processes.find((p) => p.state !== 'ready');
  if (!bad) return '';
  return `\n${bad.component}@${bad.host} says: ${lastLines(join(paths.logs, `${bad.component}@${bad.host}.log`), 5)}`;
}

function lastLines(path: string, count: number): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-count).join('\n') || 'nothing';
  } catch {
    return 'nothing';
  }
}

/**
 * Ends a lab and removes its state. `force` kills its first process at once.
 * Fails with a LabError (bad input) when no such lab runs and it left no state either.
 */
export async function down(root: string, name: string, options: { force?: boolean } = {}): Promise<void> {
  const paths = labPaths(root, name);
  const living = livingPid(paths);
  if (!living && stateKind(paths, name) === 'none') throw badInput(`Lab "${name}" does not run and has no state`);
  if (living) {
    if (!options.force) await askDown(root, name);
    const deadline = performance.now() + (options.force ? 0 : 5000);
    while (livingPid(paths) && performance.now() < deadline) await pause(10);
    if (livingPid(paths)) process.kill(living.pid, 'SIGKILL');
    while (livingPid(paths)) await pause(5);
  }
  removeState(paths, name);
}

async function askDown(root: string, name: string): Promise<void> {
  const lab = connectLab(root, name);
  try {
    await lab.service.down({}, { timeoutMs: 2000 });
  } catch (error) {
    if (error instanceof LabError) throw error;
    // It does not answer; the caller kills it.
  } finally {
    lab.close();
  }
}
