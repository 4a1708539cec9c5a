/** Pod addresses of one node. */

/** The node's share of the pod network has no free address. */
export class AddressesExhaustedError extends Error {
  constructor(cidr: string) {
    super(`No pod address is free in ${cidr}`);
    this.name = 'AddressesExhaustedError';
  }
}

/**
 * Hands out the addresses of a CIDR from `.2` up; `.0` is the network, `.1` the gateway, the last one the broadcast address.
 * The search goes on from the last address given (as CNI's host-local does), so a freed address rests before it is used again.
 */
export class PodAddresses {
  readonly #cidr: string;
  readonly #base: number;
  readonly #size: number;
  readonly #byOwner = new Map<string, string>();
  readonly #taken = new Set<string>();
  #last = 1;

  /** @param cidr IPv4, `10.244.1.0/24`; prefixes from /8 to /29 */
  constructor(cidr: string) {
    const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
    const prefix = Number(match?.[5]);
    if (!match || !(prefix >= 8 && prefix <= 29))
      throw new RangeError(`Pod CIDR "${cidr}" is not usable: give an IPv4 CIDR from /8 to /29`);
    this.#cidr = cidr;
    this.#size = 2 ** (32 - prefix);
    const address = match.slice(1, 5).reduce((sum, part) => sum * 256 + Number(part), 0);
    this.#base = address - (address % this.#size);
  }

  /** The address pods use as their gateway. */
  get gateway(): string {
    return this.#format(1);
  }

  /** The address of an owner, given out now if it has none. Fails with {@link AddressesExhaustedError}. */
  allocate(owner: string): string {
    const known = this.#byOwner.get(owner);
    if (known !== undefined) return known;
    for (let step = 1; step <= this.#size; step++) {
      const offset = (this.#last + step) % this.#size;
      if (offset < 2 || offset === this.#size - 1) continue;
      const address = this.#format(offset);
      if (this.#taken.has(address)) continue;
      this.#last = offset;
      this.#put(owner, address);
      return address;
    }
    throw new AddressesExhaustedError(this.#cidr);
  }

  /** Notes that an owner has an address already: it was running before this process began. */
  adopt(owner: string, address: string): void {
    this.#put(owner, address);
    this.pass(address);
  }

  /** Lets the search begin after an address that was in use before, so that it rests. */
  pass(address: string): void {
    const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const offset = number - this.#base;
    if (offset > this.#last && offset < this.#size) this.#last = offset;
  }

  /** Frees the address of an owner. */
  release(owner: string): void {
    const address = this.#byOwner.get(owner);
    if (address === undefined) return;
    this.#byOwner.delete(owner);
    this.#taken.delete(address);
  }

  #put(owner: string, address: string): void {
    this.release(owner);
    this.#byOwner.set(owner, address);
    this.#taken.add(address);
  }

  #format(offset: number): string {
    const n = this.#base + offset;
    return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.');
  }
}
