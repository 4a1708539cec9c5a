import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import type { Cancel, Clock, DnsFate, DnsQuestion, Random } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import { respond } from './message.ts';
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
  /** Decides what happens to a question; without an answer it gets SERVFAIL. */
  readonly fate: (question: DnsQuestion) => DnsFate;
  readonly random: Random;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly log: Logger;
  /** Told of each question that got an answer. */
  readonly onServed?: ((served: Served) => void) | undefined;
}

/** Serves DNS on UDP and TCP of `port` on every address. Rejects when a socket cannot be opened. */
export async function serveDns(options: DnsServerOptions): Promise<{ close(): void }> {
  const responder = new Responder(options);
  const udp = await openUdp(options, responder);
  const clients = new Set<TcpSocket>();
  let tcp: Server;
  try {
    tcp = await openTcp(options, responder, clients);
  } catch (error) {
    udp.close();
    throw error;
  }
  return {
    close() {
      responder.close();
      udp.close();
      tcp.close();
      for (const client of clients) client.destroy();
    },
  };
}

/** Answers messages, at once or later, and forgets what has not gone out when it is closed. */
class Responder {
  readonly #options: DnsServerOptions;
  readonly #waiting = new Set<Cancel>();

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** Calls `send` with the answer when it is time. False: the message is none that is ever answered. */
  answer(query: Buffer, protocol: 'udp' | 'tcp', send: (reply: Buffer) => void): boolean {
    const { fate: decide, random, clock, onServed } = this.#options;
    const startedMs = clock.now();
    let fate: DnsFate = { answer: undefined, delayMs: 0, dropped: false };
    const reply = respond(query, {
      answer: (question) => {
        fate = decide(question);
        return fate.answer;
      },
      random,
      udp: protocol === 'udp',
    });
    if (!reply) return false;
    if (fate.dropped) return true;
    const go = (): void => {
      send(reply);
      onServed?.({ protocol, query, reply, startedMs });
    };
    if (fate.delayMs > 0) this.#later(fate.delayMs, go);
    else go();
    return true;
  }

  close(): void {
    for (const cancel of this.#waiting) cancel();
    this.#waiting.clear();
  }

  #later(ms: number, go: () => void): void {
    const cancel = this.#options.clock.after(ms, () => {
      this.#waiting.delete(cancel);
      go();
    });
    this.#waiting.add(cancel);
  }
}

function openUdp(options: DnsServerOptions, responder: Responder): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.on('message', (query, peer) => {
    responder.answer(query, 'udp', (reply) => socket.send(reply, peer.port, peer.address));
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

function openTcp(options: DnsServerOptions, responder: Responder, clients: Set<TcpSocket>): Promise<Server> {
  const server = createServer((client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    serveClient(client, responder);
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
function serveClient(client: TcpSocket, responder: Responder): void {
  let pending = Buffer.alloc(0);
  client.setTimeout(TCP_IDLE_MS, () => client.destroy());
  client.on('error', () => client.destroy());
  client.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const size = pending.readUInt16BE(0);
      if (pending.length < 2 + size) return;
      const known = responder.answer(pending.subarray(2, 2 + size), 'tcp', (reply) => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        if (client.writable) client.write(Buffer.concat([length, reply]));
      });
      pending = pending.subarray(2 + size);
      if (!known || client.writableLength > TCP_UNREAD) {
        client.destroy();
        return;
      }
    }
  });
}
