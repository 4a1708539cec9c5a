import { readdirSync, readFileSync } from 'node:fs';
import koffi from 'koffi';

const WNOHANG = 1;
type WaitPid = (pid: number, status: null, options: number) => number;
let waitpid: WaitPid | undefined;

/**
 * Reaps the zombies that this process has inherited as the first process of a PID namespace. libuv waits for the children it
 * started by their pids and for no others, so each foreign one is waited for by its pid; `isOwn` tells which pids are left to libuv.
 * @returns how many were reaped
 */
export function reapOrphans(isOwn: (pid: number) => boolean): number {
  waitpid ??= koffi.load('libc.so.6').func('int waitpid(int pid, void *status, int options)') as unknown as WaitPid;
  let count = 0;
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || isOwn(pid) || !isZombieChild(pid)) continue;
    if (waitpid(pid, null, WNOHANG) === pid) count += 1;
  }
  return count;
}

/** `pid (name) state ppid ...`; the name may hold spaces and parentheses. */
function isZombieChild(pid: number): boolean {
  try {
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return state === 'Z' && Number(parent) === process.pid;
  } catch {
    return false;
  }
}
