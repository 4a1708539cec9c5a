/**
 * Raw Ethernet frames of one EtherType on one interface (packet(7)), through an FFI to libc.
 * The socket belongs to the network namespace of the thread that opens it.
 */
import { closeSync, read, writeSync } from 'node:fs';
import koffi from 'koffi';
import { SyscallError } from '../netns/libc.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
/** A read gives its worker thread back this often, so that closing and exiting never wait longer; microseconds. */
const READ_TIMEOUT_US = 100_000;
const FRAME_LIMIT = 2048;

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number;
  if_nametoindex(name: string): number;
}

let libc: Libc | undefined;

function load(): Libc {
  const lib = koffi.load('libc.so.6');
  return {
    socket: lib.func('int socket(int domain, int type, int protocol)'),
    bind: lib.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
    setsockopt: lib.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)'),
    getsockname: lib.func('int getsockname(int fd, _Out_ uint8_t *address, _Inout_ uint32_t *length)'),
    if_nametoindex: lib.func('uint32_t if_nametoindex(const char *name)'),
  } as unknown as Libc;
}

/** A socket that sends and receives whole frames. */
export interface PacketSocket {
  /** Sends a frame with its Ethernet header. Fails with the system's error, for instance when the interface is down. */
  send(frame: Uint8Array): void;
  close(): void;
}

/** What to open. */
export interface PacketSocketOptions {
  readonly interface: string;
  /** `0x0806` for ARP. */
  readonly etherType: number;
  /** Called for each frame. */
  readonly onFrame: (frame: Uint8Array) => void;
  /** Called once when reading fails for good, with code ENODEV when the interface is gone; the socket is closed then. An interface that is down is waited for. */
  readonly onError: (error: Error) => void;
}

/** Opens a packet socket. Fails with {@link SyscallError} without CAP_NET_RAW or when there is no such interface. */
export function openPacketSocket(options: PacketSocketOptions): PacketSocket {
  libc ??= load();
  const index = libc.if_nametoindex(options.interface);
  if (index === 0) throw new SyscallError('if_nametoindex', koffi.errno());
  const protocol = ((options.etherType & 0xff) << 8) | (options.etherType >> 8);
  const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw new SyscallError('socket', koffi.errno());
  if (
    libc.bind(fd, linkAddress(index, protocol), 20) < 0 ||
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(), 16) < 0
  ) {
    const error = new SyscallError('bind', koffi.errno());
    closeSync(fd);
    throw error;
  }
  return start(fd, options);
}

/** struct sockaddr_ll: family, protocol in network order, interface index; the rest is not needed to bind. */
function linkAddress(index: number, protocol: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, protocol, true);
  view.setInt32(4, index, true);
  return bytes;
}

/** Whether the socket still has its interface: the kernel unbinds it when the interface goes, and reads would wait for ever. */
function isBound(fd: number): boolean {
  const address = new Uint8Array(20);
  if ((libc as Libc).getsockname(fd, address, Uint32Array.of(address.length)) < 0) return false;
  return new DataView(address.buffer).getInt32(4, true) > 0;
}

/** struct timeval of the read timeout. */
function timeval(): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigInt64(8, BigInt(READ_TIMEOUT_US), true);
  return bytes;
}

function start(fd: number, options: PacketSocketOptions): PacketSocket {
  let open = true;
  let reading = false;
  const buffer = Buffer.alloc(FRAME_LIMIT);
  const end = (): void => {
    open = false;
    // A read still runs on a worker thread; it closes when it comes back.
    if (!reading) closeSync(fd);
  };
  const next = (): void => {
    reading = true;
    read(fd, buffer, 0, FRAME_LIMIT, null, (error, size) => {
      reading = false;
      if (!open) {
        closeSync(fd);
        return;
      }
      const fatal = error ? fatalError(error, fd, options.interface) : undefined;
      if (fatal) {
        end();
        options.onError(fatal);
        return;
      }
      if (!error && size > 0) options.onFrame(Uint8Array.from(buffer.subarray(0, size)));
      if (open) next();
    });
  };
  next();
  return {
    send: (frame) => void writeSync(fd, frame),
    close: () => {
      if (open) end();
    },
  };
}

/** What ends a socket, out of what a read says. */
function fatalError(error: NodeJS.ErrnoException, fd: number, name: string): Error | undefined {
  if (error.code !== 'EAGAIN' && error.code !== 'EINTR' && error.code !== 'ENETDOWN') return error;
  if (isBound(fd)) return undefined;
  return Object.assign(new Error(`Interface ${name} is gone: open a socket on another`), { code: 'ENODEV' });
}
