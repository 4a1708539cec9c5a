/** Brings allocations and Services back into agreement after a process died between two writes. Source of the idea: kubernetes `pkg/registry/core/service/{ipallocator,portallocator}/controller/repair.go`. */

import type { Cache } from '@svclab/core';
import { RESOURCES, type Service } from '@svclab/core';
import { type Allocation, type Allocations, POOLS } from './allocations.ts';
import { heldBy, ownerOf } from './service-allocator.ts';

/** What a repair did. `conflicts` lists values that two Services claim. */
export interface Repaired {
  readonly claimed: number;
  readonly released: number;
  readonly conflicts: readonly string[];
}

/** What Services hold: `pool/value` -> uid of the first that does. */
function wantedValues(cache: Cache): { wanted: ReadonlyMap<string, string>; conflicts: readonly string[] } {
  const wanted = new Map<string, string>();
  const conflicts: string[] = [];
  for (const service of cache.list<Service>(RESOURCES.services)) {
    const owner = ownerOf(service);
    for (const { pool, value } of heldBy(service.spec)) {
      if (wanted.has(`${pool}/${value}`)) conflicts.push(`${pool} ${value} of ${owner.namespace}/${owner.name}`);
      else wanted.set(`${pool}/${value}`, owner.uid);
    }
  }
  return { wanted, conflicts };
}

/** Allocations of the Services' pools whose owner does not hold them. */
export function ownerlessAllocations(cache: Cache, allocations: Allocations): readonly Allocation[] {
  const { wanted } = wantedValues(cache);
  return Object.values(POOLS).flatMap((pool) =>
    allocations.list(pool).filter(({ spec }) => wanted.get(`${pool}/${spec.value}`) !== spec.owner.uid),
  );
}

/**
 * Claims what Services hold and nobody has recorded, and gives back what no Service holds.
 * @param mayRelease which of the latter; all by default, which is right before the first write of the only API server
 */
export async function repairAllocations(
  cache: Cache,
  allocations: Allocations,
  mayRelease: (allocation: Allocation) => boolean = () => true,
): Promise<Repaired> {
  const { wanted, conflicts } = wantedValues(cache);
  let claimed = 0;
  let released = 0;
  for (const allocation of ownerlessAllocations(cache, allocations).filter(mayRelease)) {
    const { pool, value, owner } = allocation.spec;
    if (await allocations.release(pool, value, owner.uid)) released += 1;
  }
  for (const service of cache.list<Service>(RESOURCES.services))
    for (const { pool, value } of heldBy(service.spec))
      if (
        wanted.get(`${pool}/${value}`) === service.metadata.uid &&
        (await allocations.claim(pool, value, ownerOf(service)))
      )
        claimed += 1;
  return { claimed, released, conflicts };
}
