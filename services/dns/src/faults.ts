/** The faults of this server and the gRPC service they come by. They live in memory alone: a server that is restarted has none. */
import {
  type Clock,
  type DnsAnswer,
  type DnsFate,
  type DnsFault,
  type DnsFaultKind,
  type DnsQuestion,
  type DnsRecord,
  dnsFate,
  dnsFaultProblem,
  type HeldChanges,
  type Random,
} from '@svclab/core';
import { type Logger, ServerError, Status } from '@svclab/runtime';
import type { DnsControlServiceImplementation, DnsFault as WireFault } from '@svclab/wire';

/** What {@link DnsFaults} stands on. */
export interface DnsFaultsOptions {
  /** The records' changes: held back while the server is stale. */
  readonly changes: Pick<HeldChanges, 'hold' | 'size'>;
  readonly random: Random;
  /** The zone's start of authority. */
  readonly soa: () => DnsRecord;
}

/** The faults in force, oldest first. */
export class DnsFaults {
  readonly #options: DnsFaultsOptions;
  readonly #faults = new Map<string, DnsFault>();

  constructor(options: DnsFaultsOptions) {
    this.#options = options;
  }

  list(): readonly DnsFault[] {
    return [...this.#faults.values()];
  }

  /** Objects that have changed since the server became stale. */
  get unseen(): number {
    return this.#options.changes.size;
  }

  /** Puts one into force, in place of one of its id. Fails with a RangeError that says what would be right. */
  set(fault: DnsFault): void {
    const problem = dnsFaultProblem(fault);
    if (problem !== undefined) throw new RangeError(problem);
    this.#faults.delete(fault.id);
    this.#faults.set(fault.id, fault);
    this.#hold();
  }

  /** Takes back some, or all without ids. */
  clear(ids: readonly string[]): void {
    if (ids.length === 0) this.#faults.clear();
    for (const id of ids) this.#faults.delete(id);
    this.#hold();
  }

  /** What happens to a question whose right answer is `answer`. */
  fate(question: DnsQuestion, answer: DnsAnswer | undefined): DnsFate {
    const { random, soa } = this.#options;
    return dnsFate(this.list(), question, answer, { soa, chance: () => random.next() });
  }

  #hold(): void {
    this.#options.changes.hold(this.list().some((fault) => fault.kind === 'stale'));
  }
}

/** Implements DnsControlService. */
export function dnsControlService(
  faults: DnsFaults,
  { clock, log }: { readonly clock: Pick<Clock, 'nowNs'>; readonly log: Logger },
): DnsControlServiceImplementation {
  return {
    async setFault({ fault }) {
      if (!fault) throw new ServerError(Status.INVALID_ARGUMENT, 'Field fault of SetFault is missing: give one');
      try {
        faults.set({ ...fault, kind: fault.kind as DnsFaultKind });
      } catch (error) {
        throw error instanceof RangeError ? new ServerError(Status.INVALID_ARGUMENT, error.message) : error;
      }
      log.info({ event: 'dns-fault', fault });
      return { atNs: clock.nowNs() };
    },
    async clearFaults({ ids }) {
      faults.clear(ids);
      log.info({ event: 'dns-faults-cleared', ids });
      return { atNs: clock.nowNs() };
    },
    async listFaults() {
      return { faults: faults.list().map((fault): WireFault => ({ ...fault })), unseen: faults.unseen };
    },
  };
}
