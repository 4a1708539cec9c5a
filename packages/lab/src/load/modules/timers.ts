/** `k6/timers` and the global timers for load scripts: an iteration lasts until they have fired or are cleared. */
import { vuOf } from '../vu.ts';

const vu = vuOf(import.meta.url);
const open = new Map<number, () => void>();
let next = 1;

function arm(repeat: boolean, fn: (...args: unknown[]) => void, ms: number, args: unknown[]): number {
  const id = next++;
  open.set(
    id,
    vu.timer(ms, repeat, () => {
      if (!repeat) open.delete(id);
      fn(...args);
    }),
  );
  return id;
}

function disarm(id: number): void {
  open.get(id)?.();
  open.delete(id);
}

/** Calls `fn` once after `ms`. */
export const setTimeout = (fn: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): number =>
  arm(false, fn, ms, args);
/** Calls `fn` each `ms`. */
export const setInterval = (fn: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): number =>
  arm(true, fn, ms, args);
/** Ends a timer. */
export const clearTimeout = disarm;
/** Ends an interval. */
export const clearInterval = disarm;

export default { setTimeout, setInterval, clearTimeout, clearInterval };
