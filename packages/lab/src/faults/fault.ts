/** The family of faults: one verb each, one list. A verb acts on a resolved target and returns the instant it took effect. */

import type { Clock } from '@svclab/core';
import { badInput } from '../state/errors.ts';
import type { ManagedProcess } from '../supervisor/managed-process.ts';
import { type FaultTarget, formatTarget } from './target.ts';

/** A target that names hosts, processes or pods (an `owner/...` has been resolved to its node). */
export type ResolvedTarget = Exclude<FaultTarget, { kind: 'owner' }>;

/** The hosts and processes verbs act on. */
export interface FaultLab {
  readonly options: { readonly clock: Clock };
  /** Fails with a LabError when there is none of that name. `netns` is undefined while the host is off. */
  host(name: string): { readonly netns: unknown; readonly processes: readonly ManagedProcess[] };
  process(host: string, component: string): ManagedProcess;
  powerOff(host: string): bigint;
  powerOn(host: string): void;
}

/** What a verb works with. */
export interface FaultContext {
  readonly lab: FaultLab;
  /** Ends a pod's containers at once. */
  killPod(namespace: string, pod: string): Promise<void>;
  /** Keep it down until `restart`. */
  readonly hold: boolean;
}

/** Result: CLOCK_MONOTONIC ns of the effect. */
type Verb = (target: ResolvedTarget, context: FaultContext) => Promise<bigint> | bigint;

/** Verbs by name. `heals` marks those that undo. */
export const FAULTS: Readonly<Record<string, { readonly apply: Verb; readonly heals: boolean; readonly doc: string }>> =
  {
    kill: {
      apply: async (target, context) => {
        if (target.kind === 'host') return context.lab.powerOff(target.host);
        if (target.kind === 'pod') return effect(context, () => context.killPod(target.namespace, target.pod));
        return effect(context, () => signal(target, context, 'SIGKILL'));
      },
      heals: false,
      doc: 'a node loses its power (until restart); a process or a pod gets SIGKILL and is restarted',
    },
    stop: {
      apply: async (target, context) => {
        if (target.kind === 'pod') throw badInput('A pod is stopped with kubectl delete pod');
        const processes = of(target, context);
        for (const p of processes) p.hold();
        return effect(context, () => {
          for (const p of processes) p.signal('SIGTERM');
        });
      },
      heals: false,
      doc: 'SIGTERM: the processes take their leave and stay down until restart',
    },
    pause: {
      apply: (target, context) => effect(context, () => signal(target, context, 'SIGSTOP')),
      heals: false,
      doc: 'SIGSTOP: alive but silent; the kernel goes on forwarding',
    },
    resume: {
      apply: (target, context) => effect(context, () => signal(target, context, 'SIGCONT')),
      heals: true,
      doc: 'SIGCONT after pause',
    },
    restart: {
      apply: (target, context) => effect(context, () => restart(target, context)),
      heals: true,
      doc: 'brings back what is down; what runs is killed and started again',
    },
  };

async function effect(context: FaultContext, act: () => void | Promise<void>): Promise<bigint> {
  const at = context.lab.options.clock.nowNs();
  await act();
  return at;
}

function of(target: ResolvedTarget, context: FaultContext): readonly ManagedProcess[] {
  if (target.kind === 'host') return context.lab.host(target.host).processes;
  if (target.kind === 'process') return [context.lab.process(target.host, target.component)];
  throw badInput(`${formatTarget(target)} is a pod: only kill acts on pods`);
}

function signal(target: ResolvedTarget, context: FaultContext, name: NodeJS.Signals): void {
  for (const p of of(target, context)) {
    if (context.hold) p.hold();
    if (!p.signal(name))
      throw badInput(
        `Process ${p.name} is not running: bring it back with "svclab fault restart ${formatTarget(target)}"`,
      );
  }
}

function restart(target: ResolvedTarget, context: FaultContext): void {
  if (target.kind === 'host') {
    if (context.lab.host(target.host).netns) context.lab.powerOff(target.host);
    context.lab.powerOn(target.host);
    return;
  }
  for (const p of of(target, context)) {
    const runs = p.pid !== 0;
    // One that was stopped and still takes its leave is held as well: it comes back when it has ended.
    p.start();
    if (runs) p.signal('SIGKILL');
  }
}
