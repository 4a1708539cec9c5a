/** Exec and attach over WebSocket: one binary frame a message, its first byte the channel. Source: KEP-4006, k8s.io/apiserver `pkg/util/wsstream`. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Status, success } from '@svclab/core';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ExecInput, ExecOptions, PodStreams } from './pod-streams.ts';
import { Queue } from './queue.ts';

/** Channels: v5 added closing a channel, by 255 and the channel's number. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** Protocols, best first. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** Bytes a client may lag behind before the program's output is read no further. */
const HIGH_WATER = 1024 * 1024;

/** Serves exec sessions on upgraded connections. */
export class ExecSockets {
  readonly #streams: PodStreams;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: 4 * 1024 * 1024,
    handleProtocols: (offered) => PROTOCOLS.find((p) => offered.has(p)) ?? false,
  });

  constructor(streams: PodStreams) {
    this.#streams = streams;
  }

  /** True when the client offers a protocol that is served. */
  static offers(request: IncomingMessage): boolean {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((p) => p.trim());
    return PROTOCOLS.some((p) => offered.includes(p));
  }

  /** Completes the upgrade and runs the program. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, node: string, options: ExecOptions): void {
    // An upgraded socket is half-open: without this, a client that goes away leaves it behind.
    socket.on('end', () => socket.end());
    this.#server.handleUpgrade(request, socket, head, (client) => void this.#run(client, node, options));
  }

  /** Ends all sessions. */
  close(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  async #run(client: WebSocket, node: string, options: ExecOptions): Promise<void> {
    const input = new Queue<ExecInput>();
    const abort = new AbortController();
    client.on('message', (data) => onMessage(data as Buffer, input));
    client.on('close', () => {
      input.close();
      abort.abort();
    });
    client.on('error', () => client.terminate());
    const send = (channel: number, data: Uint8Array): void =>
      client.send(Buffer.concat([Buffer.from([channel]), data]));
    let status: Status | undefined;
    try {
      for await (const output of this.#streams.exec(node, options, input, abort.signal)) {
        if (output.kind === 'exit') status = exitStatus(output.code, output.error);
        else send(output.kind === 'stdout' ? CHANNEL.stdout : CHANNEL.stderr, output.data);
        if (client.bufferedAmount > HIGH_WATER) await flushed(client);
      }
      status ??= exitStatus(1, 'the connection to the node ended before the program did');
    } catch (error) {
      status = exitStatus(1, (error as Error).message);
    }
    if (client.readyState !== client.OPEN) return;
    send(CHANNEL.error, Buffer.from(JSON.stringify(status)));
    client.close(1000);
  }
}

function flushed(client: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    client.ping(undefined, undefined, () => resolve());
    client.once('close', () => resolve());
  });
}

function onMessage(data: Buffer, input: Queue<ExecInput>): void {
  const [channel] = data;
  const rest = data.subarray(1);
  if (channel === CHANNEL.stdin && rest.length > 0) input.push({ kind: 'stdin', data: rest });
  else if (channel === CHANNEL.close && rest[0] === CHANNEL.stdin) input.push({ kind: 'stdin-eof' });
  else if (channel === CHANNEL.resize) {
    const size = parseSize(rest);
    if (size) input.push({ kind: 'resize', ...size });
  }
}

function parseSize(data: Buffer): { width: number; height: number } | undefined {
  try {
    const { Width, Height } = JSON.parse(data.toString('utf8')) as { Width?: unknown; Height?: unknown };
    return typeof Width === 'number' && typeof Height === 'number' ? { width: Width, height: Height } : undefined;
  } catch {
    return undefined;
  }
}

/** The Status on the error channel. Source: k8s.io/kubelet `pkg/cri/streaming/remotecommand`. */
export function exitStatus(code: number, error: string): Status {
  if (error !== '')
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: error,
      reason: 'InternalError',
      code: 500,
    };
  if (code === 0) return success();
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
