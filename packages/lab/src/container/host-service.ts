/** HostService: what the supervisor may see of a host's container and do in it. */
import { spawn } from 'node:child_process';
import type { Clock, HostSpec } from '@svclab/core';
import type { HostBeat, HostServiceImplementation } from '@svclab/wire';
import { actOnProcesses, isProcessVerb, PROCESS_VERBS } from '../faults/process-verbs.ts';
import { formatTarget } from '../faults/target.ts';
import { badInput } from '../state/errors.ts';
import { asStatus, execAsStatus } from '../supervisor/as-status.ts';
import { hostExec } from '../supervisor/host-exec.ts';
import type { ManagedProcess } from '../supervisor/managed-process.ts';
import { processStatus } from '../supervisor/service.ts';
import type { Networks, Observations } from './observations.ts';

/** The processes of the container. */
export class HostProcesses {
  readonly clock: Clock;
  /** The host this is. */
  readonly spec: HostSpec;
  readonly all: readonly ManagedProcess[];

  constructor(options: {
    host: HostSpec;
    processes: readonly ManagedProcess[];
    clock: Clock;
  }) {
    this.clock = options.clock;
    this.spec = options.host;
    this.all = options.processes;
  }

  /** Fails with a LabError when the host has none of that component. */
  process(component: string): ManagedProcess {
    const found = this.all.find((p) => p.spec.component === component);
    if (!found) throw badInput(`Host ${this.spec.name} has no ${component}`);
    return found;
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
      asStatus(() => {
        if (!isProcessVerb(verb))
          throw badInput(`Fault "${verb}" is not known: give one of ${PROCESS_VERBS.join(', ')}`);
        const { spec, all } = processes;
        if (component === '' && all.length === 0) throw badInput(`Host ${spec.name} has no process`);
        const target = { kind: 'process', host: spec.name, component } as const;
        const name = formatTarget(component === '' ? { kind: 'host', host: spec.name } : target);
        const chosen = component === '' ? all : [processes.process(component)];
        return { effectiveNs: actOnProcesses(verb, chosen, { clock, hold, name }) };
      }),
    reload: ({ component }) =>
      asStatus(() => {
        processes.process(component).reload();
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
