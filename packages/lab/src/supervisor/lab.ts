/** The running lab: hosts, their processes, and what may be done to them. */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, HostSpec, LabConfig } from '@svclab/core';
import { type Logger, type Netns, spawnIn, withNetns } from '@svclab/runtime';
import { useLabNames } from '../driver/name-service.ts';
import { createBridges, createHost, cutLan, removeLinks } from '../driver/network.ts';
import type { LabState } from '../plan/nodes.ts';
import { badInput, environmentError } from '../state/errors.ts';
import { writeLab } from '../state/lab-files.ts';
import type { LabPaths } from '../state/paths.ts';
import type { LabSecrets } from '../state/secrets.ts';
import { ManagedProcess, type Place } from './managed-process.ts';
import type { NodeHosts } from './node-changes.ts';
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
  /** Descriptors of the controllers' listening sockets, when they are not the usual ones. */
  readonly apiFds?: readonly number[];
}

/** Starts processes in a host's namespace. */
const inside = (netns: Netns): Place => ({
  spawn: (command, args, options) => spawnIn(netns, command, args, options),
});

/** How long a process that is to end may take, ms; then it is killed. */
const END_MS = 5000;
const POLL_MS = 10;

export class Lab implements NodeHosts {
  #options: LabOptions;
  readonly #hosts = new Map<string, LabHost>();
  /** Settings the kernel refused, `net/ipv4/ip_forward=1`. */
  readonly #refused = new Set<string>();
  /** Told of each host that got power again. */
  #back: (host: string) => void = () => {};
  /** Pids of programs run on hosts for users. */
  readonly #guests = new Set<number>();

  constructor(options: LabOptions) {
    this.#options = options;
  }

  /** With the description and the secrets as they are now. */
  get options(): LabOptions {
    return this.#options;
  }
  /** In the order of the description. */
  get hosts(): readonly LabHost[] {
    return this.options.lab.hosts.flatMap((spec) => this.#hosts.get(spec.name) ?? []);
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
    for (const spec of this.options.lab.hosts) mkdirSync(this.#runDir(spec.name), { recursive: true, mode: 0o700 });
    mkdirSync(this.options.paths.logs, { recursive: true });
  }

  /** Builds the networks and starts everything; returns as soon as all is started, not when it is ready. */
  start(): void {
    createBridges(this.options.lab);
    const unnamed = useLabNames(this.options.lab, this.options.paths.dir);
    if (unnamed !== undefined) this.options.log.warn({ event: 'resolv-conf-not-set', reason: unnamed });
    for (const spec of this.options.lab.hosts) this.boot(spec);
    if (this.#refused.size > 0)
      this.options.log.warn({ event: 'sysctls-not-set', reason: [...this.#refused].join(', ') });
    if (this.#refused.has('net/ipv4/ip_forward=1'))
      throw environmentError(
        'Nodes cannot forward: /proc/sys is read-only here and the machine has net.ipv4.ip_forward off; turn it on there, as Docker does by default',
      );
  }

  get state(): LabState {
    const { lab, secrets } = this.options;
    return { lab, secrets };
  }

  update({ lab, secrets }: LabState): void {
    writeLab(this.options.paths, lab, secrets);
    this.#options = { ...this.options, lab, secrets };
    for (const p of this.processes) if (p.spec.component === 'nats-server') p.reload();
  }

  boot(spec: HostSpec): void {
    mkdirSync(this.#runDir(spec.name), { recursive: true, mode: 0o700 });
    this.#hosts.set(spec.name, { spec, netns: undefined, processes: [] });
    this.#boot(spec);
  }

  isUp(name: string): boolean {
    return this.#hosts.get(name)?.netns !== undefined;
  }

  async endProcess(host: string, component: string): Promise<void> {
    const process = this.process(host, component);
    process.hold();
    process.signal('SIGTERM');
    const cancel = this.options.clock.after(END_MS, () => process.signal('SIGKILL'));
    await this.#gone([process]);
    cancel();
  }

  async dismantle(name: string): Promise<void> {
    const host = this.#hosts.get(name);
    if (!host) return;
    this.powerOff(name);
    await this.#gone(host.processes);
    this.#hosts.delete(name);
    rmSync(this.#runDir(name), { recursive: true, force: true });
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
    removeLinks(host.spec);
    host.netns?.close();
    host.netns = undefined;
    return effective;
  }

  /** Builds a powered-off host anew and starts its processes. Does nothing to one that is up. */
  powerOn(name: string): void {
    const host = this.host(name);
    if (host.netns) {
      for (const p of host.processes) p.start();
      return;
    }
    this.#boot(host.spec);
    this.#back(name);
  }

  /** Calls `fn` with the name of each host that was powered off and is on again. */
  onBack(fn: (host: string) => void): void {
    this.#back = fn;
  }

  /** Ends every process, the servers last. */
  async stop(): Promise<void> {
    const isServer = (p: ManagedProcess): boolean => p.spec.component === 'nats-server';
    await Promise.all(this.processes.filter((p) => !isServer(p)).map((p) => p.stop(700)));
    await Promise.all(this.processes.filter(isServer).map((p) => p.stop(0)));
  }

  #runDir(host: string): string {
    return join(this.options.paths.run, host);
  }

  async #gone(processes: readonly ManagedProcess[]): Promise<void> {
    while (processes.some((p) => p.pid !== 0))
      await new Promise<void>((resolve) => this.options.clock.after(POLL_MS, resolve));
  }

  #boot(spec: HostSpec): void {
    const { clock, lab, log, timeline } = this.options;
    const host = this.host(spec.name);
    const netns = createHost(lab, spec, (setting) => this.#refused.add(setting));
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
