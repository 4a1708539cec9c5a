/**
 * Whole frames as the kernel carries them, through packet(7) sockets with PACKET_VNET_HDR: each frame is preceded by the virtio header that
 * says which checksum is still to be filled in and how a large segment is to be cut up. What one socket receives another can send as it
 * is, so segments of 64 KiB pass whole and nothing about the interfaces' offloads has to change.
 *
 * All calls are synchronous, for a program that does nothing else but wait for frames and pass them on.
 */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';
import { SyscallError } from '../netns/libc.ts';

const { EAGAIN, EINTR, EINVAL, ENETDOWN } = constants.errno;
const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SOL_PACKET = 263;
const SO_RCVBUF = 8;
const SO_SNDBUF = 7;
const SO_RCVBUFFORCE = 33;
const SO_SNDBUFFORCE = 32;
const SO_MARK = 36;
const PACKET_STATISTICS = 6;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
/** `ETH_P_ALL` in network order. */
const EVERY_PROTOCOL = 0x0300;
const PR_SET_TIMERSLACK = 29;
const SCHED_RR = 2;
const POLLIN = 1;
/** sizeof(struct pollfd) */
const POLLFD_SIZE = 8;
/** What a socket holds while its reader is busy, bytes: a burst of large segments. */
const BUFFER_BYTES = 16 << 20;
/** The virtio header and the largest segment there is, with its Ethernet header. */
const FRAME_LIMIT = 10 + 18 + 65_536;

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint32Array): number;
  recv(fd: number, buffer: Uint8Array, length: number, flags: number): number;
  send(fd: number, buffer: Uint8Array, length: number, flags: number): number;
  ppoll(fds: Uint8Array, count: number, timeout: Uint8Array | null, mask: null): number;
  sched_setscheduler(pid: number, policy: number, parameters: Uint8Array): number;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  if_nametoindex(name: string): number;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded) return loaded;
  const lib = koffi.load('libc.so.6');
  loaded = {
    socket: lib.func('int socket(int domain, int type, int protocol)'),
    bind: lib.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
    setsockopt: lib.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)'),
    getsockopt: lib.func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)'),
    recv: lib.func('long recv(int fd, _Out_ uint8_t *buffer, size_t length, int flags)'),
    send: lib.func('long send(int fd, const uint8_t *buffer, size_t length, int flags)'),
    ppoll: lib.func('int ppoll(_Inout_ uint8_t *fds, unsigned long count, const uint8_t *timeout, const void *mask)'),
    sched_setscheduler: lib.func('int sched_setscheduler(int pid, int policy, const uint8_t *parameters)'),
    prctl: lib.func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)'),
    if_nametoindex: lib.func('uint32_t if_nametoindex(const char *name)'),
  } as unknown as Libc;
  return loaded;
}

/** Frames that arrive on an interface. */
export interface FrameSource {
  /** Readable when a frame waits: for {@link waitReadable}. */
  readonly fd: number;
  /** The next frame with its virtio header; undefined when none waits. Fails with {@link SyscallError} for good. */
  receive(): Uint8Array | undefined;
  /** Frames the kernel dropped since the last call because they were not fetched in time. */
  drops(): number;
  close(): void;
}

/** A way out of an interface. */
export interface FrameSink {
  /** Sends what a {@link FrameSource} received; false when the interface is down, gone or full, and the frame is lost. */
  send(frame: Uint8Array): boolean;
  close(): void;
}

/** Opens a source of all frames that come in on `name`. Fails with {@link SyscallError} without CAP_NET_RAW or without such an interface. */
export function openFrameSource(name: string): FrameSource {
  const fd = open(name, EVERY_PROTOCOL);
  setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
  const buffer = Buffer.alloc(FRAME_LIMIT);
  return {
    fd,
    receive() {
      for (;;) {
        const size = Number(libc().recv(fd, buffer, FRAME_LIMIT, 0));
        if (size > 0) return Buffer.from(buffer.subarray(0, size));
        const errno = koffi.errno();
        if (errno === EAGAIN) return undefined;
        // EINVAL: a segment the virtio header has no words for was dropped. ENETDOWN is told once, when the interface goes down.
        if (errno !== EINVAL && errno !== EINTR && errno !== ENETDOWN) throw new SyscallError('recv', errno);
      }
    },
    drops() {
      // struct tpacket_stats: packets, drops; reading clears both.
      const stats = Buffer.alloc(8);
      return libc().getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, stats, Uint32Array.of(8)) < 0
        ? 0
        : stats.readUInt32LE(4);
    },
    close: () => closeSync(fd),
  };
}

/**
 * Opens a way out of interface `name`. When the interface is taken away and another gets its name, the next frame goes there.
 * @param mark of the frames it sends, for rules that are to tell them from others (`meta mark`)
 */
export function openFrameSink(name: string, mark: number): FrameSink {
  let fd: number | undefined = openSink(name, mark);
  return {
    send(frame) {
      fd ??= tryOpenSink(name, mark);
      if (fd === undefined) return false;
      if (Number(libc().send(fd, frame, frame.length, 0)) >= 0) return true;
      const { code } = new SyscallError('send', koffi.errno());
      if (code === 'ENXIO' || code === 'ENODEV') {
        closeSync(fd);
        fd = tryOpenSink(name, mark);
      }
      return false;
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

function openSink(name: string, mark: number): number {
  // With no protocol it receives nothing.
  const fd = open(name, 0);
  setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
  check('setsockopt SO_MARK', setNumber(fd, SOL_SOCKET, SO_MARK, mark), fd);
  return fd;
}

function tryOpenSink(name: string, mark: number): number | undefined {
  try {
    return openSink(name, mark);
  } catch {
    return undefined;
  }
}

function open(name: string, protocol: number): number {
  const c = libc();
  const index = c.if_nametoindex(name);
  if (index === 0) throw new SyscallError('if_nametoindex', koffi.errno());
  // It hears nothing before it is bound: with a protocol given here it would get the frames of every interface until then.
  const fd = c.socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw new SyscallError('socket', koffi.errno());
  check('setsockopt PACKET_VNET_HDR', setNumber(fd, SOL_PACKET, PACKET_VNET_HDR, 1), fd);
  check('setsockopt PACKET_IGNORE_OUTGOING', setNumber(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1), fd);
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16LE(protocol, 2);
  address.writeInt32LE(index, 4);
  check('bind', c.bind(fd, address, address.length), fd);
  return fd;
}

function check(syscall: string, result: number, fd: number): void {
  if (result >= 0) return;
  const error = new SyscallError(syscall, koffi.errno());
  closeSync(fd);
  throw error;
}

function setNumber(fd: number, level: number, name: number, value: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return libc().setsockopt(fd, level, name, bytes, 4);
}

/** As large as it may be: beyond the machine's limit only where this process has CAP_NET_ADMIN over the machine. */
function setBuffer(fd: number, force: number, ordinary: number): void {
  if (setNumber(fd, SOL_SOCKET, force, BUFFER_BYTES) < 0) setNumber(fd, SOL_SOCKET, ordinary, BUFFER_BYTES);
}

/**
 * Waits until a descriptor is readable, or has been closed at its other end, or `timeoutMs` have passed (fractions count; undefined waits
 * for ever). Blocks the thread. Returns for each whether it is.
 */
export function waitReadable(fds: readonly number[], timeoutMs: number | undefined): boolean[] {
  const polls = Buffer.allocUnsafe(fds.length * POLLFD_SIZE);
  for (let i = 0; i < fds.length; i++) {
    polls.writeInt32LE(fds[i] ?? -1, i * POLLFD_SIZE);
    polls.writeInt32LE(POLLIN, i * POLLFD_SIZE + 4);
  }
  const count = libc().ppoll(polls, fds.length, timeoutMs === undefined ? null : timespec(timeoutMs), null);
  return fds.map((_, i) => count > 0 && polls.readInt16LE(i * POLLFD_SIZE + 6) !== 0);
}

function timespec(ms: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  const ns = Math.max(0, Math.round(ms * 1e6));
  bytes.writeBigInt64LE(BigInt(Math.floor(ns / 1e9)), 0);
  bytes.writeBigInt64LE(BigInt(ns % 1e9), 8);
  return bytes;
}

/**
 * Has the calling thread woken at the time it asked for: not up to 50 us later, which the kernel allows itself by default, and ahead of
 * processes that are not in real time, where that is allowed (CAP_SYS_NICE over the machine). Returns whether it is.
 */
export function wakeOnTime(): boolean {
  libc().prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  const priority = Buffer.alloc(4);
  priority.writeInt32LE(1);
  return libc().sched_setscheduler(0, SCHED_RR, priority) === 0;
}
