/** Signals and restarts: what is done to the processes of a host where they are this process's children. */
import type { Clock } from '@svclab/core';
import { badInput } from '../state/errors.ts';
import type { ManagedProcess } from '../supervisor/managed-process.ts';

/** What can be done to processes. */
export const PROCESS_VERBS = ['kill', 'stop', 'pause', 'resume', 'restart'] as const;
export type ProcessVerb = (typeof PROCESS_VERBS)[number];

/** Whether a word is one of {@link PROCESS_VERBS}. */
export function isProcessVerb(word: string): word is ProcessVerb {
  return PROCESS_VERBS.some((v) => v === word);
}

/** What Docker does to a whole container, from outside. */
export function isContainerVerb(word: string): boolean {
  return isProcessVerb(word) || word === 'reboot';
}

/** Processes to act on. */
export interface ProcessRef {
  readonly host: string;
  /** Undefined: all of the host. */
  readonly component: string | undefined;
}

/** Acts on processes; `hold` keeps a killed one down until restart. Returns CLOCK_MONOTONIC ns of the effect. */
export type ActOnProcess = (
  verb: ProcessVerb,
  ref: ProcessRef,
  options?: { readonly hold?: boolean },
) => Promise<bigint>;

/**
 * Acts on processes that are children of this one.
 * @param name the target as the user may write it, for messages
 */
export function actOnProcesses(
  verb: ProcessVerb,
  processes: readonly ManagedProcess[],
  { clock, hold, name }: { clock: Clock; hold: boolean; name: string },
): bigint {
  const at = clock.nowNs();
  const signal = (which: NodeJS.Signals): void => {
    for (const p of processes) {
      if (hold) p.hold();
      if (!p.signal(which))
        throw badInput(`Process ${p.name} is not running: bring it back with "svclab fault restart ${name}"`);
    }
  };
  switch (verb) {
    case 'kill':
      signal('SIGKILL');
      break;
    case 'stop':
      for (const p of processes) p.hold();
      for (const p of processes) p.signal('SIGTERM');
      break;
    case 'pause':
      signal('SIGSTOP');
      break;
    case 'resume':
      signal('SIGCONT');
      break;
    case 'restart':
      for (const p of processes) {
        const runs = p.pid !== 0;
        // One that was stopped and still takes its leave is held as well: it comes back when it has ended.
        p.start();
        if (runs) p.signal('SIGKILL');
      }
      break;
  }
  return at;
}
