/** The running lab: hosts, their processes, and what may be done to them. */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, HostSpec, LabConfig } from '@svclab/core';
import { type Logger, type Netns, spawnIn, withNetns } from '@svclab/runtime';
import { createBridges, createHost, cutControl, cutLan } from '../driver/network.ts';
import { badInput } from '../state/errors.ts';
import type { LabPaths } from '../state/paths.ts';
import type { LabSecrets } from '../state/secrets.ts';
import { ManagedProcess, type Place } from './managed-process.ts';
import { processSpecs } from './specs.ts';
import type { TimelineLog } from './timeline-log.ts';

/** One host as it is now; without a namespace it is powered off. */
export interface LabHost {
  readonly spec: HostSpec;
  netns: Netns | undefined;
  readonly processes: readonly ManagedProcess[];
}

export interface LabOptions {
  readonly lab: LabConfig;
  readonly paths: LabPaths;
  readonly secrets: LabSecrets;
  readonly clock: Clock;
  readonly log: Logger;
  readonly timeline: TimelineLog;
  /** PATH of the lab's processes. */
  readonly path: string;
}

/** Starts processes in a host's namespace. */
const inside = (netns: Netns): Place => ({
  spawn: (command, args, options) => spawnIn(netns, command, args, options),
});

export class Lab {
  readonly options: LabOptions;
  readonly #hosts = new Map<string, LabHost>();
  /** Pids of programs run on hosts for users. */
  readonly #guests = new Set<number>();

  constructor(options: LabOptions) {
    this.options = options;
  }

  get hosts(): readonly LabHost[] {
    return [...this.#hosts.values()];
  }
  get processes(): readonly ManagedProcess[] {
    return this.hosts.flatMap((h) => h.processes);
  }
  /** Whether this supervisor started the process and waits for it (libuv reaps it). */
  isOwnPid(pid: number): boolean {
    return this.#guests.has(pid) || this.processes.some((p) => p.pid === pid);
  }
  /** Counts a program run on a host among the supervisor's own until it has ended. */
  adopt(child: ChildProcess): void {
    const { pid } = child;
    if (pid === undefined) return;
    this.#guests.add(pid);
    child.once('exit', () => this.#guests.delete(pid));
  }

  /** Makes the hosts' directories. */
  prepare(): void {
    for (const spec of this.options.lab.hosts)
      mkdirSync(join(this.options.paths.run, spec.name), { recursive: true, mode: 0o700 });
    mkdirSync(this.options.paths.logs, { recursive: true });
  }

  /** Builds the networks and starts everything; returns as soon as all is started, not when it is ready. */
  start(): void {
    createBridges(this.options.lab);
    for (const spec of this.options.lab.hosts) {
      this.#hosts.set(spec.name, { spec, netns: undefined, processes: [] });
      this.#boot(spec);
    }
  }

  /** Host by name. Fails with a LabError that lists the valid ones. */
  host(name: string): LabHost {
    const host = this.#hosts.get(name);
    if (!host) throw badInput(`Host "${name}" is not in this lab: give one of ${[...this.#hosts.keys()].join(', ')}`);
    return host;
  }

  /** Process of a host. Fails with a LabError when the host has none of that component. */
  process(host: string, component: string): ManagedProcess {
    const found = this.host(host).processes.find((p) => p.spec.component === component);
    if (!found) throw badInput(`Host ${host} has no ${component}`);
    return found;
  }

  /** Runs `fn` inside a host's namespace. Fails with a LabError when the host is down. */
  inHost<T>(name: string, fn: () => T): T {
    const host = this.host(name);
    if (!host.netns) throw badInput(`Host ${name} is down: bring it back with "svclab fault restart node/${name}"`);
    return withNetns(host.netns, fn);
  }

  /** Power-off: links first, then every process at once, then the namespace. Stays off until {@link powerOn}. */
  powerOff(name: string): bigint {
    const host = this.host(name);
    for (const p of host.processes) p.hold();
    cutLan(host.spec);
    const effective = this.options.clock.nowNs();
    for (const p of host.processes) p.signal('SIGKILL');
    cutControl(host.spec);
    host.netns?.close();
    host.netns = undefined;
    return effective;
  }

  /** Builds a powered-off host anew and starts its processes. Does nothing to one that is up. */
  powerOn(name: string): void {
    const host = this.host(name);
    if (host.netns) for (const p of host.processes) p.start();
    else this.#boot(host.spec);
  }

  /** Ends every process, the servers last. */
  async stop(): Promise<void> {
    const isServer = (p: ManagedProcess): boolean => p.spec.component === 'nats-server';
    await Promise.all(this.processes.filter((p) => !isServer(p)).map((p) => p.stop(700)));
    await Promise.all(this.processes.filter(isServer).map((p) => p.stop(0)));
  }

  #boot(spec: HostSpec): void {
    const { clock, lab, log, timeline } = this.options;
    const host = this.host(spec.name);
    const netns = createHost(lab, spec);
    const processes =
      host.processes.length > 0
        ? host.processes
        : processSpecs(spec, this.options).map(
            (p) =>
              new ManagedProcess(p, inside(netns), {
                clock,
                events: {
                  exited: (process, code, signal) => {
                    log.info({ event: 'process-exited', process: process.name, code, signal });
                    timeline.stamp('process.exited', {
                      attrs: { process: process.name, code: String(code ?? ''), signal: signal ?? '' },
                    });
                  },
                },
              }),
          );
    this.#hosts.set(spec.name, { spec, netns, processes });
    for (const p of processes) p.start(inside(netns));
  }
}
