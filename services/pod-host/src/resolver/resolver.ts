import type { Clock, Random } from '@svclab/core';
import { connectIn, type Netns, udpSocketIn } from '@svclab/runtime';
import packet, { type Answer, type DecodedPacket } from 'dns-packet';
import { candidateNames, type ResolverConfig } from './search.ts';

/** A name could not be resolved. `code` is getaddrinfo's: ENOTFOUND (it does not exist) or EAI_AGAIN (no nameserver said). */
export class ResolveError extends Error {
  readonly code: 'ENOTFOUND' | 'EAI_AGAIN';
  constructor(message: string, code: ResolveError['code'], options?: ErrorOptions) {
    super(message, options);
    this.name = 'ResolveError';
    this.code = code;
  }
}

/** Answers by which a nameserver says that another should be asked. */
const REJECTIONS = new Set(['SERVFAIL', 'REFUSED', 'NOTIMP']);

/** What the resolver stands on. */
export interface ResolverOptions {
  /** The pod's namespace: queries leave from there. */
  readonly netns: Pick<Netns, 'fd'>;
  readonly config: ResolverConfig;
  /** Entries of `/etc/hosts`: name -> address. They win over DNS. */
  readonly hosts: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * A stub resolver that asks as a program in the pod would: its nameservers, its search path, from its network namespace, nothing cached.
 * IPv4 only. Each query has a source port of its own, as in glibc, so that a dead DNS endpoint is not pinned by conntrack.
 */
export class Resolver {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** Addresses of `name`, in the order of the answer. Fails with {@link ResolveError}. */
  async resolve(name: string): Promise<string[]> {
    const known = this.#options.hosts.get(name.toLowerCase());
    if (known !== undefined) return [known];
    if (this.#options.config.nameservers.length === 0)
      throw new ResolveError(`${name} cannot be resolved: the pod has no nameserver`, 'EAI_AGAIN');
    let failed: string | undefined;
    for (const candidate of candidateNames(name, this.#options.config)) {
      const reply = await this.#ask(candidate);
      if (reply.rcode !== 'NOERROR' && reply.rcode !== 'NXDOMAIN') failed ??= `${candidate}: ${reply.rcode}`;
      const addresses = addressesOf(reply.answers ?? []);
      if (addresses.length > 0) return addresses;
    }
    if (failed !== undefined) throw new ResolveError(`${name} cannot be resolved: ${failed}`, 'EAI_AGAIN');
    throw new ResolveError(`${name} does not exist`, 'ENOTFOUND');
  }

  /**
   * One name, over the nameservers and attempts; the wait is per nameserver. One that says it cannot help (SERVFAIL, REFUSED, NOTIMP)
   * is passed over for the next, as in glibc; what the last of them said counts when none can.
   */
  async #ask(name: string): Promise<Reply> {
    const { nameservers, attempts } = this.#options.config;
    let last: unknown;
    for (let round = 0; round < attempts; round++) {
      let rejected: Reply | undefined;
      for (const server of nameservers)
        try {
          const udp = await this.#query(server, name);
          const reply = udp.flag_tc ? await this.#queryTcp(server, name) : udp;
          if (!REJECTIONS.has(reply.rcode)) return reply;
          rejected = reply;
        } catch (error) {
          last = error;
        }
      if (rejected) return rejected;
    }
    throw new ResolveError(`${name} cannot be resolved: ${(last as Error).message}`, 'EAI_AGAIN', { cause: last });
  }

  #query(server: string, name: string): Promise<Reply> {
    const { netns, clock, config } = this.#options;
    const id = this.#id();
    return new Promise((resolve, reject) => {
      const socket = udpSocketIn(netns);
      const end = (error: Error | undefined, reply?: Reply): void => {
        cancel();
        socket.removeAllListeners().on('error', () => undefined);
        socket.close();
        if (reply) resolve(reply);
        else reject(error);
      };
      const cancel = clock.after(config.timeout, () =>
        end(new Error(`Nameserver ${server} did not answer within ${config.timeout} ms`)),
      );
      socket.on('error', (error) => end(error));
      socket.on('message', (message, from) => {
        const reply = from.address === server ? decode(message, id) : undefined;
        if (reply) end(undefined, reply);
      });
      // A connected socket hears of a refused port, as glibc's do.
      socket.connect(53, server, (error?: Error) => {
        if (error) end(error);
        else socket.send(encode(id, name));
      });
    });
  }

  #queryTcp(server: string, name: string): Promise<Reply> {
    const { netns, clock, config } = this.#options;
    const id = this.#id();
    return new Promise((resolve, reject) => {
      const socket = connectIn(netns, { address: server, port: 53 });
      const chunks: Buffer[] = [];
      const cancel = clock.after(config.timeout, () =>
        socket.destroy(new Error(`Nameserver ${server} did not answer over TCP within ${config.timeout} ms`)),
      );
      const message = encode(id, name);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.end(Buffer.concat([length, message]));
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('error', reject);
      socket.on('close', () => {
        cancel();
        const all = Buffer.concat(chunks);
        const reply = all.length > 2 ? decode(all.subarray(2, 2 + all.readUInt16BE(0)), id) : undefined;
        if (reply) resolve(reply);
        else reject(new Error(`Nameserver ${server} closed the connection without an answer`));
      });
    });
  }

  #id(): number {
    return Math.floor(this.#options.random.next() * 0x10000);
  }
}

/** dns-packet decodes the rcode, which its types leave out. */
type Reply = DecodedPacket & { readonly rcode: string };

function encode(id: number, name: string): Buffer {
  return packet.encode({
    id,
    type: 'query',
    flags: packet.RECURSION_DESIRED,
    questions: [{ type: 'A', class: 'IN', name }],
  });
}

/** Undefined when it is no answer to query `id`. */
function decode(message: Buffer, id: number): Reply | undefined {
  try {
    const reply = packet.decode(message) as Reply;
    return reply.id === id && reply.type === 'response' ? reply : undefined;
  } catch {
    return undefined;
  }
}

/** A records of an answer; the CNAMEs before them are the server's business. */
function addressesOf(answers: readonly Answer[]): string[] {
  return answers.flatMap((answer) => (answer.type === 'A' ? [answer.data] : []));
}
