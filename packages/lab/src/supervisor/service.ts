/** LabService: what the CLI may ask of the supervisor. */
import { readFileSync } from 'node:fs';
import type { HostSpec, LabConfig, TimelineEvent, TimelineType } from '@svclab/core';
import { PORTS } from '@svclab/core';
import { ClientError, grpcClient, spawnIn } from '@svclab/runtime';
import {
  type FaultRequest,
  type FaultResponse,
  type LabServiceImplementation,
  NodeAgentServiceDefinition,
  type StatusResponse,
  type TimelineResponse,
  type Vip,
  type TimelineEvent as WireEvent,
} from '@svclab/wire';
import { FAULTS } from '../faults/fault.ts';
import { formatGroups, isLanFault, LAN_FAULTS, parseGroups } from '../faults/partition.ts';
import { type FaultTarget, formatTarget, parseTarget } from '../faults/target.ts';
import { badInput } from '../state/errors.ts';
import { asStatus, execAsStatus } from './as-status.ts';
import { type ExecHost, hostExec } from './host-exec.ts';
import type { Lab } from './lab.ts';
import type { LeaderView } from './leader.ts';
import type { ManagedProcess } from './managed-process.ts';
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
  let wasReady = false;
  return {
    status: async ({ skipMemory }) => {
      const leader = await options.leader.host((host) => controllerRuns(lab.processes.map(briefly), host));
      const processes = lab.processes.map((p) => processStatus(p, skipMemory));
      wasReady ||= processes.every((p) => p.state === 'ready');
      const all = [...processes, supervisorStatus(lab.options.clock.wall(), skipMemory)];
      return status(options, all, leader, wasReady);
    },
    fault: (request) => asStatus(() => applyFault(request, options)),
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

/** Cuts the LAN or makes it whole again, and says so on the timeline. */
function applyLanFault(request: FaultRequest, lab: Lab): FaultResponse {
  const { lab: config, timeline, log } = lab.options;
  const cut = request.verb === 'partition';
  const groups = cut ? parseGroups(request.target, config) : lab.partition;
  const atNs = lab.partitionLan(cut ? groups : []);
  const resolved = groups.length === 0 ? 'lan' : formatGroups(groups);
  const event = timeline.stamp(cut ? 'fault.effective' : 'fault.healed', {
    atNs,
    cause: `svclab fault ${request.verb} ${request.target}`.trim(),
    attrs: { fault: request.verb, target: resolved },
  });
  log.info({ event: 'fault', verb: request.verb, target: resolved });
  return { resolved, effectiveNs: atNs, effectiveWallMs: BigInt(Math.round(event.wallMs)) };
}

async function applyFault(request: FaultRequest, options: LabServiceOptions): Promise<FaultResponse> {
  const { lab } = options;
  if (isLanFault(request.verb)) return applyLanFault(request, lab);
  const { clock, timeline, lab: config, log } = lab.options;
  const fault = Object.hasOwn(FAULTS, request.verb) ? FAULTS[request.verb] : undefined;
  if (!fault)
    throw badInput(
      `Fault "${request.verb}" is not known: give one of ${[...Object.keys(FAULTS), ...LAN_FAULTS].join(', ')}`,
    );
  const asked = parseTarget(request.target, config);
  const target = asked.kind === 'owner' ? ownerOf(asked, await listVips(options)) : asked;
  const at = await fault.apply(target, {
    lab,
    hold: request.args.hold === 'true',
    killPod: (namespace, pod) =>
      killPod(
        {
          lab: config,
          token: lab.options.secrets.token,
          nodes: lab.hosts.filter((h) => h.spec.role === 'node' && h.netns !== undefined).map((h) => h.spec),
        },
        namespace,
        pod,
      ),
  });
  const resolved = formatTarget(target);
  const event = timeline.stamp(fault.heals ? 'fault.healed' : 'fault.effective', {
    atNs: at,
    cause: `svclab fault ${request.verb} ${request.target}`,
    attrs: { fault: request.verb, target: resolved },
  });
  log.info({ event: 'fault', verb: request.verb, target: resolved, took_ms: Number(clock.nowNs() - at) / 1e6 });
  return { resolved, effectiveNs: at, effectiveWallMs: BigInt(Math.round(event.wallMs)) };
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

/** Ends a pod's containers at once, wherever among `nodes` it runs. Fails with a LabError when it runs on none of them. */
export async function killPod(
  { lab, nodes, token }: { lab: LabConfig; nodes: readonly HostSpec[]; token: string },
  namespace: string,
  pod: string,
): Promise<void> {
  const name = `${namespace}/${pod}`;
  const silent: string[] = [];
  for (const node of nodes) {
    const agent = grpcClient(NodeAgentServiceDefinition, `${node.controlIP}:${PORTS.nodeAgent}`, {
      token,
      service: 'supervisor',
    });
    try {
      const state = await agent.getState({}, { timeoutMs: 1000 }).catch((error: unknown) => {
        if (!(error instanceof ClientError)) throw error;
        silent.push(node.name);
      });
      if (!state?.pods.includes(name)) continue;
      await agent.killPod({ namespace, pod }, { timeoutMs: 2000 });
      return;
    } finally {
      agent.close();
    }
  }
  throw badInput(
    silent.length === 0
      ? `Pod ${name} runs on no node of lab ${lab.name}`
      : `Pod ${name} runs on no node that answers; the node-agent does not on ${silent.join(', ')}`,
  );
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
