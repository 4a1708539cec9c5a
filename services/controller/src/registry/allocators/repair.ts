/** Brings allocations and Services back into agreement after a process died between two writes. Source of the idea: kubernetes `pkg/registry/core/service/{ipallocator,portallocator}/controller/repair.go`. */

import type { Cache } from '@svclab/core';
import { RESOURCES, type Service } from '@svclab/core';
import { type Allocations, POOLS } from './allocations.ts';
import { heldBy, ownerOf } from './service-allocator.ts';

/** What a repair did. `conflicts` lists values that two Services claim. */
export interface Repaired {
  readonly claimed: number;
  readonly released: number;
  readonly conflicts: readonly string[];
}

/** Claims what Services hold and nobody has recorded, and gives back what no Service holds. Run it before the first write. */
export async function repairAllocations(cache: Cache, allocations: Allocations): Promise<Repaired> {
  const wanted = new Map<string, string>();
  const conflicts: string[] = [];
  let claimed = 0;
  let released = 0;
  for (const service of cache.list<Service>(RESOURCES.services)) {
    const owner = ownerOf(service);
    for (const { pool, value } of heldBy(service.spec)) {
      if (wanted.has(`${pool}/${value}`)) {
        conflicts.push(`${pool} ${value} of ${owner.namespace}/${owner.name}`);
        continue;
      }
      wanted.set(`${pool}/${value}`, owner.uid);
    }
  }
  for (const pool of Object.values(POOLS))
    for (const { spec } of allocations.list(pool))
      if (wanted.get(`${pool}/${spec.value}`) !== spec.owner.uid && (await allocations.release(pool, spec.value)))
        released += 1;
  for (const service of cache.list<Service>(RESOURCES.services))
    for (const { pool, value } of heldBy(service.spec))
      if (
        wanted.get(`${pool}/${value}`) === service.metadata.uid &&
        (await allocations.claim(pool, value, ownerOf(service)))
      )
        claimed += 1;
  return { claimed, released, conflicts };
}
