import { createServer, type Socket } from 'node:net';
import type { TcpService } from './image.ts';

/** One connection of a protocol that answers bytes with bytes. */
export interface Session {
  /** Takes what arrived, gives what to send. `close` ends the connection after it. */
  feed(chunk: Buffer): { readonly output: Buffer; readonly close?: boolean };
}

/** Serves a byte protocol: a session per connection. Requests are answered within the call, so every connection is idle between two. */
export function streamService(open: (client: { address: string; port: number }) => Session): TcpService {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const session = open({ address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 });
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      const { output, close } = session.feed(chunk);
      if (output.length > 0) socket.write(output);
      if (close) socket.end();
    });
  });
  return {
    server,
    lameDuck: () => undefined,
    closeIdle: () => {
      for (const socket of sockets) socket.end();
    },
  };
}
