/** The hosts of a composed lab, each seen through its first process. Containers are made and removed from outside; the lab's files follow. */
import { rmSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Clock, HostSpec } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import type { LabState } from '../plan/nodes.ts';
import { supervisorIP } from '../plan/plan.ts';
import type { NodeHosts } from '../supervisor/node-changes.ts';
import type { TimelineLog } from '../supervisor/timeline-log.ts';
import type { ContainerFaults } from './container-faults.ts';
import { hostSecretsPath } from './files.ts';
import { HostMonitor } from './host-monitor.ts';
import { writeLabFiles } from './prepare.ts';

/** What following the hosts needs. */
export interface ContainerHostsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: ContainerFaults;
  readonly timeline: TimelineLog;
}

/** How long one call may take, and a process that is to end, ms. */
const CALL_MS = 3000;
const END_MS = 5000;
const POLL_MS = 20;

export class ContainerHosts implements NodeHosts {
  readonly #options: ContainerHostsOptions;
  readonly #monitors = new Map<string, HostMonitor>();
  #state: LabState;

  constructor(state: LabState, options: ContainerHostsOptions) {
    this.#options = options;
    this.#state = state;
    this.#watch();
  }

  get state(): LabState {
    return this.#state;
  }
  get hosts(): readonly HostSpec[] {
    return this.#state.lab.hosts;
  }
  /** By name of the host. */
  get monitors(): ReadonlyMap<string, HostMonitor> {
    return this.#monitors;
  }

  update(next: LabState): void {
    writeLabFiles(next.lab, next.secrets);
    this.#state = next;
    this.#watch();
    for (const host of this.hosts.filter((h) => h.role === 'nats')) void this.#reload(host.name);
  }

  isUp(host: string): boolean {
    return this.#monitors.get(host)?.answers ?? false;
  }

  async endProcess(host: string, component: string): Promise<void> {
    const client = this.#monitors.get(host)?.client;
    if (!client) return;
    const { clock } = this.#options;
    const fault = (verb: string) => client.fault({ verb, component, hold: true }, { timeoutMs: CALL_MS });
    const until = clock.now() + END_MS;
    let killed = false;
    await fault('stop');
    for (;;) {
      const { processes } = await client.state({ skipMemory: true }, { timeoutMs: CALL_MS });
      if (!processes.some((p) => p.component === component && p.pid !== 0)) return;
      if (!killed && clock.now() >= until) {
        killed = true;
        await fault('kill');
      }
      await new Promise<void>((resolve) => clock.after(POLL_MS, resolve));
    }
  }

  /** The container itself is removed from outside, now that nobody watches it: its end is no fault. */
  async dismantle(host: string): Promise<void> {
    this.#monitors.get(host)?.close();
    this.#monitors.delete(host);
    rmSync(hostSecretsPath(host), { force: true });
  }

  /** A server that cannot be told now reads its file when it starts again. */
  async #reload(host: string): Promise<void> {
    try {
      await this.#monitors.get(host)?.client.reload({ component: 'nats-server' }, { timeoutMs: CALL_MS });
    } catch (err) {
      this.#options.log.warn({ event: 'reload-failed', target: host, err });
    }
  }

  #watch(): void {
    const { clock, faults, log, timeline } = this.#options;
    for (const spec of this.hosts)
      if (!this.#monitors.has(spec.name))
        this.#monitors.set(
          spec.name,
          new HostMonitor(spec, {
            clock,
            log,
            token: this.#state.secrets.token,
            connected: () => isOwn(supervisorIP(this.#state.lab)),
            events: {
              host: (host, event) => faults.seen(host, event),
              exited: (_host, atNs, attrs) => void timeline.stamp('process.exited', { atNs, attrs: { ...attrs } }),
            },
          }),
        );
  }
}

/** Whether an address is one of this container's. */
function isOwn(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((a) => a.address === address));
}
