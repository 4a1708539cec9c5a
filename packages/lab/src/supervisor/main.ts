/**
 * The lab's first process, PID 1 of its namespaces: `node main.js STATE_DIR API_URL`, with the controllers' listening sockets as descriptors 3 and up,
 * the first of which is the URL's.
 * Its end is the lab's end: the kernel then removes every process, interface and mount of it.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname } from 'node:path';
import { type LabConfig, PORTS, SUBJECTS } from '@svclab/core';
import { connectBus, createLogger, decodeTimelineEvent, reapOrphans, serveGrpc, systemClock } from '@svclab/runtime';
import { LabServiceDefinition } from '@svclab/wire';
import { supervisorIP } from '../plan/plan.ts';
import { writeNatsConfigs } from '../state/lab-files.ts';
import { labPaths } from '../state/paths.ts';
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

const [dir = '', api = ''] = process.argv.slice(2);
const paths = labPaths(dirname(dir), basename(dir));
const log = createLogger({ component: 'supervisor', host: 'lab' });
const clock = systemClock;
const lab = JSON.parse(readFileSync(paths.config, 'utf8')) as LabConfig;
const secrets = readSecrets(paths.secrets);
const timeline = new TimelineLog(paths.timeline, clock);
const running = new Lab({
  lab,
  paths,
  secrets,
  clock,
  log,
  timeline,
  path: `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`,
});

process.on('uncaughtException', (err) => {
  log.fatal({ event: 'fatal', err });
  process.exit(1);
});
process.on('unhandledRejection', (err) => {
  log.fatal({ event: 'fatal', err });
  process.exit(1);
});

let ending = false;
/** Ends everything in order; the exit of this process ends the rest. */
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  log.info({ event: 'stopping' });
  await running.stop();
  await timeline.close();
  process.exit(0);
}
process.on('SIGTERM', () => void end());
process.on('SIGINT', () => void end());

running.prepare();
writeNatsConfigs(paths, lab, secrets);
running.start();
const leader = new LeaderView(timeline);
const vips = new VipView(
  {
    get hosts() {
      return running.options.lab.hosts;
    },
  },
  secrets.token,
);
await serveGrpc({ listen: `unix:${paths.socket}`, token: secrets.token, log }, [
  [
    LabServiceDefinition,
    labService({ lab: running, vips, leader, api, down: () => clock.after(20, () => void end()) }),
  ],
]);
clock.every(REAP_MS, () => reapOrphans((pid) => running.isOwnPid(pid)));
watchNats();

const user = secrets.busUsers.find((u) => u.role === 'supervisor');
const bus = await connectBus({
  servers: lab.natsServers,
  user: user?.user ?? '',
  password: user?.password ?? '',
  name: 'supervisor',
  log,
  wait: true,
});
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
bus.subscribe(SUBJECTS.all.timeline, (payload) => timeline.add(decodeTimelineEvent(payload)));
log.info({ event: 'ready' });

/** nats-server writes no ready file: it serves when its port answers. */
function watchNats(): void {
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
