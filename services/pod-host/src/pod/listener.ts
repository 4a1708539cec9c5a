import type { Socket as UdpSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { Clock } from '@svclab/core';
import { listenIn, type Netns, udpSocketIn } from '@svclab/runtime';
import { type ImageProgram, type Port, plainAddress, type TcpService } from '../images/image.ts';

/** How long a connection on which nothing was sent yet may hold up a polite end, milliseconds. */
const FRESH_CONNECTION_WAIT = 1000;

/** An open port of a container. */
export interface Listener {
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
  /** The port could not be opened. */
  readonly onError: (port: Port, error: NodeJS.ErrnoException) => void;
}

/** Opens a port of a program. The port is open when this returns. */
export function openListener(program: ImageProgram, port: Port, options: ListenerOptions): Listener | undefined {
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
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();

  constructor(service: TcpService, port: Port, options: ListenerOptions) {
    this.#service = service;
    this.#clock = options.clock;
    service.server.on('error', (error) => options.onError(port, error));
    service.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    listenIn(options.netns, service.server, { port: port.port });
  }

  lameDuck(): void {
    this.#service.lameDuck();
  }

  async drain(graceMs: number): Promise<void> {
    this.#service.lameDuck();
    // One turn of the event loop accepts what the kernel has already completed: closing now would reset it.
    await new Promise((resolve) => setImmediate(resolve));
    const cancels = [
      this.#clock.after(Math.min(FRESH_CONNECTION_WAIT, graceMs), () => {
        for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
      }),
      this.#clock.after(graceMs, () => {
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
    this.#service.server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

class UdpListener implements Listener {
  readonly #socket: UdpSocket;
  #open = true;

  constructor(program: ImageProgram, port: Port, options: ListenerOptions) {
    const socket = udpSocketIn(options.netns, { port: port.port });
    this.#socket = socket;
    socket.on('error', (error) => options.onError(port, error));
    socket.on('message', (message, from) => {
      const reply = program.udp(message, { address: plainAddress(from.address), port: from.port });
      if (reply && this.#open) socket.send(reply, from.port, from.address);
    });
  }

  lameDuck(): void {
    // UDP has no word for it.
  }

  drain(): Promise<void> {
    this.kill();
    return Promise.resolve();
  }

  kill(): void {
    if (this.#open) this.#socket.close();
    this.#open = false;
  }
}
