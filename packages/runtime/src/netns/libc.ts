/** The few C library calls behind network namespaces. Node has no door to them; koffi calls them on the thread of the caller. */
import { constants } from 'node:os';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');

const cUnshare = libc.func('int unshare(int flags)');
const cSetns = libc.func('int setns(int fd, int nstype)');
const cSocket = libc.func('int socket(int domain, int type, int protocol)');
const cClose = libc.func('int close(int fd)');
const cFcntl = libc.func('int fcntl(int fd, int cmd, ...)');
const cIoctl = libc.func('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)');

/** `CLONE_NEWNET`, linux/sched.h. */
const CLONE_NEWNET = 0x40000000;
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
/** `F_DUPFD_CLOEXEC`, linux/fcntl.h: the lowest free descriptor, closed when a child executes a program. */
const F_DUPFD_CLOEXEC = 1030;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;
/** sizeof(struct ifreq) on 64-bit Linux; the flags follow the 16 bytes of the name. */
const IFREQ_SIZE = 40;
const IFREQ_FLAGS = 16;

/** A system call failed. `code` is the errno's name, `syscall` the call. */
export class SyscallError extends Error {
  readonly syscall: string;
  readonly code: string;
  constructor(syscall: string, errno: number) {
    const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
    super(`${syscall} failed: ${code}`);
    this.name = 'SyscallError';
    this.syscall = syscall;
    this.code = code;
  }
}

function check(syscall: string, result: number): number {
  if (result < 0) throw new SyscallError(syscall, koffi.errno());
  return result;
}

/** Moves the calling thread into a new network namespace. */
export function unshareNetwork(): void {
  check('unshare', cUnshare(CLONE_NEWNET) as number);
}

/** Moves the calling thread into the network namespace behind `fd`. */
export function setNetwork(fd: number): void {
  check('setns', cSetns(fd, CLONE_NEWNET) as number);
}

/** One more descriptor of what `fd` stands for. Not inherited by children. */
export function duplicate(fd: number): number {
  return check('fcntl', cFcntl(fd, F_DUPFD_CLOEXEC, 'int', 0) as number);
}

/** Sets an interface of the thread's present network namespace up, as `ip link set NAME up` does. */
export function setInterfaceUp(name: string): void {
  setFlags(name, (flags) => flags | IFF_UP);
}

/** Sets an interface of the thread's present network namespace down, as `ip link set NAME down` does. */
export function setInterfaceDown(name: string): void {
  setFlags(name, (flags) => flags & ~IFF_UP);
}

function setFlags(name: string, change: (flags: number) => number): void {
  const fd = check('socket', cSocket(AF_INET, SOCK_DGRAM_CLOEXEC, 0) as number);
  try {
    const request = Buffer.alloc(IFREQ_SIZE);
    request.write(name, 'latin1');
    check('ioctl SIOCGIFFLAGS', cIoctl(fd, SIOCGIFFLAGS, request) as number);
    request.writeInt16LE(change(request.readInt16LE(IFREQ_FLAGS)), IFREQ_FLAGS);
    check('ioctl SIOCSIFFLAGS', cIoctl(fd, SIOCSIFFLAGS, request) as number);
  } finally {
    cClose(fd);
  }
}
