import type { Socket as UdpSocket } from 'node:dgram';
import { Server, type Socket } from 'node:net';
import type { Clock } from '@svclab/core';
import { listenIn, type Netns, udpSocketIn } from '@svclab/runtime';
import { type ImageProgram, type Port, plainAddress, type TcpService } from '../images/image.ts';

/** How long a connection on which nothing was sent yet may hold up a polite end, milliseconds. */
const FRESH_CONNECTION_WAIT = 1000;

/** A port of a container. */
export interface Listener {
  /** Takes connections. Nothing happens when it does already, or has been told to end. */
  accept(): void;
  /** Takes no more connections, without a word to those that are open: the kernel refuses new ones until {@link accept}. */
  refuse(): void;
  /** Tells clients to go elsewhere; goes on serving. */
  lameDuck(): void;
  /** Ends politely: no new connections, requests in flight are finished. What is not done after `graceMs` is cut off. */
  drain(graceMs: number): Promise<void>;
  /** Ends at once: connections are reset, as when a process dies with data unread. */
  kill(): void;
}

/** Where and how a port is opened. */
export interface ListenerOptions {
  readonly netns: Pick<Netns, 'fd'>;
  readonly clock: Clock;
  /** Whether the container hangs: datagrams then go unanswered. */
  readonly hangs: () => boolean;
  /** The port could not be opened. */
  readonly onError: (port: Port, error: NodeJS.ErrnoException) => void;
}

/** A port of a program, not open yet: it is once {@link Listener.accept} returns. Undefined when its protocol is not served. */
export function createListener(program: ImageProgram, port: Port, options: ListenerOptions): Listener | undefined {
  switch (port.protocol) {
    case 'TCP':
      return new TcpListener(program.tcp(port.port), port, options);
    case 'UDP':
      return new UdpListener(program, port, options);
    case 'SCTP':
      return undefined;
  }
}

class TcpListener implements Listener {
  readonly #service: TcpService;
  readonly #port: number;
  readonly #options: ListenerOptions;
  readonly #sockets = new Set<Socket>();
  #listens = false;
  #ends = false;

  constructor(service: TcpService, port: Port, options: ListenerOptions) {
    this.#service = service;
    this.#port = port.port;
    this.#options = options;
    service.server.on('error', (error) => options.onError(port, error));
    service.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  accept(): void {
    if (this.#listens || this.#ends) return;
    this.#listens = true;
    listenIn(this.#options.netns, this.#service.server, { port: this.#port });
  }

  refuse(): void {
    if (!this.#listens || this.#ends) return;
    this.#listens = false;
    // Not the HTTP server's own close(), which also ends the connections that are idle.
    Server.prototype.close.call(this.#service.server);
  }

  lameDuck(): void {
    this.#service.lameDuck();
  }

  async drain(graceMs: number): Promise<void> {
    this.#ends = true;
    this.#service.lameDuck();
    // One turn of the event loop accepts what the kernel has already completed: closing now would reset it.
    await new Promise((resolve) => setImmediate(resolve));
    const cancels = [
      this.#options.clock.after(Math.min(FRESH_CONNECTION_WAIT, graceMs), () => {
        for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
      }),
      this.#options.clock.after(graceMs, () => {
        for (const socket of this.#sockets) socket.destroy();
      }),
    ];
    await new Promise<void>((resolve) => {
      this.#service.server.close(() => resolve());
      this.#service.closeIdle();
    });
    for (const cancel of cancels) cancel();
  }

  kill(): void {
    this.#ends = true;
    this.#service.server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

class UdpListener implements Listener {
  readonly #program: ImageProgram;
  readonly #port: Port;
  readonly #options: ListenerOptions;
  #socket: UdpSocket | undefined;
  #ends = false;

  constructor(program: ImageProgram, port: Port, options: ListenerOptions) {
    this.#program = program;
    this.#port = port;
    this.#options = options;
  }

  accept(): void {
    if (this.#socket || this.#ends) return;
    const { netns, onError, hangs } = this.#options;
    const socket = udpSocketIn(netns, { port: this.#port.port });
    this.#socket = socket;
    socket.on('error', (error) => onError(this.#port, error));
    socket.on('message', (message, from) => {
      if (hangs()) return;
      const reply = this.#program.udp(message, { address: plainAddress(from.address), port: from.port });
      if (reply && this.#socket === socket) socket.send(reply, from.port, from.address);
    });
  }

  refuse(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  lameDuck(): void {
    // UDP has no word for it.
  }

  drain(): Promise<void> {
    this.kill();
    return Promise.resolve();
  }

  kill(): void {
    this.#ends = true;
    this.refuse();
  }
}
