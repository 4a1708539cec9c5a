/**
 * Follows the interfaces of a network namespace by what the kernel tells of them (rtnetlink(7)), so that nothing is missed between two
 * looks, not even an interface that goes and comes back under the same name. Node cannot wait for such a socket without a thread of its
 * own; asking it ten times a second costs about 0.2 % of a core.
 */
import { closeSync } from 'node:fs';
import type { Clock } from '@svclab/core';
import koffi from 'koffi';
import { SyscallError } from '../netns/libc.ts';
import { changedInterfaces } from './link-messages.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_ROUTE = 0;
/** RTMGRP_LINK and RTMGRP_IPV4_IFADDR. */
const GROUPS = 0x1 | 0x10;
const MSG_DONTWAIT = 0x40;
/** Larger than any datagram of the kernel's (8 KiB, or a page where that is more). */
const DATAGRAM_LIMIT = 32_768;
const PERIOD_MS = 100;

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  recv(fd: number, buffer: Buffer, length: number, flags: number): number;
}

let libc: Libc | undefined;

function load(): Libc {
  const lib = koffi.load('libc.so.6');
  return {
    socket: lib.func('int socket(int domain, int type, int protocol)'),
    bind: lib.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
    recv: lib.func('int64_t recv(int fd, _Out_ uint8_t *buffer, size_t length, int flags)'),
  } as unknown as Libc;
}

/** What has changed since the last time. */
export interface LinkChange {
  /** Indexes of the interfaces that came, went, or have other flags or addresses. */
  readonly indexes: ReadonlySet<number>;
  /** The kernel had more to say than its buffer holds: any interface may have changed. */
  readonly lost: boolean;
}

/** A watch that runs. */
export interface LinkWatch {
  close(): void;
}

/**
 * Calls `onChange` within 100 ms of a change of the links or IPv4 addresses in the thread's present network namespace.
 * What is true at the start is not told: look after opening. Fails with {@link SyscallError} when the kernel gives no such socket.
 */
export function watchLinks(options: {
  readonly clock: Pick<Clock, 'every'>;
  readonly onChange: (change: LinkChange) => void;
}): LinkWatch {
  libc ??= load();
  const { bind, recv, socket } = libc;
  const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw new SyscallError('socket', koffi.errno());
  if (bind(fd, groupsAddress(), 12) < 0) {
    const error = new SyscallError('bind', koffi.errno());
    closeSync(fd);
    throw error;
  }
  const buffer = Buffer.alloc(DATAGRAM_LIMIT);
  const drain = (): void => {
    const indexes = new Set<number>();
    let lost = false;
    for (;;) {
      const size = recv(fd, buffer, buffer.length, MSG_DONTWAIT);
      if (size < 0 && koffi.errno() === koffi.os.errno.ENOBUFS) lost = true;
      else if (size < 0) break;
      else for (const index of changedInterfaces(buffer.subarray(0, size))) indexes.add(index);
    }
    if (lost || indexes.size > 0) options.onChange({ indexes, lost });
  };
  let open = true;
  const cancel = options.clock.every(PERIOD_MS, drain);
  return {
    close() {
      if (!open) return;
      open = false;
      cancel();
      closeSync(fd);
    },
  };
}

/** struct sockaddr_nl: family, padding, port (the kernel chooses), groups. */
function groupsAddress(): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, GROUPS, true);
  return bytes;
}
