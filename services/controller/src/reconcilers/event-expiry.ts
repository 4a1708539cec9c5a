import { isEventExpired, type KubeEvent, RESOURCES } from '@svclab/core';
import { type Reconciler, type ReconcilerContext, unlessGone } from './reconciler.ts';

/** Longest time between two sweeps. */
const MAX_PERIOD_MS = 60_000;

/** Removes Events older than `events.ttl`. */
export class EventExpiryReconciler implements Reconciler {
  readonly name = 'event-expiry';
  readonly #context: ReconcilerContext;

  constructor(context: ReconcilerContext) {
    this.#context = context;
  }

  keysFor(): Iterable<string> {
    return [];
  }

  seed(): Iterable<string> {
    return ['sweep'];
  }

  async reconcile(): Promise<number | undefined> {
    const { registry, clock, knobs } = this.#context;
    const ttlMs = knobs['events.ttl'];
    for (const event of registry.list<KubeEvent>(RESOURCES.events)) {
      if (!isEventExpired(event, ttlMs, clock.wall())) continue;
      const { namespace = '', name, resourceVersion = '' } = event.metadata;
      await unlessGone(
        registry.delete(RESOURCES.events, namespace, name, { actor: this.name, preconditions: { resourceVersion } }),
      );
    }
    return Math.max(1, Math.min(MAX_PERIOD_MS, ttlMs / 2));
  }
}
