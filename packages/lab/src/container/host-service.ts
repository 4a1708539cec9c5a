/** HostService: what the supervisor may see of a host's container and do in it. */
import { spawn } from 'node:child_process';
import type { Clock, HostSpec } from '@svclab/core';
import { ServerError, Status } from '@svclab/runtime';
import type { HostBeat, HostServiceImplementation } from '@svclab/wire';
import { FAULTS, type FaultLab } from '../faults/fault.ts';
import { badInput } from '../state/errors.ts';
import { asStatus, execAsStatus } from '../supervisor/as-status.ts';
import { hostExec } from '../supervisor/host-exec.ts';
import type { ManagedProcess } from '../supervisor/managed-process.ts';
import { processStatus } from '../supervisor/service.ts';
import type { Networks, Observations } from './observations.ts';

/** The processes of the container, in the terms faults are written in. */
export class HostProcesses implements FaultLab {
  readonly options: { readonly clock: Clock };
  /** The host this is. */
  readonly spec: HostSpec;
  readonly all: readonly ManagedProcess[];

  constructor(options: {
    host: HostSpec;
    processes: readonly ManagedProcess[];
    clock: Clock;
  }) {
    this.options = options;
    this.spec = options.host;
    this.all = options.processes;
  }

  host(): { readonly netns: unknown; readonly processes: readonly ManagedProcess[] } {
    return { netns: undefined, processes: this.all };
  }
  process(_host: string, component: string): ManagedProcess {
    const found = this.all.find((p) => p.spec.component === component);
    if (!found) throw badInput(`Host ${this.spec.name} has no ${component}`);
    return found;
  }
  powerOff(): bigint {
    throw badInput('A container is killed from outside');
  }
  powerOn(): void {
    throw badInput('A container is started from outside');
  }
}

/** What the host's first program knows of itself. */
export interface HostState {
  /** New with each start of the container. */
  readonly bootId: string;
  /** It was asked to end. */
  readonly stopping: boolean;
  /** Resolves when it is. */
  readonly stop: Promise<void>;
}

/** What the service works with. */
export interface HostServiceOptions {
  readonly state: HostState;
  readonly processes: HostProcesses;
  readonly observations: Observations;
  readonly clock: Clock;
  networks(): Networks;
}

/** Shortest time between two beats, ms. */
const MIN_INTERVAL_MS = 10;

export function hostService(options: HostServiceOptions): HostServiceImplementation {
  const { clock, observations, processes, state } = options;
  return {
    async *watch({ intervalMs, after }, context): AsyncGenerator<HostBeat> {
      let told = after;
      const interval = Math.max(MIN_INTERVAL_MS, intervalMs);
      while (!context.signal.aborted) {
        const news = observations.after(told);
        told = news[news.length - 1]?.id ?? told;
        yield {
          atNs: clock.nowNs(),
          bootId: state.bootId,
          stopping: state.stopping,
          ...options.networks(),
          observations: news.map((o) => ({ ...o, attrs: { ...o.attrs } })),
        };
        const pause = new Promise<void>((resolve) => clock.after(interval, resolve));
        // A watcher hears at once that the host was asked to end: there may be no next beat.
        await (state.stopping ? pause : Promise.race([pause, state.stop]));
      }
    },
    state: async ({ skipMemory }) => ({ processes: processes.all.map((p) => processStatus(p, skipMemory)) }),
    fault: ({ verb, component, hold }) =>
      asStatus(async () => {
        const fault = Object.hasOwn(FAULTS, verb) ? FAULTS[verb] : undefined;
        if (!fault) throw badInput(`Fault "${verb}" is not known: give one of ${Object.keys(FAULTS).join(', ')}`);
        const context = {
          lab: processes,
          hold,
          killPod: async () => {
            throw new ServerError(Status.INVALID_ARGUMENT, 'Pods are killed through the node-agent');
          },
        };
        let at: bigint | undefined;
        for (const p of processes.all.filter((one) => component === '' || one.spec.component === component)) {
          const target = { kind: 'process', host: p.spec.host, component: p.spec.component } as const;
          const done = await fault.apply(target, context);
          at ??= done;
        }
        if (at === undefined) throw badInput(`Host ${processes.spec.name} has no ${component || 'process'}`);
        return { effectiveNs: at };
      }),
    reload: ({ component }) =>
      asStatus(() => {
        processes.process(processes.spec.name, component).reload();
        return {};
      }),
    exec: (requests, context) => {
      const launch = (start: { command: string[]; cwd: string; env: Record<string, string> }) => {
        const [command = '', ...args] = start.command;
        return spawn(command, args, {
          cwd: start.cwd || '/',
          env: { PATH: process.env.PATH, HOME: '/tmp', TERM: process.env.TERM, ...start.env },
          stdio: ['pipe', 'pipe', 'pipe'],
          detached: true,
        });
      };
      return execAsStatus(hostExec({ clock, launch }, requests, context.signal));
    },
  };
}
