import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Clock } from '@svclab/core';
import { connectIn, type Netns } from '@svclab/runtime';
import type { UpstreamReply } from '../images/image.ts';
import type { Resolver } from './resolver.ts';

/** What a call to an upstream needs. */
export interface UpstreamOptions {
  readonly netns: Pick<Netns, 'fd'>;
  readonly resolver: Resolver;
  readonly clock: Clock;
  /** `User-Agent`, the pod's name in it. */
  readonly userAgent: string;
}

/** How one call goes. */
export interface UpstreamCall {
  readonly url: URL;
  /** Keep the connection for the next call. */
  readonly keepAlive: boolean;
  /** Longest wait for the whole answer, resolution included, milliseconds. */
  readonly timeoutMs: number;
}

/** What of the answer's body is read for its first line, bytes; the rest is passed over. */
const FIRST_LINE_LIMIT = 4096;

/**
 * Calls other services from inside a pod, as a program in it would: the name is resolved for every call through the pod's resolver and
 * the connection is made in the pod's namespace.
 */
export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #pool: Agent;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#pool = new Agent({ keepAlive: true, maxFreeSockets: 16 });
    this.#pool.createConnection = (to) => this.#connect(String(to.host), Number(to.port));
  }

  /** Fails with an error whose message names the step that failed: resolution, connection, or the answer. */
  async call(call: UpstreamCall): Promise<UpstreamReply> {
    const { clock, resolver } = this.#options;
    const began = clock.now();
    let cancel = (): void => undefined;
    let running: ClientRequest | undefined;
    let timedOut = false;
    const timeout = new Promise<never>((_resolve, reject) => {
      cancel = clock.after(call.timeoutMs, () => {
        timedOut = true;
        const error = new Error(`Upstream did not answer within ${call.timeoutMs} ms`);
        running?.destroy(error);
        reject(error);
      });
    });
    const work = async (): Promise<UpstreamReply> => {
      const host = call.url.hostname;
      const address = isIP(host) ? host : ((await resolver.resolve(host))[0] as string);
      if (timedOut) throw new Error('Upstream was given up');
      const port = Number(call.url.port || 80);
      const { status, firstLine } = await this.#exchange(call, address, port, (req) => {
        running = req;
      });
      return { url: call.url.href, address: `${address}:${port}`, status, firstLine, durationMs: clock.now() - began };
    };
    try {
      return await Promise.race([work(), timeout]);
    } finally {
      cancel();
    }
  }

  /** Closes kept connections. */
  close(): void {
    this.#pool.destroy();
  }

  #connect(address: string, port: number): Socket {
    return connectIn(this.#options.netns, { address, port });
  }

  #exchange(
    call: UpstreamCall,
    address: string,
    port: number,
    started: (req: ClientRequest) => void,
  ): Promise<{ status: number; firstLine: string }> {
    return new Promise((resolve, reject) => {
      const req = request({
        host: address,
        port,
        path: call.url.pathname + call.url.search,
        headers: { host: call.url.host, 'user-agent': this.#options.userAgent, accept: 'text/plain, */*' },
        ...(call.keepAlive ? { agent: this.#pool } : { createConnection: () => this.#connect(address, port) }),
      });
      started(req);
      req.on('error', (error) => {
        // A kept connection that the other side closed meanwhile: say so, it is what reuse costs.
        const reused = req.reusedSocket ? ' on a reused connection' : '';
        reject(new Error(`Call to ${address}:${port} failed${reused}: ${error.message}`));
      });
      req.on('response', (response) => {
        firstLineOf(response).then((firstLine) => resolve({ status: response.statusCode ?? 0, firstLine }), reject);
      });
      req.end();
    });
  }
}

async function firstLineOf(response: IncomingMessage): Promise<string> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (size < FIRST_LINE_LIMIT) kept.push(chunk);
    size += chunk.length;
  }
  return (Buffer.concat(kept).toString('utf8', 0, FIRST_LINE_LIMIT).split('\n', 1)[0] ?? '').trim();
}
