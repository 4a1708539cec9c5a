/** The loop that keeps the kernel's rules in step with Services and EndpointSlices: the role of kube-proxy. */
import {
  type Cache,
  type Cancel,
  type Clock,
  type EndpointSlice,
  type ProxyNode,
  type ProxyService,
  parseListing,
  RESOURCES,
  RulesTable,
  renderTransaction,
  resolveService,
  type Service,
  ServiceIndex,
  type StaleFlow,
  SyncRunner,
  staleUdpFlows,
  type TableListing,
  type TableState,
} from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import type { Conntrack } from './conntrack.ts';
import type { Nft } from './nft.ts';

/** What one successful sync did. */
export interface SyncReport {
  /** The rules in the kernel contain the store up to here. */
  readonly revision: number;
  readonly services: number;
  /** Elements and chains added or removed. */
  readonly operations: number;
  /** From the start of the sync until nft had ended, microseconds. */
  readonly tookUs: number;
}

/** What a {@link Proxier} needs. */
export interface ProxierOptions {
  readonly cache: Cache;
  readonly node: ProxyNode;
  readonly nft: Pick<Nft, 'apply' | 'list' | 'reference'>;
  readonly conntrack: Pick<Conntrack, 'forget'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Shortest average time between two syncs, ms. */
  readonly minSyncPeriodMs: number;
  /** Time between full checks and before a retry, ms. */
  readonly syncPeriodMs: number;
  readonly onSync: (report: SyncReport) => void;
  /** Told of each sync that failed. */
  readonly onFailure?: () => void;
}

/** Syncs that may follow each other at once (kube-proxy's burst). */
const BURST = 2;
/** A full check lists the table, so it takes at most this share of the time. */
const CHECK_SHARE = 1 / 50;

/** Programs the table `ip svclab-proxy`. What the kernel holds when it starts keeps serving and is adopted if it is as it should be. */
export class Proxier {
  readonly #options: ProxierOptions;
  readonly #index = new ServiceIndex();
  readonly #table = new RulesTable();
  readonly #runner: SyncRunner;
  readonly #resolved = new Map<string, ProxyService>();
  readonly #stale: StaleFlow[] = [];
  readonly #references = new Map<string, string>();
  #structure: string | undefined;
  #dirty = new Set<string>();
  #checkWanted = true;
  #programmed = 0;
  #synced = false;
  #resolveFirst: () => void = () => undefined;
  /** Resolves when the kernel first holds the rules this agent wants. */
  readonly firstSync = new Promise<void>((resolve) => {
    this.#resolveFirst = resolve;
  });
  #busy = false;
  #operations = 0;
  #stops: Cancel[] = [];

  constructor(options: ProxierOptions) {
    this.#options = options;
    this.#runner = new SyncRunner({
      clock: options.clock,
      minIntervalMs: options.minSyncPeriodMs,
      burst: BURST,
      retryMs: Math.min(1000, options.syncPeriodMs),
      run: () => this.#run(),
    });
  }

  /** Begins; the first sync follows at once. */
  start(): void {
    const { cache } = this.#options;
    this.#dirty = new Set(
      this.#index.load(cache.list<Service>(RESOURCES.services), cache.list<EndpointSlice>(RESOURCES.endpointslices)),
    );
    this.#stops.push(
      cache.subscribe((event) => {
        const owners = this.#index.apply(event);
        for (const owner of owners) this.#dirty.add(owner);
        if (owners.length > 0) this.#runner.request();
      }),
    );
    this.#runner.request();
  }

  /** Ends; the rules stay. */
  stop(): void {
    for (const stop of this.#stops) stop();
    this.#runner.stop();
  }

  /** The kernel's rules contain the store up to here; 0 before the first sync. */
  get programmedRevision(): number {
    // What has come since and concerns no rule is contained as well.
    return this.#synced && this.#dirty.size === 0 && !this.#busy ? this.#options.cache.revision : this.#programmed;
  }

  /** The kernel holds the rules of some revision that this agent has seen. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Services whose rules may differ from what the kernel holds. */
  get pending(): number {
    return this.#dirty.size;
  }

  /** Services the rules contain. */
  get services(): number {
    return this.#table.services;
  }

  /** Operations sent since the start. */
  get operations(): number {
    return this.#operations;
  }

  async #run(): Promise<void> {
    this.#busy = true;
    try {
      await this.#sync();
    } catch (err) {
      this.#checkWanted = true;
      this.#options.log.error({ event: 'sync-failed', err });
      this.#options.onFailure?.();
      throw err;
    } finally {
      this.#busy = false;
    }
  }

  async #sync(): Promise<void> {
    const { cache, clock, nft, node, log } = this.#options;
    const started = clock.nowNs();
    if (this.#checkWanted) await this.#check();
    const revision = cache.revision;
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const owner of dirty) this.#compile(owner);
    const transaction = this.#table.plan();
    const script = renderTransaction(transaction, node);
    if (script !== '') await nft.apply(script);
    this.#table.commit(transaction);
    this.#operations += transaction.operations.length;
    this.#programmed = revision;
    this.#synced = true;
    this.#resolveFirst();
    // Only now: until the rules had changed, new flows to the old endpoints could begin.
    void this.#options.conntrack.forget(this.#stale.splice(0));
    if (transaction.rebuild) log.info({ event: 'table-made', rev: revision });
    this.#options.onSync({
      revision,
      services: this.#table.services,
      operations: transaction.operations.length,
      tookUs: Number((clock.nowNs() - started) / 1000n),
    });
  }

  #compile(owner: string): void {
    const { service, slices } = this.#index.get(owner);
    const before = this.#resolved.get(owner);
    const after = service && resolveService(service, slices, this.#options.node);
    this.#stale.push(...staleUdpFlows(before, after));
    if (after) this.#resolved.set(owner, after);
    else this.#resolved.delete(owner);
    this.#table.set(owner, after);
  }

  /** Compares the whole table with what it should be, and arranges the next check. */
  async #check(): Promise<void> {
    const { clock, syncPeriodMs } = this.#options;
    const started = clock.now();
    this.#table.adopt(await this.#inspect());
    this.#checkWanted = false;
    const pause = Math.max(syncPeriodMs, (clock.now() - started) / CHECK_SHARE);
    this.#stops = this.#stops.slice(0, 1);
    this.#stops.push(
      clock.after(pause, () => {
        this.#checkWanted = true;
        this.#runner.request();
      }),
    );
  }

  /** What the kernel holds, if its structure is right; undefined when the table must be made anew. */
  async #inspect(): Promise<TableState | undefined> {
    const { nft, log } = this.#options;
    const json = await nft.list();
    if (json === undefined) return undefined;
    const listing = parseListing(json);
    await this.#learn(listing);
    if (listing.structure !== this.#structure) {
      log.warn({ event: 'table-differs', reason: 'its chains, rules or maps are not the ones this version makes' });
      return undefined;
    }
    for (const [name, rules] of listing.shared) {
      if (this.#references.get(name) === rules) continue;
      log.warn({ event: 'table-differs', reason: `chain ${name} is not as it should be` });
      return undefined;
    }
    return { elements: listing.elements, chains: new Set(listing.shared.keys()) };
  }

  /** Finds out how this nft prints what the table should hold. */
  async #learn(listing: TableListing): Promise<void> {
    const unknown = [...listing.shared.keys()].filter((name) => !this.#references.has(name));
    if (this.#structure !== undefined && unknown.length === 0) return;
    const reference = parseListing(await this.#options.nft.reference(this.#options.node, unknown));
    this.#structure = reference.structure;
    for (const [name, rules] of reference.shared) this.#references.set(name, rules);
  }
}
