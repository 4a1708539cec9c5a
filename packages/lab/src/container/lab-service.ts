/** LabService of a composed lab: the supervisor's container answers for all others, through their first processes. */
import type { Clock, HostSpec, LabConfig, TimelineEvent } from '@svclab/core';
import { ClientError, type Logger, ServerError, Status } from '@svclab/runtime';
import type {
  ExecResponse,
  FaultRequest,
  FaultResponse,
  HostExecRequest,
  LabServiceImplementation,
  StatusResponse,
} from '@svclab/wire';
import { FAULTS } from '../faults/fault.ts';
import { isLanFault } from '../faults/partition.ts';
import { type FaultTarget, formatTarget, hostTarget, parseTarget } from '../faults/target.ts';
import { badInput } from '../state/errors.ts';
import { COMPONENTS } from '../state/secrets.ts';
import { asStatus, execAsStatus } from '../supervisor/as-status.ts';
import type { LeaderView } from '../supervisor/leader.ts';
import { type NodeHosts, nodeChanges } from '../supervisor/node-changes.ts';
import { controllerRuns, followTimeline, fromWire, killPod, ownerOf, supervisorStatus } from '../supervisor/service.ts';
import type { TimelineLog } from '../supervisor/timeline-log.ts';
import type { VipView } from '../supervisor/vips.ts';
import type { ContainerFaults } from './container-faults.ts';
import type { HostMonitor } from './host-monitor.ts';

/** What the service works with. */
export interface ContainerLabOptions {
  /** The hosts, which come and go with the lab's description. */
  readonly hosts: NodeHosts;
  readonly token: string;
  /** `https://127.0.0.1:PORT` */
  readonly api: string;
  readonly vips: VipView;
  readonly leader: Pick<LeaderView, 'host'>;
  readonly monitors: ReadonlyMap<string, HostMonitor>;
  readonly faults: ContainerFaults;
  readonly timeline: TimelineLog;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long one host may take to say how it is, ms. */
const STATE_TIMEOUT_MS = 1500;

export function containerLabService(options: ContainerLabOptions): LabServiceImplementation {
  const { clock, hosts, monitors, timeline, vips } = options;
  const isUp = (host: string): boolean => monitors.get(host)?.answers ?? false;
  let wasReady = false;
  return {
    async status({ skipMemory }) {
      const { lab } = hosts.state;
      const answers = await Promise.all(lab.hosts.map((h) => hostProcesses(h, monitors.get(h.name), skipMemory)));
      const processes = answers.flat();
      wasReady ||= processes.every((p) => p.state === 'ready');
      return {
        name: lab.name,
        driver: lab.driver,
        profile: lab.profile,
        api: options.api,
        hosts: lab.hosts.map((h) => ({
          name: h.name,
          role: h.role,
          lanIp: h.lanIP ?? '',
          controlIp: h.controlIP ?? '',
          up: monitors.get(h.name)?.up ?? false,
          netnsFd: -1,
        })),
        processes: [...processes, supervisorStatus(clock.wall(), skipMemory)],
        stateDir: '',
        ready: wasReady,
        failure: '',
        leader: await options.leader.host((host) => controllerRuns(processes, host)),
        nowNs: clock.nowNs(),
      };
    },
    fault: (request) => asStatus(() => applyFault(request, options)),
    timeline: (request, context) => followTimeline(timeline, request, context.signal),
    async publish({ events }) {
      for (const event of events) timeline.add(fromWire(event));
      return {};
    },
    vips: async () => ({ vips: await vips.list(isUp) }),
    exec: (requests, context) => execAsStatus(forwardExec(monitors, hosts.state.lab, requests, context.signal)),
    ...nodeChanges({ hosts, vips, clock, timeline }),
    down: async () => {
      throw new ServerError(Status.UNIMPLEMENTED, 'A composed lab is ended with "docker compose down -v"');
    },
  };
}

/** The processes of a host, as its first process tells; down when it does not answer. */
export async function hostProcesses(
  host: HostSpec,
  monitor: HostMonitor | undefined,
  skipMemory: boolean,
): Promise<StatusResponse['processes']> {
  try {
    if (!monitor?.answers) throw new Error('down');
    return (await monitor.client.state({ skipMemory }, { timeoutMs: STATE_TIMEOUT_MS })).processes;
  } catch {
    return COMPONENTS[host.role].map((component) => ({
      component,
      host: host.name,
      pid: 0,
      state: 'down',
      restarts: 0,
      startedWallMs: 0n,
      pssKib: 0n,
    }));
  }
}

async function applyFault(request: FaultRequest, options: ContainerLabOptions): Promise<FaultResponse> {
  const { faults, monitors, timeline, token, vips } = options;
  const { lab } = options.hosts.state;
  if (isLanFault(request.verb))
    throw badInput(
      `Fault ${request.verb} is not made with the docker driver: take a container off its network with "docker network disconnect", or use the netns driver`,
    );
  const fault = Object.hasOwn(FAULTS, request.verb) ? FAULTS[request.verb] : undefined;
  if (!fault) throw badInput(`Fault "${request.verb}" is not known: give one of ${Object.keys(FAULTS).join(', ')}`);
  const asked = parseTarget(request.target, lab);
  const target: FaultTarget =
    asked.kind === 'owner' ? ownerOf(asked, await vips.list((h) => monitors.get(h)?.answers ?? false)) : asked;
  const cause = request.args.cause ?? `svclab fault ${request.verb} ${request.target}`;
  const resolved = formatTarget(target);
  if (target.kind === 'host') return { resolved, ...stamped(await faults.ofHost(target.host, request, cause)) };
  const at = target.kind === 'pod' ? options.clock.nowNs() : undefined;
  if (target.kind === 'pod') {
    if (request.verb !== 'kill') throw badInput(`${resolved} is a pod: only kill acts on pods`);
    const nodes = lab.hosts.filter((h) => h.role === 'node' && monitors.get(h.name)?.answers);
    await killPod({ lab, nodes, token }, target.namespace, target.pod);
  }
  const atNs = at ?? (await faultProcess(request, target as FaultTarget & { kind: 'process' }, monitors));
  const event = timeline.stamp(fault.heals ? 'fault.healed' : 'fault.effective', {
    atNs,
    cause,
    attrs: { fault: request.verb, target: resolved },
  });
  return { resolved, ...stamped(event) };
}

const stamped = (event: Pick<TimelineEvent, 'atNs' | 'wallMs'> | undefined) => ({
  effectiveNs: event?.atNs ?? 0n,
  effectiveWallMs: BigInt(Math.round(event?.wallMs ?? 0)),
});

async function faultProcess(
  request: FaultRequest,
  target: { readonly host: string; readonly component: string },
  monitors: ReadonlyMap<string, HostMonitor>,
): Promise<bigint> {
  const monitor = answering(monitors, target.host);
  try {
    const hold = request.args.hold === 'true';
    const done = await monitor.client.fault(
      { verb: request.verb, component: target.component, hold },
      { timeoutMs: 3000 },
    );
    return done.effectiveNs;
  } catch (error) {
    if (error instanceof ClientError && error.code === Status.INVALID_ARGUMENT) throw badInput(error.details);
    throw error;
  }
}

/** Fails with a LabError when the host cannot be asked. */
function answering(monitors: ReadonlyMap<string, HostMonitor>, host: string): HostMonitor {
  const monitor = monitors.get(host);
  if (!monitor) throw badInput(`Host "${host}" is not in this lab: give one of ${[...monitors.keys()].join(', ')}`);
  if (!monitor.answers)
    throw badInput(
      monitor.up
        ? `Host ${host} does not answer: it is paused, or cut off from the control network`
        : `Host ${host} is down: bring it back with "svclab fault restart ${hostTarget(monitor.spec)}"`,
    );
  return monitor;
}

/** Hands an exec call on to the host it names. */
async function* forwardExec(
  monitors: ReadonlyMap<string, HostMonitor>,
  lab: LabConfig,
  requests: AsyncIterable<HostExecRequest>,
  signal: AbortSignal,
): AsyncGenerator<ExecResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const start = first.done ? undefined : first.value.message;
  if (start?.$case !== 'start') throw badInput('An exec call begins with its start message');
  if (!lab.hosts.some((h) => h.name === start.value.host))
    throw badInput(
      `Host "${start.value.host}" is not in this lab: give one of ${lab.hosts.map((h) => h.name).join(', ')}`,
    );
  const { client } = answering(monitors, start.value.host);
  async function* all(): AsyncGenerator<HostExecRequest> {
    yield first.value as HostExecRequest;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  try {
    yield* client.exec(all(), { signal });
  } catch (error) {
    if (error instanceof ClientError && error.code === Status.INVALID_ARGUMENT) throw badInput(error.details);
    throw error;
  }
}
