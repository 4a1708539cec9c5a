/** LabService: what the CLI may ask of the supervisor. */
import { readFileSync } from 'node:fs';
import type { TimelineEvent, TimelineType } from '@svclab/core';
import { PORTS } from '@svclab/core';
import { ClientError, grpcClient, ServerError, Status } from '@svclab/runtime';
import {
  type FaultRequest,
  type FaultResponse,
  type LabServiceImplementation,
  NodeAgentServiceDefinition,
  type StatusResponse,
  type TimelineResponse,
  type TimelineEvent as WireEvent,
} from '@svclab/wire';
import { FAULTS } from '../faults/fault.ts';
import { type FaultTarget, formatTarget, parseTarget } from '../faults/target.ts';
import { badInput, LabError } from '../state/errors.ts';
import { hostExec } from './host-exec.ts';
import type { Lab } from './lab.ts';
import type { VipView } from './vips.ts';

/** What the service works with. */
export interface LabServiceOptions {
  readonly lab: Lab;
  readonly vips: VipView;
  /** `https://127.0.0.1:PORT` */
  readonly api: string;
  /** Ends the lab; called after the answer has gone out. */
  down(): void;
}

/** Errors a user can mend cross the socket as INVALID_ARGUMENT, others as they are. */
async function asStatus<T>(fn: () => Promise<T> | T): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    if (error instanceof LabError) throw new ServerError(Status.INVALID_ARGUMENT, error.message);
    throw error;
  }
}

/** As {@link asStatus}, for a stream. */
async function* execAsStatus<T>(stream: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* stream;
  } catch (error) {
    if (error instanceof LabError) throw new ServerError(Status.INVALID_ARGUMENT, error.message);
    throw error;
  }
}

export function labService(options: LabServiceOptions): LabServiceImplementation {
  const { lab } = options;
  let wasReady = false;
  return {
    status: async ({ skipMemory }) => {
      const processes = lab.processes.map((p) => ({
        component: p.spec.component,
        host: p.spec.host,
        pid: p.pid,
        state: p.state,
        restarts: p.restarts,
        startedWallMs: BigInt(Math.round(p.startedWall)),
        pssKib: skipMemory ? 0n : pssKib(p.pid),
      }));
      wasReady ||= processes.every((p) => p.state === 'ready');
      return status(options, [...processes, supervisorStatus(lab.options.clock.wall(), skipMemory)], wasReady);
    },
    fault: (request) => asStatus(() => applyFault(request, options)),
    timeline: (request, context) => follow(options, request, context.signal),
    publish: async ({ events }) => {
      for (const event of events) lab.options.timeline.add(fromWire(event));
      return {};
    },
    vips: async () => ({ vips: await listVips(options) }),
    exec: (requests, context) => execAsStatus(hostExec(lab, requests, context.signal)),
    down: async () => {
      options.down();
      return {};
    },
  };
}

function status(options: LabServiceOptions, processes: StatusResponse['processes'], ready: boolean): StatusResponse {
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
  };
}

/** The supervisor counts itself among the lab's processes. */
function supervisorStatus(wallMs: number, skipMemory: boolean): StatusResponse['processes'][number] {
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
function pssKib(pid: number): bigint {
  if (pid === 0) return 0n;
  try {
    return BigInt(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? '0');
  } catch {
    return 0n;
  }
}

async function applyFault(request: FaultRequest, options: LabServiceOptions): Promise<FaultResponse> {
  const { lab } = options;
  const { clock, timeline, lab: config, log } = lab.options;
  const fault = Object.hasOwn(FAULTS, request.verb) ? FAULTS[request.verb] : undefined;
  if (!fault) throw badInput(`Fault "${request.verb}" is not known: give one of ${Object.keys(FAULTS).join(', ')}`);
  const asked = parseTarget(request.target, config);
  const target = asked.kind === 'owner' ? await resolveOwner(asked, options) : asked;
  const at = await fault.apply(target, {
    lab,
    hold: request.args.hold === 'true',
    killPod: (namespace, pod) => killPod(options, namespace, pod),
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

async function resolveOwner(
  target: Extract<FaultTarget, { kind: 'owner' }>,
  options: LabServiceOptions,
): Promise<FaultTarget & { kind: 'host' }> {
  const all = await listVips(options);
  const found = all.find((v) => v.namespace === target.namespace && v.service === target.service);
  if (!found)
    throw badInput(
      `Service ${target.namespace}/${target.service} has no address that is announced: ${all.length === 0 ? 'no Service has' : `these have: ${all.map((v) => `${v.namespace}/${v.service}`).join(', ')}`}`,
    );
  if (found.owner === '')
    throw badInput(`Address ${found.vip} of ${target.namespace}/${target.service} has no owner now (${found.reason})`);
  return { kind: 'host', host: found.owner };
}

async function killPod(options: LabServiceOptions, namespace: string, pod: string): Promise<void> {
  const { lab, secrets } = options.lab.options;
  const nodes = options.lab.hosts.filter((h) => h.spec.role === 'node' && h.netns !== undefined);
  const name = `${namespace}/${pod}`;
  const silent: string[] = [];
  for (const node of nodes) {
    const agent = grpcClient(NodeAgentServiceDefinition, `${node.spec.controlIP}:${PORTS.nodeAgent}`, {
      token: secrets.token,
      service: 'supervisor',
    });
    try {
      const state = await agent.getState({}, { timeoutMs: 1000 }).catch((error: unknown) => {
        if (!(error instanceof ClientError)) throw error;
        silent.push(node.spec.name);
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

async function* follow(
  options: LabServiceOptions,
  request: { sinceNs: bigint; follow: boolean },
  signal: AbortSignal,
): AsyncGenerator<TimelineResponse> {
  const { timeline } = options.lab.options;
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
function fromWire(event: WireEvent): TimelineEvent {
  return { ...event, wallMs: Number(event.wallMs), type: event.type as TimelineType };
}
