import { ownerlessAllocations, repairAllocations } from '../registry/allocators/repair.ts';
import type { Reconciler, ReconcilerContext } from './reconciler.ts';

const PERIOD_MS = 10_000;
/**
 * A value that no Service holds is given back after it has been seen so for this long: another API server may be about to store the
 * Service it was taken for, and takes no longer than half of this.
 */
const GRACE_MS = 20_000;

/** Keeps allocations and Services in agreement while several API servers write. Source of the idea: kubernetes `pkg/registry/core/service/ipallocator/controller/repairip.go`. */
export class AllocationRepairReconciler implements Reconciler {
  readonly name = 'allocation-repair';
  readonly #context: ReconcilerContext;
  /** Allocation without an owner, by name and revision -> since when it was seen so. */
  #seen: ReadonlyMap<string, number> = new Map();

  constructor(context: ReconcilerContext) {
    this.#context = context;
  }

  keysFor(): Iterable<string> {
    return [];
  }

  seed(): Iterable<string> {
    return ['repair'];
  }

  async reconcile(): Promise<number | undefined> {
    const { registry, clock, log } = this.#context;
    const nowMs = clock.now();
    const seen = new Map<string, number>();
    for (const { metadata } of ownerlessAllocations(registry.cache, registry.allocations)) {
      const id = `${metadata.name} ${metadata.resourceVersion}`;
      seen.set(id, this.#seen.get(id) ?? nowMs);
    }
    this.#seen = seen;
    const repaired = await repairAllocations(registry.cache, registry.allocations, ({ metadata }) => {
      const since = seen.get(`${metadata.name} ${metadata.resourceVersion}`);
      return since !== undefined && nowMs - since >= GRACE_MS;
    });
    if (repaired.claimed + repaired.released + repaired.conflicts.length > 0)
      log.info({ event: 'allocations-repaired', ...repaired });
    return PERIOD_MS;
  }
}
