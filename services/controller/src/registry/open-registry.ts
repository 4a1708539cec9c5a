import {
  type Cache,
  type Clock,
  formatIp,
  type IpRange,
  type LabConfig,
  parseCidr,
  type Random,
  type Store,
} from '@svclab/core';
import { type Repaired, repairAllocations } from './allocators/repair.ts';
import { bootstrap } from './bootstrap.ts';
import { definitions } from './definitions.ts';
import { createRegistry } from './generic-registry.ts';
import type { Registry } from './registry.ts';

/** What {@link openRegistry} needs. */
export interface OpenRegistryOptions {
  readonly store: Store;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly random: Random;
  readonly uuid: () => string;
  readonly lab: Pick<LabConfig, 'serviceCIDR' | 'nodePorts' | 'dnsIP' | 'knobs'>;
  /** Told what the repair of allocations did. */
  readonly onRepair?: (repaired: Repaired) => void;
}

/** The registry of a lab; writes nothing yet. Fails when the service range is no IPv4 CIDR. */
export function labRegistry(options: Omit<OpenRegistryOptions, 'onRepair'>): Registry {
  const { store, cache, clock, random, uuid, lab } = options;
  const addresses = serviceRange(lab);
  return createRegistry({
    store,
    cache,
    clock,
    random,
    uuid,
    definitions: definitions({
      ranges: { serviceCIDR: lab.serviceCIDR, addresses, nodePorts: lab.nodePorts, random },
      evictionSeconds: Math.round(lab.knobs['node.evictionToleration'] / 1000),
    }),
  });
}

/** Makes what is missing of the objects every cluster has. */
export async function prepareCluster(registry: Registry, lab: OpenRegistryOptions['lab']): Promise<void> {
  const addresses = serviceRange(lab);
  const apiIP = formatIp({ family: addresses.family, value: addresses.first + 1n });
  await bootstrap(registry, { apiIP, dnsIP: lab.dnsIP, apiPort: 6443 });
}

/** The registry of a lab with one API server: allocations repaired, the objects every cluster has made. */
export async function openRegistry(options: OpenRegistryOptions): Promise<Registry> {
  const registry = labRegistry(options);
  const repaired = await repairAllocations(options.cache, registry.allocations);
  options.onRepair?.(repaired);
  await prepareCluster(registry, options.lab);
  return registry;
}

function serviceRange(lab: OpenRegistryOptions['lab']): IpRange {
  const addresses = parseCidr(lab.serviceCIDR);
  if (!addresses) throw new Error(`Service range is no CIDR: ${lab.serviceCIDR}`);
  return addresses;
}
