/** The node's LAN address, which goes with its interface and comes back with the same one or another. */
import { networkInterfaces } from 'node:os';
import type { Clock } from '@svclab/core';
import { interfaceIndex, type Logger, watchLinks } from '@svclab/runtime';

export interface LanOptions {
  readonly address: string;
  readonly clock: Pick<Clock, 'every'>;
  readonly log: Logger;
  /** Some interface or address has changed. Runs before the others. */
  readonly onChange: () => void;
  /** The address is on no interface that runs any more. */
  readonly onLost: () => void;
  /** The address is back, or has moved to another interface. */
  readonly onReturn: () => void;
}

/** Follows the LAN address from the moment it is made; what is true then is not told by a call. */
export class Lan {
  readonly #options: LanOptions;
  readonly #watch: { close(): void };
  #index: number | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: LanOptions) {
    this.#options = options;
    this.#watch = watchLinks({ clock: options.clock, onChange: () => this.#look() });
    this.#index = indexOf(options.address);
    if (!this.present) this.#tellMissing();
  }

  /** Whether the address is on an interface that runs. */
  get present(): boolean {
    return this.#index !== undefined;
  }

  /** Resolves as soon as the address is there. */
  async whenPresent(): Promise<void> {
    while (!this.present) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#watch.close();
  }

  #look(): void {
    const { address, log, onChange, onLost, onReturn } = this.#options;
    const before = this.#index;
    this.#index = indexOf(address);
    onChange();
    if (this.#index === before) return;
    if (this.#index === undefined) {
      this.#tellMissing();
      onLost();
      return;
    }
    log.info({ event: 'lan-interface', index: this.#index });
    for (const resolve of this.#waiting.splice(0)) resolve();
    onReturn();
  }

  #tellMissing(): void {
    const { address, log } = this.#options;
    log.warn({ event: 'lan-missing', reason: `no interface that runs has ${address}: waiting for one` });
  }
}

/** Index of the interface that has an address and runs. */
function indexOf(address: string): number | undefined {
  const found = Object.entries(networkInterfaces()).find(([, all]) => all?.some((a) => a.address === address));
  return found && interfaceIndex(found[0]);
}
