/** LabService of a composed lab: the supervisor's container answers for all others, through their first processes. */
import type { Clock, HostSpec, LabConfig } from '@svclab/core';
import { ClientError, type Logger, ServerError, Status } from '@svclab/runtime';
import type {
  ExecResponse,
  FaultRequest,
  FaultResponse,
  HostExecRequest,
  LabServiceImplementation,
  StatusResponse,
} from '@svclab/wire';
import { apiCall, faultContext, randomOf } from '../faults/context.ts';
import { FaultEngine } from '../faults/engine.ts';
import { isContainerVerb } from '../faults/process-verbs.ts';
import { badInput } from '../state/errors.ts';
import { COMPONENTS } from '../state/secrets.ts';
import { asStatus, execAsStatus } from '../supervisor/as-status.ts';
import type { LeaderView } from '../supervisor/leader.ts';
import { type NodeHosts, nodeChanges } from '../supervisor/node-changes.ts';
import {
  controllerRuns,
  faultCalls,
  followTimeline,
  forgetRemoved,
  fromWire,
  ownerOf,
  supervisorStatus,
} from '../supervisor/service.ts';
import type { TimelineLog } from '../supervisor/timeline-log.ts';
import type { VipView } from '../supervisor/vips.ts';
import { answering, containerFaultParts } from './container-fault-parts.ts';
import type { ContainerFaults } from './container-faults.ts';
import type { HostMonitor } from './host-monitor.ts';

/** What the service works with. */
export interface ContainerLabOptions {
  /** The hosts, which come and go with the lab's description. */
  readonly hosts: NodeHosts;
  /** Bearer tokens of the lab's gRPC services and of its API. */
  readonly token: string;
  readonly apiToken: string;
  /** Directory that holds the API's `ca.crt`. */
  readonly pki: string;
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
  const engine = faultEngine(options);
  options.faults.attach(engine);
  forgetRemoved(timeline, engine);
  // Faults of a supervisor before this one keep their numbers on the timeline.
  for (const event of timeline.since(0n)) engine.ledger.continueAfter(event.attrs.id ?? '');
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
    ...faultCalls(engine),
    fault: (request) => asStatus(() => fault(request, engine, options.faults)),
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

function faultEngine(options: ContainerLabOptions): FaultEngine {
  const { clock, hosts, leader, log, monitors, timeline, vips } = options;
  const isUp = (host: string): boolean => monitors.get(host)?.answers ?? false;
  const config = (): LabConfig => hosts.state.lab;
  const parts = containerFaultParts({ ...options, config });
  return new FaultEngine({
    clock,
    log,
    timeline,
    lookups: {
      get config() {
        return config();
      },
      isUp,
      owner: async (namespace, service) => ownerOf({ kind: 'owner', namespace, service }, await vips.list(isUp)).host,
      async leader() {
        const all = await Promise.all(config().hosts.map((h) => hostProcesses(h, monitors.get(h.name), true)));
        return leader.host((host) => controllerRuns(all.flat(), host));
      },
      api: (path) => apiCall(parts, path),
      random: randomOf,
    },
    context: (id) => faultContext(id, parts),
    down() {
      log.warn({ event: 'lab-not-ended', reason: 'a composed lab is ended with "docker compose down -v"' });
    },
  });
}

/** What is done to a whole container is done from outside; all else here. */
async function fault(request: FaultRequest, engine: FaultEngine, faults: ContainerFaults): Promise<FaultResponse> {
  if (!isContainerVerb(request.verb) || request.dryRun) return engine.fault(request);
  const checked = await engine.check(request);
  const host = checked.targets.find((t) => t.kind === 'host');
  return host ? faults.ofHost(host.host, request, checked.cause, engine) : engine.fault(request);
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
