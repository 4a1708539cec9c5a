/** The supervisor of a lab in network namespaces: hosts, processes, faults, the timeline, LabService. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type LabConfig, PORTS, SUBJECTS } from '@svclab/core';
import {
  connectBus,
  createLogger,
  decodeTimelineEvent,
  type Logger,
  reapOrphans,
  serveGrpc,
  systemClock,
} from '@svclab/runtime';
import { LabServiceDefinition } from '@svclab/wire';
import { supervisorIP } from '../plan/plan.ts';
import { writeNatsConfigs } from '../state/lab-files.ts';
import type { LabPaths } from '../state/paths.ts';
import { readSecrets } from '../state/secrets.ts';
import { Lab } from './lab.ts';
import { LeaderView } from './leader.ts';
import { serveLabMetrics } from './metrics.ts';
import { labService } from './service.ts';
import { TimelineLog } from './timeline-log.ts';
import { VipView } from './vips.ts';

/** How often inherited zombies are looked for, and whether nats-server listens, ms. */
const REAP_MS = 1000;
const NATS_POLL_MS = 20;
/** How long the answer to `down` may take to leave, ms. */
const DOWN_MS = 20;

/** What the supervisor is started with. Configuration and secrets are read from `paths`. */
export interface SupervisorOptions {
  readonly paths: LabPaths;
  /** Where clients find the API, `https://127.0.0.1:PORT`. */
  readonly api: string;
  /** Descriptors of the controllers' listening sockets, when they are not the usual ones. */
  readonly apiFds?: readonly number[];
}

/** A supervisor that serves. */
export interface Supervisor {
  readonly lab: Lab;
  readonly log: Logger;
}

const clock = systemClock;

/** Starts the lab and serves it. Resolves when LabService answers; the processes are then still starting. SIGTERM and SIGINT end all. */
export async function runSupervisor({ paths, api, apiFds }: SupervisorOptions): Promise<Supervisor> {
  const log = createLogger({ component: 'supervisor', host: 'lab' });
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (err) => {
      log.fatal({ event: 'fatal', err });
      process.exit(1);
    });
  const lab = JSON.parse(readFileSync(paths.config, 'utf8')) as LabConfig;
  const secrets = readSecrets(paths.secrets);
  const timeline = new TimelineLog(paths.timeline, clock);
  const running = new Lab({
    ...{ lab, paths, secrets, clock, log, timeline },
    path: `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`,
    ...(apiFds === undefined ? {} : { apiFds }),
  });
  const end = ending(running, timeline, log);
  running.prepare();
  writeNatsConfigs(paths, lab, secrets);
  running.start();
  const leader = new LeaderView(lab);
  const vips = new VipView(
    {
      get hosts() {
        return running.options.lab.hosts;
      },
    },
    secrets.token,
  );
  await serveGrpc({ listen: `unix:${paths.socket}`, token: secrets.token, log, patient: true }, [
    [LabServiceDefinition, labService({ lab: running, vips, leader, api, down: () => clock.after(DOWN_MS, end) })],
  ]);
  clock.every(REAP_MS, () => reapOrphans((pid) => running.isOwnPid(pid)));
  watchNats(running, lab);
  void followBus(running, timeline, leader);
  return { lab: running, log };
}

/** Ends everything in order; the exit of this process ends the rest. */
function ending(running: Lab, timeline: TimelineLog, log: Logger): () => void {
  let begun = false;
  const end = (): void => {
    if (begun) return;
    begun = true;
    log.info({ event: 'stopping' });
    void running
      .stop()
      .then(() => timeline.close())
      .then(() => process.exit(0));
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  return end;
}

/** Takes what the processes stamp into the timeline, and serves the lab's metrics. */
async function followBus(running: Lab, timeline: TimelineLog, leader: LeaderView): Promise<void> {
  const { lab, secrets, log } = running.options;
  const user = secrets.busUsers.find((u) => u.role === 'supervisor');
  const bus = await connectBus({
    servers: lab.natsServers,
    user: user?.user ?? '',
    password: user?.password ?? '',
    name: 'supervisor',
    log,
    wait: true,
  });
  leader.attach(bus);
  bus.subscribe(SUBJECTS.all.timeline, (payload) => timeline.add(decodeTimelineEvent(payload)));
  await serveLabMetrics({
    lab,
    bus,
    log,
    view: {
      hosts: () => running.hosts.map(({ spec, netns }) => ({ spec, up: netns !== undefined })),
      processes: () =>
        running.processes.map(({ spec, state, restarts }) => ({
          component: spec.component,
          host: spec.host,
          ready: state === 'ready',
          restarts,
        })),
      events: () => timeline.counts,
    },
  });
  log.info({ event: 'ready' });
}

/** nats-server writes no ready file: it serves when its port answers. */
function watchNats(running: Lab, lab: LabConfig): void {
  clock.every(NATS_POLL_MS, () => {
    for (const process of running.processes) {
      if (process.spec.component !== 'nats-server' || process.state !== 'starting') continue;
      const host = lab.hosts.find((h) => h.name === process.spec.host);
      const socket = connect({ host: host?.controlIP ?? supervisorIP(lab), port: PORTS.nats });
      socket.on('connect', () => {
        process.markReady();
        socket.destroy();
      });
      socket.on('error', () => socket.destroy());
    }
  });
}
