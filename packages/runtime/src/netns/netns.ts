/**
 * Network namespaces held by an open file descriptor (docs/adr/0003): no name, no mount, gone with the process.
 *
 * A namespace belongs to a thread. Everything here moves the calling (main) thread for one synchronous moment and brings it back;
 * libuv's worker threads stay where the process began, so nothing that hands work to them (`dns.lookup`, asynchronous `fs` on
 * `/proc/sys/net`) sees the other namespace. A socket keeps the namespace it was made in for its whole life.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { SyscallError, setInterfaceUp, setNetwork, unshareNetwork } from './libc.ts';

/** A network namespace, alive as long as it is open here, a process or socket lives in it, or an interface's peer needs it. */
export interface Netns {
  /** The descriptor that holds it. Not inherited by children. */
  readonly fd: number;
  /** Its path for this process, `/proc/self/fd/N`. */
  readonly path: string;
  /** Its path for other processes, `/proc/PID/fd/N`: what `ip link set ... netns` and `nsenter --net=` take. */
  readonly procPath: string;
  /** Lets go of it. Repeating does nothing. */
  close(): void;
}

/** A network namespace could not be made, opened or entered. */
export class NetnsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NetnsError';
  }
}

const THREAD_NAMESPACE = '/proc/thread-self/ns/net';
let home: number | undefined;
/** Descriptor of the namespace the thread is in now. */
let present: number | undefined;

/** The namespace the process began in. Opened once and never closed. */
function homeFd(): number {
  home ??= openSync(THREAD_NAMESPACE, 'r');
  present ??= home;
  return home;
}

function wrap(fd: number): Netns {
  let open = true;
  return {
    fd,
    path: `/proc/self/fd/${fd}`,
    procPath: `/proc/${process.pid}/fd/${fd}`,
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** Goes back to `fd`. A thread that cannot is in the wrong network for all it does next, so the process ends at once. */
function goBack(fd: number): void {
  try {
    setNetwork(fd);
    present = fd;
  } catch (error) {
    writeSync(2, `Cannot return to the network namespace of descriptor ${fd}: ${String(error)}\n`);
    process.abort();
  }
}

/**
 * Makes an empty network namespace with its loopback up. Takes about 0.2 ms.
 * Fails with {@link NetnsError} without CAP_SYS_ADMIN.
 */
export function createNetns(): Netns {
  homeFd();
  const before = present ?? homeFd();
  try {
    unshareNetwork();
  } catch (error) {
    const cure =
      error instanceof SyscallError && error.code === 'EPERM'
        ? ': run as root, or inside "unshare --user --map-current-user --keep-caps"'
        : '';
    throw new NetnsError(`Network namespace cannot be made (${(error as Error).message})${cure}`, { cause: error });
  }
  try {
    const namespace = wrap(openSync(THREAD_NAMESPACE, 'r'));
    setInterfaceUp('lo');
    return namespace;
  } finally {
    goBack(before);
  }
}

/**
 * Opens an existing namespace: `/proc/PID/ns/net`, or the `procPath` of one that another process holds.
 * Fails with {@link NetnsError} when nothing is there or it is no network namespace.
 */
export function openNetns(path: string): Netns {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw new NetnsError(`Network namespace ${path} cannot be opened: ${(error as Error).message}`, { cause: error });
  }
  const before = present ?? homeFd();
  try {
    setNetwork(fd);
  } catch (error) {
    closeSync(fd);
    throw new NetnsError(`${path} cannot be entered as a network namespace: ${(error as Error).message}`, {
      cause: error,
    });
  }
  goBack(before);
  return wrap(fd);
}

/** The namespace the calling thread is in now, as one more handle on it. */
export function currentNetns(): Netns {
  return wrap(openSync(THREAD_NAMESPACE, 'r'));
}

/**
 * Runs `fn` inside `namespace` and returns to where the thread was, whatever `fn` does. Calls may nest.
 * `fn` must be synchronous: what it awaits would run outside. A promise as its result is refused.
 * If the way back fails the process aborts.
 */
export function withNetns<T>(namespace: Pick<Netns, 'fd'>, fn: () => T): T {
  homeFd();
  const before = present ?? homeFd();
  try {
    setNetwork(namespace.fd);
  } catch (error) {
    throw new NetnsError(
      `Network namespace of descriptor ${namespace.fd} cannot be entered: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  present = namespace.fd;
  let result: T;
  try {
    result = fn();
  } finally {
    goBack(before);
  }
  if (result instanceof Promise)
    throw new TypeError('Function given to withNetns returned a promise: it must be synchronous, await outside');
  return result;
}

/** Starts a program inside `namespace`; it and its children stay there. Arguments as `child_process.spawn` takes them. */
export function spawnIn(
  namespace: Pick<Netns, 'fd'>,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  return withNetns(namespace, () => spawn(command, args, options));
}

/**
 * Sets a network sysctl of the namespace the thread is in (call it inside {@link withNetns}).
 * @param path below `/proc/sys`, `net/ipv4/ip_forward`
 * @returns false where the kernel lacks it or does not allow it (a read-only `/proc/sys`, say)
 */
export function writeSysctl(path: string, value: string | number): boolean {
  try {
    writeFileSync(`/proc/sys/${path}`, String(value));
    return true;
  } catch {
    return false;
  }
}

/** Value of a network sysctl of the namespace the thread is in, as text; undefined where the kernel lacks it. @param path below `/proc/sys` */
export function readSysctl(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
