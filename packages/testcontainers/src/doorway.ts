/**
 * Ports of this machine that lead to Services of the lab. Each is a listener on 127.0.0.1 in this process; a connection to it becomes a
 * tunnel (HTTP CONNECT) through the lab's endpoint and begins inside at the lab's client host. So any Service is reachable over the one
 * port that is published, at any time, also when it was made after the lab was started.
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { LabEndpoint } from './lab-client.ts';

/** Listeners kept ready: taking one is synchronous, making one is not. */
const SPARE = 16;

export class Doorway {
  readonly #endpoint: () => LabEndpoint;
  readonly #spare: Server[] = [];
  /** What a listener leads to: `web.shop:80`. */
  readonly #targets = new Map<Server, string>();
  readonly #ports = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  #closed = false;
  #filling: Promise<void> = Promise.resolve();

  private constructor(endpoint: () => LabEndpoint) {
    this.#endpoint = endpoint;
  }

  /** Opens the spare listeners. `endpoint` is asked for each connection: a container's port changes when it is restarted. */
  static async open(endpoint: () => LabEndpoint): Promise<Doorway> {
    const doorway = new Doorway(endpoint);
    await doorway.#fill();
    return doorway;
  }

  /** The port of 127.0.0.1 that leads to `target` (`web.shop`, `web.shop:80`); the same one each time. */
  port(target: string): number {
    const known = this.#ports.get(target);
    if (known !== undefined) return known;
    const server = this.#spare.shift();
    if (!server)
      throw new Error(
        this.#closed
          ? 'The lab has been stopped: its Services have no addresses any more'
          : `No listener is ready for ${target}: more than ${SPARE} Services were asked for at once`,
      );
    const { port } = server.address() as AddressInfo;
    this.#targets.set(server, target);
    this.#ports.set(target, port);
    this.#filling = this.#filling.then(() => this.#fill());
    return port;
  }

  /** What one of the ports leads to. */
  targetOf(port: number): string | undefined {
    return [...this.#ports].find(([, p]) => p === port)?.[0];
  }

  /** Closes all listeners and connections. */
  close(): void {
    this.#closed = true;
    for (const server of [...this.#spare.splice(0), ...this.#targets.keys()]) server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#ports.clear();
  }

  async #fill(): Promise<void> {
    while (!this.#closed && this.#spare.length < SPARE) {
      const server = createServer((socket) => this.#accept(socket, server));
      server.listen({ host: '127.0.0.1', port: 0 });
      // A listener alone keeps no process alive.
      server.unref();
      await once(server, 'listening');
      if (this.#closed) server.close();
      else this.#spare.push(server);
    }
  }

  #accept(socket: Socket, server: Server): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const { url, token } = this.#endpoint();
    const call = request(url, {
      method: 'CONNECT',
      path: this.#targets.get(server) ?? '',
      headers: { 'proxy-authorization': `Bearer ${token}` },
      agent: false,
    });
    call.on('connect', (response, tunnel, head) => {
      tunnel.on('error', () => socket.resetAndDestroy());
      if (response.statusCode !== 200) return refuse(socket, response.statusCode ?? 0, tunnel as Socket, head);
      socket.on('error', () => tunnel.destroy());
      socket.on('close', () => tunnel.destroy());
      tunnel.on('close', () => socket.destroy());
      if (head.length > 0) socket.write(head);
      tunnel.pipe(socket).pipe(tunnel);
    });
    call.on('error', () => socket.resetAndDestroy());
    call.end();
  }
}

/**
 * A Service that does not answer breaks the connection, as it would inside. One that does not exist is a mistake in the test: whoever
 * speaks HTTP reads why.
 */
function refuse(socket: Socket, status: number, tunnel: Socket, head: Buffer): void {
  if (status !== 400) {
    tunnel.destroy();
    socket.resetAndDestroy();
    return;
  }
  const chunks: Buffer[] = [head];
  tunnel.on('data', (chunk: Buffer) => chunks.push(chunk));
  tunnel.on('end', () => {
    const body = Buffer.concat(chunks);
    socket.end(
      `HTTP/1.1 502 Bad Gateway\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
}
