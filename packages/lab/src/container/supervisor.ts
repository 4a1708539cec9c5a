/**
 * The supervisor's container of a composed lab: makes the lab's files, then serves LabService (to the CLI through its Unix socket, to
 * containers over the control network), keeps the timeline, and notices what is done to the other containers.
 */
import { lookup } from 'node:dns/promises';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type LabConfig, PORTS, SUBJECTS } from '@svclab/core';
import { connectBus, createLogger, decodeTimelineEvent, serveGrpc, systemClock } from '@svclab/runtime';
import { LabServiceDefinition } from '@svclab/wire';
import { faultContext } from '../faults/context.ts';
import { FAULTS } from '../faults/index.ts';
import { supervisorIP } from '../plan/plan.ts';
import { LabError } from '../state/errors.ts';
import { LeaderView } from '../supervisor/leader.ts';
import { serveLabMetrics } from '../supervisor/metrics.ts';
import { TimelineLog } from '../supervisor/timeline-log.ts';
import { VipView } from '../supervisor/vips.ts';
import { containerFaultParts } from './container-fault-parts.ts';
import { ContainerFaults } from './container-faults.ts';
import { ContainerHosts } from './container-hosts.ts';
import { containerPaths, HEALTHY_FILE, LAB_SOCKET, RUN_DIR, readJson } from './files.ts';
import { containerLabService, hostProcesses } from './lab-service.ts';
import { prepareLab, readSettings } from './prepare.ts';
import { sweepFaults } from './sweep-faults.ts';

const clock = systemClock;
const log = createLogger({ component: 'supervisor', host: 'lab', level: process.env.SVCLAB_LOG_LEVEL });

async function main(): Promise<void> {
  rmSync(HEALTHY_FILE, { force: true });
  mkdirSync(RUN_DIR, { recursive: true });
  const settings = readSettings({ ...process.env, SVCLAB_HA: process.env.SVCLAB_HA || String(await composedForHa()) });
  const { lab, secrets } = await prepareLab(settings);
  const timeline = new TimelineLog(containerPaths().timeline, clock);
  // What went before a restart of this container is part of the lab's story.
  timeline.restore();
  const isRestart = timeline.since(0n).length > 0;
  const end = (): void => void timeline.close().then(() => process.exit(0));
  process.on('SIGTERM', end);
  process.on('SIGINT', end);

  const faults = new ContainerFaults({ clock, log, timeline });
  const leader = new LeaderView(lab);
  const hosts = new ContainerHosts({ lab, secrets }, { clock, log, faults, timeline });
  const access = {
    token: secrets.token,
    apiToken: secrets.apiToken,
    pki: containerPaths().pki,
    monitors: hosts.monitors,
    clock,
    log,
  };
  // Before anybody can make a fault that would be swept away with them.
  if (isRestart) await sweep(hosts, access);
  const service = containerLabService({
    ...access,
    hosts,
    api: `https://127.0.0.1:${settings.apiPort}`,
    vips: new VipView(hosts, secrets.token),
    leader,
    faults,
    timeline,
  });
  rmSync(LAB_SOCKET, { force: true });
  for (const listen of [`unix:${LAB_SOCKET}`, `${supervisorIP(lab)}:${PORTS.lab}`])
    await serveGrpc({ listen, token: secrets.token, log, patient: true }, [[LabServiceDefinition, service]]);
  writeFileSync(HEALTHY_FILE, '');
  log.info({ event: 'ready' });

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
      hosts: () => hosts.hosts.map((spec) => ({ spec, up: hosts.monitors.get(spec.name)?.up ?? false })),
      async processes() {
        const all = await Promise.all(hosts.hosts.map((h) => hostProcesses(h, hosts.monitors.get(h.name), true)));
        return all.flat().map((p) => ({ ...p, ready: p.state === 'ready' }));
      },
      events: () => timeline.counts,
    },
  });
}

/** Undoes what the supervisor before this one has left. */
function sweep(
  hosts: ContainerHosts,
  access: Omit<Parameters<typeof containerFaultParts>[0], 'config'>,
): Promise<void> {
  return sweepFaults({
    ...{ clock, log, hosts: hosts.hosts, faults: Object.values(FAULTS) },
    answers: (host) => hosts.isUp(host),
    context: faultContext('sweep', containerFaultParts({ ...access, config: () => hosts.state.lab })),
  });
}

/**
 * Compose's profile `ha` starts the second NATS server before this container, whose name can then be resolved. Later it may be down:
 * a lab that had it has it.
 */
async function composedForHa(): Promise<boolean> {
  const before = readJson<LabConfig>(containerPaths().config);
  if (before) return before.hosts.some((h) => h.name === 'nats-2');
  return lookup('nats-2').then(
    () => true,
    () => false,
  );
}

try {
  await main();
} catch (err) {
  if (err instanceof LabError) process.stderr.write(`supervisor: ${err.message}\n`);
  else log.fatal({ event: 'fatal', err });
  process.exit(err instanceof LabError ? err.exitCode : 1);
}
