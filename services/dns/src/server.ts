import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import type { Clock, Random } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import { type Answerer, respond } from './message.ts';
import type { Served } from './metrics.ts';

/** How long an idle TCP client is kept, milliseconds (RFC 7766 asks for a few seconds). */
const TCP_IDLE_MS = 10_000;
/** TCP clients served at once; further ones are closed at once. */
const TCP_CLIENTS = 256;
/** Bytes of answers a client may leave unread before it is cut off. */
const TCP_UNREAD = 1 << 20;

/** What {@link serveDns} needs. */
export interface DnsServerOptions {
  readonly port: number;
  readonly answer: Answerer;
  readonly random: Random;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
  /** Told of each question that got an answer. */
  readonly onServed?: ((served: Served) => void) | undefined;
}

/** Serves DNS on UDP and TCP of `port` on every address. Rejects when a socket cannot be opened. */
export async function serveDns(options: DnsServerOptions): Promise<{ close(): void }> {
  const udp = await openUdp(options);
  const clients = new Set<TcpSocket>();
  let tcp: Server;
  try {
    tcp = await openTcp(options, clients);
  } catch (error) {
    udp.close();
    throw error;
  }
  return {
    close() {
      udp.close();
      tcp.close();
      for (const client of clients) client.destroy();
    },
  };
}

/** The answer to one message, if it gets any. */
function serve(
  query: Buffer,
  protocol: 'udp' | 'tcp',
  { answer, random, clock, onServed }: DnsServerOptions,
): Buffer | undefined {
  const startedMs = clock.now();
  const reply = respond(query, { answer, random, udp: protocol === 'udp' });
  if (reply) onServed?.({ protocol, query, reply, startedMs });
  return reply;
}

function openUdp(options: DnsServerOptions): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.on('message', (query, peer) => {
    const reply = serve(query, 'udp', options);
    if (reply) socket.send(reply, peer.port, peer.address);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(options.port, () => {
      socket.off('error', reject);
      socket.on('error', (err) => options.log.warn({ event: 'udp-error', err }));
      resolve(socket);
    });
  });
}

function openTcp(options: DnsServerOptions, clients: Set<TcpSocket>): Promise<Server> {
  const server = createServer((client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    serveClient(client, options);
  });
  server.maxConnections = TCP_CLIENTS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: '0.0.0.0' }, () => {
      server.off('error', reject);
      server.on('error', (err) => options.log.warn({ event: 'tcp-error', err }));
      resolve(server);
    });
  });
}

/** Messages over TCP carry a length of two bytes in front (RFC 1035 section 4.2.2). */
function serveClient(client: TcpSocket, options: DnsServerOptions): void {
  let pending = Buffer.alloc(0);
  client.setTimeout(TCP_IDLE_MS, () => client.destroy());
  client.on('error', () => client.destroy());
  client.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const size = pending.readUInt16BE(0);
      if (pending.length < 2 + size) return;
      const reply = serve(pending.subarray(2, 2 + size), 'tcp', options);
      pending = pending.subarray(2 + size);
      if (!reply || client.writableLength > TCP_UNREAD) {
        client.destroy();
        return;
      }
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      client.write(Buffer.concat([length, reply]));
    }
  });
}
