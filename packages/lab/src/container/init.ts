/**
 * The first program of a host's container, under tini, which reaps orphans: `node host-init.js`, with SVCLAB_HOST naming the
 * host. It starts the host's processes, each of which can be killed apart, starts them again, and tells the supervisor what it sees (HostService).
 * SIGTERM ends the processes in order and then the container.
 */

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { ENV, type HostSpec, type LabConfig, PORTS } from '@svclab/core';
import { createLogger, type GrpcServer, serveGrpc, systemClock } from '@svclab/runtime';
import { HostServiceDefinition } from '@svclab/wire';
import type { LabSecrets } from '../state/secrets.ts';
import { ManagedProcess } from '../supervisor/managed-process.ts';
import { processSpecs } from '../supervisor/specs.ts';
import { containerPaths, HEALTHY_FILE, hostSecretsPath, RUN_DIR, readJson } from './files.ts';
import { HostProcesses, hostService } from './host-service.ts';
import { attachedTo, networksOf, repairs, runIp } from './interfaces.ts';
import { type Networks, Observations } from './observations.ts';

/** How often what is waited for is looked at, ms. */
const LOOK_MS = 50;
/** How often health, networks and addresses are looked at, ms. */
const TEND_MS = 100;
/** How long the news of the end takes to reach the supervisor, ms. */
const TELL_MS = 100;
/** How long processes may take their leave, ms. Docker kills the container after its stop_grace_period. */
const LEAVE_MS = 1500;

const clock = systemClock;
const name = process.env[ENV.host] ?? '';
const log = createLogger({ component: 'host-init', host: name, level: process.env[ENV.logLevel] });
const paths = containerPaths();

/** Polls until `look` gives something. */
async function wait<T>(what: string, look: () => T | undefined): Promise<T> {
  for (let told = false; ; told = true) {
    const found = look();
    if (found !== undefined) return found;
    if (!told) log.info({ event: 'waiting', reason: what });
    await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
  }
}

async function main(): Promise<void> {
  rmSync(HEALTHY_FILE, { force: true });
  let stop = (): void => process.exit(0);
  process.on('SIGTERM', () => stop());
  process.on('SIGINT', () => stop());
  if (name === '') throw new Error(`Environment variable ${ENV.host} is missing: it names the host this container is`);
  const [lab, host] = await wait(`${paths.config} to name host ${name}`, () => {
    const config = readJson<LabConfig>(paths.config);
    const spec = config?.hosts.find((h) => h.name === name);
    return config && spec && ([config, spec] as const);
  });
  const secrets = await wait(hostSecretsPath(name), () => readJson<LabSecrets>(hostSecretsPath(name)));
  mkdirSync(join(RUN_DIR, name), { recursive: true, mode: 0o700 });
  const observations = new Observations();
  const networks = tendNetworks(lab, host);

  const path = process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin';
  const processes = processSpecs(host, { lab, paths, secrets, path }).map(
    (spec) =>
      new ManagedProcess(
        spec,
        { spawn },
        {
          clock,
          events: {
            exited: (p, code, signal) => {
              log.info({ event: 'process-exited', process: p.name, code, signal });
              observations.add('exited', clock.nowNs(), {
                process: p.name,
                code: String(code ?? ''),
                signal: signal ?? '',
              });
            },
          },
        },
      ),
  );
  const all = new HostProcesses({ host, processes, clock });
  for (const p of processes) p.start();
  if (host.role === 'nats') watchNats(host, processes);
  clock.every(TEND_MS, () => tendHealth(processes));

  let tell = (): void => {};
  const state = {
    bootId: randomUUID(),
    stopping: false,
    stop: new Promise<void>((resolve) => {
      tell = resolve;
    }),
  };
  let server: GrpcServer | undefined;
  stop = () => {
    if (state.stopping) return;
    state.stopping = true;
    tell();
    log.info({ event: 'stopping' });
    rmSync(HEALTHY_FILE, { force: true });
    // Also with nothing to end it stays until the supervisor has heard why it goes.
    const told = new Promise<void>((resolve) => clock.after(TELL_MS, resolve));
    void Promise.all([told, ...processes.map((p) => p.stop(LEAVE_MS))]).then(() => process.exit(0));
  };
  const service = hostService({ state, processes: all, observations, networks, clock });
  // The control network may be missing just now: a container that was started while it was disconnected.
  while (!server) {
    try {
      server = await serveGrpc({ listen: `0.0.0.0:${PORTS.host}`, token: secrets.token, log }, [
        [HostServiceDefinition, service],
      ]);
    } catch (err) {
      log.warn({ event: 'not-listening', err });
      await new Promise<void>((resolve) => clock.after(1000, resolve));
    }
  }
  log.info({ event: 'ready' });
}

/** Looks at the networks, and mends what Docker gave back differently. Without NET_ADMIN it can only say so. */
function tendNetworks(lab: LabConfig, host: HostSpec): () => Networks {
  let told = '';
  let routed = '';
  let networks = networksOf(lab, host);
  const tend = (): void => {
    const interfaces = networkInterfaces();
    const problems = runIp(repairs(lab, host, interfaces));
    const lan = attachedTo(lab.lanCIDR, interfaces).find((a) => a.address === host.lanIP)?.name ?? '';
    // Any pool is on-link for a client, also one outside the LAN's own range.
    if (host.role === 'client' && lan !== '' && lan !== routed)
      problems.push(...runIp([['route', 'replace', 'default', 'dev', lan]]));
    networks = networksOf(lab, host, interfaces);
    routed = lan;
    const text = problems.join('; ');
    if (text !== '' && text !== told)
      log.error({
        event: 'address-not-mended',
        reason: `${text}: connect the network with --ip and the host's own address`,
      });
    told = text;
  };
  tend();
  clock.every(TEND_MS, tend);
  return () => networks;
}

/** Says to the container's health check whether everything serves. */
function tendHealth(processes: readonly ManagedProcess[]): void {
  if (processes.every((p) => p.state === 'ready')) writeFileSync(HEALTHY_FILE, '');
  else rmSync(HEALTHY_FILE, { force: true });
}

/** nats-server writes no ready file: it serves when its port answers. */
function watchNats(host: HostSpec, processes: readonly ManagedProcess[]): void {
  clock.every(LOOK_MS, () => {
    for (const p of processes) {
      if (p.state !== 'starting') continue;
      const socket = connect({ host: host.controlIP ?? '127.0.0.1', port: PORTS.nats });
      socket.on('connect', () => {
        p.markReady();
        socket.destroy();
      });
      socket.on('error', () => socket.destroy());
    }
  });
}

try {
  await main();
} catch (err) {
  log.fatal({ event: 'fatal', err });
  process.exit(2);
}
