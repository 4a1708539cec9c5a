import { createServer, type Socket } from 'node:net';
import { fate } from './http-routes.ts';
import type { ContainerContext, TcpService } from './image.ts';

/** One connection of a protocol that answers bytes with bytes. */
export interface Session {
  /** Takes what arrived, gives what to send. `close` ends the connection after it. */
  feed(chunk: Buffer): { readonly output: Buffer; readonly close?: boolean };
}

/** Serves a byte protocol: a session per connection. Requests of one connection are answered in their order, each after the container's latency. */
export function streamService(
  context: Pick<ContainerContext, 'behaviour' | 'clock' | 'held' | 'random'>,
  open: (client: { address: string; port: number }) => Session,
): TcpService {
  const connections = new Set<Connection>();
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = new Connection(
      socket,
      open({ address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }),
      () => readiness(context),
    );
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  return {
    server,
    lameDuck: () => undefined,
    closeIdle: () => {
      for (const connection of connections) connection.endWhenIdle();
    },
  };
}

/** What an answer waits for; undefined: nothing. */
function readiness(
  context: Pick<ContainerContext, 'behaviour' | 'clock' | 'held' | 'random'>,
): Promise<void> | undefined {
  const { delayMs } = fate({ ...context.behaviour(), errorRate: 0 }, () => context.random.next());
  const held = context.held();
  if (!held && delayMs === 0) return undefined;
  return (async () => {
    await held;
    if (delayMs > 0) await new Promise<void>((resolve) => void context.clock.after(delayMs, resolve));
  })();
}

class Connection {
  readonly #socket: Socket;
  readonly #session: Session;
  readonly #ready: () => Promise<void> | undefined;
  /** What has arrived and is not answered yet. */
  #pending: Promise<void> | undefined;
  #ends = false;

  constructor(socket: Socket, session: Session, ready: () => Promise<void> | undefined) {
    this.#socket = socket;
    this.#session = session;
    this.#ready = ready;
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => this.#take(chunk));
  }

  endWhenIdle(): void {
    this.#ends = true;
    if (!this.#pending) this.#socket.end();
  }

  #take(chunk: Buffer): void {
    const ready = this.#ready();
    if (!ready && !this.#pending) {
      this.#answer(chunk);
      return;
    }
    const mine: Promise<void> = this.#answerAfter(this.#pending, ready, chunk).then(() => {
      if (this.#pending !== mine) return;
      this.#pending = undefined;
      if (this.#ends) this.#socket.end();
    });
    this.#pending = mine;
  }

  async #answerAfter(
    before: Promise<void> | undefined,
    ready: Promise<void> | undefined,
    chunk: Buffer,
  ): Promise<void> {
    await before;
    await ready;
    this.#answer(chunk);
  }

  #answer(chunk: Buffer): void {
    const { output, close } = this.#session.feed(chunk);
    if (output.length > 0 && this.#socket.writable) this.#socket.write(output);
    if (close) this.#socket.end();
  }
}
