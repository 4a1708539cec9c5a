import { type Cancel, type Clock, hasReason, type Knobs } from '@svclab/core';
import type { Logger, Timeline } from '@svclab/runtime';
import type { Registry } from '../registry/registry.ts';
import { AllocationRepairReconciler } from './allocation-repair.ts';
import { DeploymentReconciler } from './deployment.ts';
import { EndpointsReconciler } from './endpoints.ts';
import { EventExpiryReconciler } from './event-expiry.ts';
import { FixedEndpointsReconciler } from './fixed-endpoints.ts';
import { GarbageCollector } from './garbage-collector.ts';
import { type HeartbeatBus, Heartbeats } from './heartbeats.ts';
import { LoadBalancerReconciler } from './load-balancer.ts';
import { NamespaceReconciler } from './namespace.ts';
import { NodeLifecycleReconciler } from './node-lifecycle.ts';
import { PodEvictionReconciler } from './pod-eviction.ts';
import { WorkQueue } from './queue.ts';
import type { QueueMetrics } from './queue-metrics.ts';
import { isNamespaceEnding, type Reconciler, type ReconcilerContext } from './reconciler.ts';
import { EventRecorder } from './recorder.ts';
import { ReplicaSetReconciler } from './replica-set.ts';
import { Scheduler } from './scheduler.ts';
import { SliceIndex } from './slice-index.ts';

/** What the control loops need. */
export interface ReconcilerDeps {
  readonly registry: Registry;
  readonly bus: HeartbeatBus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly timeline: Pick<Timeline, 'stamp'>;
  readonly knobs: Knobs;
  /** Addresses at which pods reach the API servers, if they do. */
  readonly apiAddresses: readonly string[];
  /** Other API servers write as well: allocations are looked after all the time. */
  readonly severalApis?: boolean;
  /** Whether this process may act; always, when left out. What happens while it may not is left to the one that may. */
  readonly leads?: () => boolean;
  readonly queues?: QueueMetrics | undefined;
}

/** The running control loops. */
export interface Reconcilers {
  readonly recorder: EventRecorder;
  readonly heartbeats: Heartbeats;
  /** Ends all loops; resolves when what runs has ended. */
  stop(): Promise<void>;
}

/** How long a loop waits for a copy of the store that is behind. */
const STALE_WAIT_MS = 50;

/** Starts every control loop on a cache that is complete. Each looks at everything once, then at what changes. */
export function startReconcilers(deps: ReconcilerDeps): Reconcilers {
  const { registry, bus, clock, log, timeline, knobs, apiAddresses, leads = () => true } = deps;
  const recorder = new EventRecorder({ registry, clock, log });
  const heartbeats = new Heartbeats(bus, () => registry.cache.fresh);
  // Before the loops: they ask it about the change they are told of.
  const slices = new SliceIndex(registry.cache);
  const context: ReconcilerContext = { registry, clock, log, timeline, knobs, recorder, slices };
  const loops = [
    new NodeLifecycleReconciler(context, heartbeats),
    new EndpointsReconciler(context),
    new FixedEndpointsReconciler(context, { apiAddresses, heartbeats }),
    new DeploymentReconciler(context),
    new ReplicaSetReconciler(context),
    new Scheduler(context),
    new PodEvictionReconciler(context),
    new LoadBalancerReconciler(context),
    new GarbageCollector(context),
    new NamespaceReconciler(context),
    new EventExpiryReconciler(context),
    ...(deps.severalApis ? [new AllocationRepairReconciler(context)] : []),
  ].map((reconciler) => new Loop(reconciler, context, leads, deps.queues));
  const unsubscribe = registry.cache.subscribe((event) => {
    if (leads()) for (const loop of loops) loop.onEvent(event);
  });
  for (const loop of loops) loop.start();
  return {
    recorder,
    heartbeats,
    async stop() {
      unsubscribe();
      slices.stop();
      heartbeats.stop();
      await Promise.all(loops.map((loop) => loop.stop()));
      await recorder.stop();
    },
  };
}

/** One reconciler with its queue. */
class Loop {
  readonly #reconciler: Reconciler;
  readonly #context: ReconcilerContext;
  readonly #queue: WorkQueue;
  readonly #leads: () => boolean;
  #end: Cancel = () => undefined;

  constructor(
    reconciler: Reconciler,
    context: ReconcilerContext,
    leads: () => boolean,
    queues: QueueMetrics | undefined,
  ) {
    this.#reconciler = reconciler;
    this.#leads = leads;
    this.#context = context;
    this.#queue = new WorkQueue({
      clock: context.clock,
      workers: reconciler.workers ?? 1,
      handle: (key) => this.#handle(key),
      onError: (key, err, retryMs) => this.#report(key, err, retryMs),
      recorder: queues?.recorder(reconciler.name),
    });
    queues?.follow(reconciler.name, this.#queue);
  }

  onEvent(event: Parameters<Reconciler['keysFor']>[0]): void {
    for (const key of this.#reconciler.keysFor(event)) this.#queue.addAfter(key, this.#reconciler.delayMs ?? 0);
  }

  start(): void {
    this.#end = this.#reconciler.begin?.((key) => this.#queue.add(key)) ?? this.#end;
    for (const key of this.#reconciler.seed()) this.#queue.add(key);
    this.#queue.start();
  }

  stop(): Promise<void> {
    this.#end();
    return this.#queue.stop();
  }

  /** Acts only on a copy that is up to date (KEP-5647): after a write whose outcome is unknown, it may lack what was written. */
  async #handle(key: string): Promise<number | undefined> {
    if (!this.#leads()) return undefined;
    if (!this.#context.registry.cache.fresh) return STALE_WAIT_MS;
    try {
      return await this.#reconciler.reconcile(key);
    } catch (error) {
      if (isNamespaceEnding(error)) return undefined;
      throw error;
    }
  }

  #report(key: string, err: unknown, retryMs: number): void {
    const entry = { event: 'reconcile-failed', reconciler: this.#reconciler.name, key, retryMs, err };
    if (!this.#leads()) return;
    // A conflict means that somebody else wrote first: the next look sees it.
    if (hasReason(err, 'Conflict')) this.#context.log.debug(entry);
    else this.#context.log.warn(entry);
  }
}
