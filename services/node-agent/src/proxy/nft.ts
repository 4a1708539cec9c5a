/** The `nft` program as an adapter: transactions in, listings out. */
import { chainCommands, PROXY_TABLE, type ProxyNode, sharedChain, tableCommands } from '@svclab/core';
import { createNetns, spawnIn } from '@svclab/runtime';
import { runProgram, type Spawn, spawnHere } from '../exec.ts';

/** nft refused a transaction or could not be run. */
export class NftError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NftError';
  }
}

/** Characters of nft's complaint that are kept: it repeats the command it refuses. */
const COMPLAINT_LENGTH = 400;

const LIST = ['-j', 'list', 'table', 'ip', PROXY_TABLE];

/** Programs and lists the ruleset of one network namespace. */
export class Nft {
  readonly #spawn: Spawn;

  constructor(spawn: Spawn = spawnHere) {
    this.#spawn = spawn;
  }

  /** Sends one transaction: all of it takes effect, or, when this rejects with {@link NftError}, nothing. */
  async apply(script: string): Promise<void> {
    await this.#run(this.#spawn, ['-f', '-'], script);
  }

  /** The proxy's table as JSON; undefined when there is none. */
  async list(): Promise<string | undefined> {
    const { code, stdout, stderr } = await this.#start(this.#spawn, LIST, '');
    if (code === 0) return stdout;
    if (stderr.includes('No such file or directory')) return undefined;
    throw new NftError(`Table ip ${PROXY_TABLE} cannot be listed: ${stderr.slice(0, COMPLAINT_LENGTH)}`);
  }

  /**
   * How this nft lists a table that is as it should be, with the given shared chains and no elements: the table is made and listed in a
   * network namespace of its own, which no packet ever sees.
   */
  async reference(node: ProxyNode, sharedChains: Iterable<string>): Promise<string> {
    const chains = [...sharedChains].flatMap((name) => sharedChain(name) ?? []);
    const script = [...tableCommands(node), ...chains.flatMap(chainCommands)];
    const namespace = createNetns();
    try {
      const spawnApart: Spawn = (command, args, options) => spawnIn(namespace, command, args, options);
      // Two programs: with -j, nft opens /dev/stdin by name, which a socket does not allow.
      await this.#run(spawnApart, ['-f', '-'], `${script.join('\n')}\n`);
      return await this.#run(spawnApart, LIST, '');
    } finally {
      namespace.close();
    }
  }

  async #run(spawn: Spawn, args: readonly string[], input: string): Promise<string> {
    const { code, stdout, stderr } = await this.#start(spawn, args, input);
    if (code !== 0) throw new NftError(`nft refused a transaction: ${stderr.slice(0, COMPLAINT_LENGTH)}`);
    return stdout;
  }

  async #start(spawn: Spawn, args: readonly string[], input: string) {
    try {
      return await runProgram(spawn, 'nft', args, input);
    } catch (error) {
      throw new NftError(`Program nft cannot be run: ${(error as Error).message}; install the package nftables`, {
        cause: error,
      });
    }
  }
}
