/** The hand that heals a container in time: a process of its own, which outlives the one that broke the container. */
import { spawn } from 'node:child_process';
import { programPath } from '../state/programs.ts';

/** When to heal what. */
export interface GuardOrder {
  /** Where labs keep their state. */
  readonly root: string;
  readonly lab: string;
  /** Of the fault. */
  readonly id: string;
  /** Heal after so long, ms; undefined: never by itself. */
  readonly afterMs: number | undefined;
  /** Heal as soon as the process that started it has ended. */
  readonly withParent: boolean;
}

/** A guard that waits. */
export interface HealGuard {
  /** The fault has taken effect now: its duration counts from here. */
  begin(): void;
  /** The fault is over: it has nothing to do any more. */
  disarm(): void;
}

/** What the starter writes to the guard. */
export const BEGIN = 'begin\n';
export const DISARM = 'disarm\n';

/** Starts a guard. It sees the end of this process, however that ends, by the end of its standard input. */
export function startHealGuard(order: GuardOrder): HealGuard {
  const child = spawn(process.execPath, [programPath('heal-guard'), JSON.stringify(order)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  // The pipe is to stay open as long as this process lives, not to keep it alive.
  (child.stdin as unknown as { unref?(): void }).unref?.();
  return { begin: () => void child.stdin.write(BEGIN), disarm: () => void child.stdin.end(DISARM) };
}
