/**
 * Names to addresses as k6's option `dns` says. Queries go out by c-ares, which waits in no thread: the system's resolver would let four slow
 * names hold up every other. What /etc/hosts knows is taken from there; names without a dot are left to the system's resolver and its search list.
 */
import { lookup as systemLookup } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { isIP, type LookupFunction } from 'node:net';
import type { Clock, Random } from '@svclab/core';
import type { DnsOptions } from './options.ts';

/** An address and its family. */
export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Asks for one family of addresses; fails with an error that has a `code`, as node:dns does. */
export type Query = (name: string, family: 4 | 6) => Promise<readonly string[]>;

/** Failures that say that the name has no such address, not that it could not be asked. */
const NONE = new Set(['ENOTFOUND', 'ENODATA']);

/** Families to ask for; the first that has an address is taken, and with `any` all are. */
function families(policy: DnsOptions['policy']): readonly (4 | 6)[] {
  if (policy === 'onlyIPv4') return [4];
  if (policy === 'onlyIPv6') return [6];
  return policy === 'preferIPv6' ? [6, 4] : [4, 6];
}

/** The resolver of a run, shared by its virtual users. */
export class NameResolver {
  readonly #options: DnsOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #query: Query;
  readonly #kept = new Map<string, { readonly untilMs: number; readonly addresses: readonly Address[] }>();
  readonly #turns = new Map<string, number>();

  constructor(options: DnsOptions, clock: Clock, random: Random, query: Query = networkQuery()) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#query = query;
  }

  /** The address a new connection to `name` takes. */
  async resolve(name: string): Promise<Address> {
    const literal = isIP(name);
    if (literal !== 0) return { address: name, family: literal as 4 | 6 };
    const addresses = await this.#addresses(name);
    return addresses[this.#choose(name, addresses.length)] ?? Promise.reject(noAddress(name));
  }

  /** {@link resolve} in the form `net.connect` takes; `told` hears when the answer is there. */
  lookup(told: () => void): LookupFunction {
    return (name, options, callback) => {
      this.resolve(name).then(
        ({ address, family }) => {
          told();
          if (options.all) callback(null, [{ address, family }]);
          else callback(null, address, family);
        },
        (error: NodeJS.ErrnoException) => callback(error, ''),
      );
    };
  }

  async #addresses(name: string): Promise<readonly Address[]> {
    const { ttlMs, policy } = this.#options;
    const known = this.#kept.get(name);
    if (known && this.#clock.now() < known.untilMs) return known.addresses;
    const found: Address[] = [];
    let failure: unknown;
    for (const family of families(policy)) {
      if (found.length > 0 && policy !== 'any') break;
      try {
        for (const address of await this.#query(name, family)) found.push({ address, family });
      } catch (error) {
        failure ??= error;
        if (!NONE.has((error as NodeJS.ErrnoException).code ?? '')) break;
      }
    }
    if (found.length === 0) throw failure ?? noAddress(name);
    if (ttlMs > 0) this.#kept.set(name, { untilMs: this.#clock.now() + ttlMs, addresses: found });
    return found;
  }

  #choose(name: string, count: number): number {
    if (this.#options.select === 'first') return 0;
    if (this.#options.select === 'random') return Math.floor(this.#random.next() * count);
    const turn = this.#turns.get(name) ?? 0;
    this.#turns.set(name, turn + 1);
    return turn % count;
  }
}

function noAddress(name: string): Error {
  return Object.assign(new Error(`no address of the wanted family for ${name}`), { code: 'ENODATA' });
}

/** /etc/hosts: name to addresses. */
function hostsFile(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let text = '';
  try {
    text = readFileSync('/etc/hosts', 'utf8');
  } catch {
    // A host without the file has no such names.
  }
  for (const line of text.split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    for (const name of names)
      if (address) found.set(name.toLowerCase(), [...(found.get(name.toLowerCase()) ?? []), address]);
  }
  return found;
}

/** Asks /etc/hosts, then the servers of /etc/resolv.conf: 5 s, twice, as k6's resolver does by default. */
function networkQuery(): Query {
  const hosts = hostsFile();
  const resolver = new Resolver({ timeout: 5000, tries: 2 });
  return async (name, family) => {
    const fixed = hosts.get(name.toLowerCase());
    if (fixed) return fixed.filter((address) => isIP(address) === family);
    if (name.includes('.')) return family === 4 ? resolver.resolve4(name) : resolver.resolve6(name);
    return new Promise((resolve, reject) => {
      systemLookup(name, { all: true, family }, (error, found) =>
        error ? reject(error) : resolve(found.map((a) => a.address)),
      );
    });
  };
}
