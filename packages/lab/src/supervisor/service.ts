/** LabService: what the CLI may ask of the supervisor. */
import { readFileSync } from 'node:fs';
import type { TimelineEvent, TimelineType } from '@svclab/core';
import { spawnIn } from '@svclab/runtime';
import type {
  LabServiceImplementation,
  StatusResponse,
  TimelineResponse,
  Vip,
  TimelineEvent as WireEvent,
} from '@svclab/wire';
import { apiCall, faultContext, randomOf } from '../faults/context.ts';
import { FaultEngine } from '../faults/engine.ts';
import type { FaultTarget } from '../faults/target.ts';
import { badInput } from '../state/errors.ts';
import { asStatus, execAsStatus } from './as-status.ts';
import { type ExecHost, hostExec } from './host-exec.ts';
import type { Lab } from './lab.ts';
import type { LeaderView } from './leader.ts';
import type { ManagedProcess } from './managed-process.ts';
import { netnsFaultParts } from './netns-faults.ts';
import { nodeChanges } from './node-changes.ts';
import type { TimelineLog } from './timeline-log.ts';
import type { VipView } from './vips.ts';

/** What the service works with. */
export interface LabServiceOptions {
  readonly lab: Lab;
  readonly vips: VipView;
  readonly leader: Pick<LeaderView, 'host'>;
  /** `https://127.0.0.1:PORT` */
  readonly api: string;
  /** Ends the lab; called after the answer has gone out. */
  down(): void;
}

function execHost(lab: Lab): ExecHost {
  return {
    clock: lab.options.clock,
    launch(start) {
      const { netns } = lab.host(start.host);
      if (!netns)
        throw badInput(`Host ${start.host} is down: bring it back with "svclab fault restart node/${start.host}"`);
      const [command = '', ...args] = start.command;
      const child = spawnIn(netns, command, args, {
        cwd: start.cwd || '/',
        env: { ...start.env },
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
      });
      lab.adopt(child);
      return child;
    },
  };
}

export function labService(options: LabServiceOptions): LabServiceImplementation {
  const { lab } = options;
  const engine = faultEngine(options);
  let wasReady = false;
  return {
    status: async ({ skipMemory }) => {
      const leader = await options.leader.host((host) => controllerRuns(lab.processes.map(briefly), host));
      const processes = lab.processes.map((p) => processStatus(p, skipMemory));
      wasReady ||= processes.every((p) => p.state === 'ready');
      const all = [...processes, supervisorStatus(lab.options.clock.wall(), skipMemory)];
      return status(options, all, leader, wasReady);
    },
    ...faultCalls(engine),
    timeline: (request, context) => followTimeline(lab.options.timeline, request, context.signal),
    publish: async ({ events }) => {
      for (const event of events) lab.options.timeline.add(fromWire(event));
      return {};
    },
    vips: async () => ({ vips: await listVips(options) }),
    exec: (requests, context) => execAsStatus(hostExec(execHost(lab), requests, context.signal)),
    ...nodeChanges({
      hosts: lab,
      vips: options.vips,
      clock: lab.options.clock,
      timeline: lab.options.timeline,
    }),
    down: async () => {
      options.down();
      return {};
    },
  };
}

const briefly = (p: ManagedProcess) => ({ component: p.spec.component, host: p.spec.host, state: p.state });

/** Whether the controller of a host runs and serves. */
export function controllerRuns(
  processes: readonly Pick<StatusResponse['processes'][number], 'component' | 'host' | 'state'>[],
  host: string,
): boolean {
  return processes.some((p) => p.component === 'controller' && p.host === host && p.state === 'ready');
}

function status(
  options: LabServiceOptions,
  processes: StatusResponse['processes'],
  leader: string,
  ready: boolean,
): StatusResponse {
  const { lab, paths } = options.lab.options;
  return {
    name: lab.name,
    driver: lab.driver,
    profile: lab.profile,
    api: options.api,
    hosts: options.lab.hosts.map((h) => ({
      name: h.spec.name,
      role: h.spec.role,
      lanIp: h.spec.lanIP ?? '',
      controlIp: h.spec.controlIP ?? '',
      up: h.netns !== undefined,
      netnsFd: h.netns?.fd ?? -1,
    })),
    processes,
    stateDir: paths.dir,
    ready,
    failure: '',
    leader,
    nowNs: options.lab.options.clock.nowNs(),
  };
}

/** A process as `svclab status` shows it. */
export function processStatus(p: ManagedProcess, skipMemory: boolean): StatusResponse['processes'][number] {
  return {
    component: p.spec.component,
    host: p.spec.host,
    pid: p.pid,
    state: p.state,
    restarts: p.restarts,
    startedWallMs: BigInt(Math.round(p.startedWall)),
    pssKib: skipMemory ? 0n : pssKib(p.pid),
  };
}

/** The supervisor counts itself among the lab's processes. */
export function supervisorStatus(wallMs: number, skipMemory: boolean): StatusResponse['processes'][number] {
  return {
    component: 'supervisor',
    host: 'lab',
    pid: process.pid,
    state: 'ready',
    restarts: 0,
    startedWallMs: BigInt(Math.round(wallMs - process.uptime() * 1000)),
    pssKib: skipMemory ? 0n : pssKib(process.pid),
  };
}

/** Proportional set size of a process, KiB; 0 when it cannot be read. */
export function pssKib(pid: number): bigint {
  if (pid === 0) return 0n;
  try {
    return BigInt(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? '0');
  } catch {
    return 0n;
  }
}

/** The lab's faults. What has to be made again on a host that is back is made. */
function faultEngine(options: LabServiceOptions): FaultEngine {
  const { lab } = options;
  const parts = netnsFaultParts(lab);
  const engine = new FaultEngine({
    clock: lab.options.clock,
    log: lab.options.log,
    timeline: lab.options.timeline,
    lookups: {
      get config() {
        return lab.options.lab;
      },
      isUp: (host) => lab.isUp(host),
      owner: async (namespace, service) => ownerOf({ kind: 'owner', namespace, service }, await listVips(options)).host,
      leader: () => options.leader.host((host) => controllerRuns(lab.processes.map(briefly), host)),
      api: (path) => apiCall(parts, path),
      random: randomOf,
    },
    context: (id) => faultContext(id, parts),
    down: options.down,
  });
  lab.onBack((host) => void engine.ledger.again(host));
  forgetRemoved(lab.options.timeline, engine);
  return engine;
}

/** Forgets the faults of nodes that leave the lab for good. */
export function forgetRemoved(timeline: TimelineLog, engine: FaultEngine): void {
  timeline.subscribe((event) => {
    if (event.type === 'node.removed') engine.forget((event.attrs.target ?? '').replace(/^node\//, ''));
  });
}

/** The calls of LabService that are about faults. */
export function faultCalls(
  engine: FaultEngine,
): Pick<LabServiceImplementation, 'fault' | 'listFaults' | 'healFaults' | 'faultSession'> {
  return {
    fault: (request) => asStatus(() => engine.fault(request)),
    listFaults: async () => ({ faults: engine.list() }),
    healFaults: (request) => asStatus(() => engine.heal(request)),
    faultSession: (request, context) => engine.session(request, context.signal),
  };
}

function listVips({ lab, vips }: LabServiceOptions): ReturnType<VipView['list']> {
  return vips.list((host) => lab.host(host).netns !== undefined);
}

/** The node that owns a Service's address. Fails with a LabError when there is none. */
export function ownerOf(
  target: Extract<FaultTarget, { kind: 'owner' }>,
  all: readonly Vip[],
): FaultTarget & { kind: 'host' } {
  const found = all.find((v) => v.namespace === target.namespace && v.service === target.service);
  if (!found)
    throw badInput(
      `Service ${target.namespace}/${target.service} has no address that is announced: ${all.length === 0 ? 'no Service has' : `these have: ${all.map((v) => `${v.namespace}/${v.service}`).join(', ')}`}`,
    );
  if (found.owner === '')
    throw badInput(`Address ${found.vip} of ${target.namespace}/${target.service} has no owner now (${found.reason})`);
  return { kind: 'host', host: found.owner };
}

/** Serves one timeline call. */
export async function* followTimeline(
  timeline: TimelineLog,
  request: { sinceNs: bigint; follow: boolean },
  signal: AbortSignal,
): AsyncGenerator<TimelineResponse> {
  const queue: TimelineEvent[] = [];
  let wake = (): void => {};
  const end = request.follow
    ? timeline.subscribe((event) => {
        queue.push(event);
        wake();
      })
    : () => {};
  try {
    for (const event of timeline.since(request.sinceNs)) yield { event: toWire(event) };
    while (request.follow && !signal.aborted) {
      const next = queue.shift();
      if (next) yield { event: toWire(next) };
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
    }
  } finally {
    end();
  }
}

function toWire(event: TimelineEvent): WireEvent {
  return { ...event, wallMs: BigInt(Math.round(event.wallMs)), attrs: { ...event.attrs } };
}
/** An event as it came over the wire. */
export function fromWire(event: WireEvent): TimelineEvent {
  return { ...event, wallMs: Number(event.wallMs), type: event.type as TimelineType };
}
