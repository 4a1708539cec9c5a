/**
 * Sockets that belong to another network namespace than the process.
 *
 * The kernel ties a socket to the namespace of the thread that creates it, and libuv creates it late: at `bind` or `connect`. Node puts a
 * name resolution before both, which ends a tick later even for a literal address, when the thread is home again. A `lookup` that
 * answers before it returns keeps the whole of it inside the synchronous moment. The tests hold this for every supported Node.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { isIP, type Server, Socket } from 'node:net';
import { duplicate } from './libc.ts';
import { type Netns, NetnsError, withNetns } from './netns.ts';

/**
 * Lets `server` listen on all addresses of `namespace`. When this returns the port is open (or 'error' is about to be emitted).
 * Clients appear as IPv4-mapped addresses (`::ffff:10.244.1.5`) where IPv6 is on.
 */
export function listenIn(
  namespace: Pick<Netns, 'fd'>,
  server: Server,
  options: { readonly port: number; readonly backlog?: number },
): void {
  withNetns(namespace, () => server.listen({ port: options.port, backlog: options.backlog ?? 1024, exclusive: true }));
}

/**
 * Connects to a literal address from inside `namespace`. Events as `net.connect`.
 * Fails with {@link NetnsError} when `address` is a name: names are resolved by whoever knows the namespace's resolver.
 */
export function connectIn(
  namespace: Pick<Netns, 'fd'>,
  options: { readonly address: string; readonly port: number; readonly localAddress?: string },
): Socket {
  const family = isIP(options.address);
  if (family === 0) throw new NetnsError(`"${options.address}" is no IP address: resolve names before connecting`);
  return withNetns(namespace, () => {
    const socket = new Socket();
    socket.connect({
      // Any text that is no address, so that Node asks `lookup`.
      host: 'literal.invalid',
      port: options.port,
      family,
      autoSelectFamily: false,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      lookup: (_host, _options, callback) => callback(null, options.address, family),
    });
    return socket;
  });
}

/**
 * A UDP socket bound inside `namespace`. When this returns it is bound (or 'error' is about to be emitted).
 * @param options.port 0 for any
 * @param options.address a literal address of the namespace; all addresses when left out
 */
export function udpSocketIn(
  namespace: Pick<Netns, 'fd'>,
  options: { readonly port?: number; readonly address?: string; readonly type?: 'udp4' | 'udp6' } = {},
): UdpSocket {
  const type = options.type ?? 'udp4';
  const family = type === 'udp4' ? 4 : 6;
  const address = options.address ?? (family === 4 ? '0.0.0.0' : '::');
  return withNetns(namespace, () => {
    const socket = createSocket({ type, lookup: (host, _options, callback) => callback(null, host, family) });
    socket.bind({ port: options.port ?? 0, address, exclusive: true });
    return socket;
  });
}

/**
 * The listening socket of `server` as a descriptor that stays open when the server is closed: for a child that accepts in this
 * process's stead. Call it when `server` has just begun to listen and close the server in the same tick, so that it accepts nothing itself.
 */
export function listeningFd(server: Server): number {
  const fd = (server as unknown as { _handle?: { fd: number } })._handle?.fd;
  if (fd === undefined || fd < 0) throw new NetnsError('Server does not listen: only a listening one has a descriptor');
  return duplicate(fd);
}
