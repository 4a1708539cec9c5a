/** Address pools as the allocator sees them. Source: metallb/metallb `internal/config/config.go`, `internal/allocator/allocator.go`. */
import type { Namespace, Service } from '../../api/core.ts';
import type { LabelSelector, StringMap } from '../../api/meta.ts';
import type { IPAddressPool } from '../../api/metallb.ts';
import { type Ip, type IpRange, inRange, parseRange } from '../../kube/net/ip.ts';
import { selectorMatches } from '../../kube/selector/label-selector.ts';

/** One pool. */
export interface Pool {
  readonly name: string;
  /** In the order they are listed: the first one is used first. */
  readonly ranges: readonly IpRange[];
  readonly autoAssign: boolean;
  readonly avoidBuggyIPs: boolean;
  /** Whom the pool is for; undefined when it is for everybody. */
  readonly scope: PoolScope | undefined;
}

/** Whom a pool is for. */
export interface PoolScope {
  /** 1 is served first; 0 and no number come last. */
  readonly priority: number;
  readonly namespaces: readonly string[];
  readonly namespaceSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
}

/** The pool of an IPAddressPool object. Ranges that are none are left out: admission refuses them. */
export function poolOf(object: IPAddressPool): Pool {
  const { spec } = object;
  const scope = spec.serviceAllocation;
  return {
    name: object.metadata.name,
    ranges: (spec.addresses ?? []).flatMap((text) => parseRange(text) ?? []),
    autoAssign: spec.autoAssign ?? true,
    avoidBuggyIPs: spec.avoidBuggyIPs ?? false,
    scope: scope && {
      priority: scope.priority || Number.POSITIVE_INFINITY,
      namespaces: scope.namespaces ?? [],
      namespaceSelectors: scope.namespaceSelectors ?? [],
      serviceSelectors: scope.serviceSelectors ?? [],
    },
  };
}

/** True when the address may be given out of the pool: within a range, and not .0 or .255 where those are avoided. */
export function contains(pool: Pool, ip: Ip): boolean {
  return pool.ranges.some((range) => inRange(range, ip)) && !(pool.avoidBuggyIPs && isBuggy(ip));
}

/** True for IPv4 addresses that end in .0 or .255, which some old firmware drops. */
function isBuggy(ip: Ip): boolean {
  return ip.family === 'IPv4' && (ip.value % 256n === 0n || ip.value % 256n === 255n);
}

/** True when the pool has a range of the family. */
export function hasFamily(pool: Pool, family: Ip['family']): boolean {
  return pool.ranges.some((range) => range.family === family);
}

/** The lowest address of the first range of the family that `fits`; undefined when none does. */
export function firstFit(pool: Pool, family: Ip['family'], fits: (ip: Ip) => boolean): Ip | undefined {
  for (const range of pool.ranges) {
    if (range.family !== family) continue;
    for (let value = range.first; value <= range.last; value += 1n) {
      const ip: Ip = { family, value };
      if (!(pool.avoidBuggyIPs && isBuggy(ip)) && fits(ip)) return ip;
    }
  }
  return undefined;
}

/** How many addresses of the family the pool can give out. */
export function sizeOfPool(pool: Pool, family: Ip['family']): bigint {
  let size = 0n;
  for (const range of pool.ranges) {
    if (range.family !== family) continue;
    size += range.last - range.first + 1n;
    if (pool.avoidBuggyIPs && family === 'IPv4') size -= endingIn(range, 0n) + endingIn(range, 255n);
  }
  return size;
}

/** How many addresses of the range have this last byte. */
function endingIn(range: IpRange, byte: bigint): bigint {
  const upTo = (value: bigint): bigint => (value < byte ? 0n : (value - byte) / 256n + 1n);
  return upTo(range.last) - (range.first === 0n ? 0n : upTo(range.first - 1n));
}

/** True when the pool may serve the Service: its namespace is among those listed or selected, and one of the service selectors holds. */
export function serves(pool: Pool, service: Service, namespaceLabels: StringMap | undefined): boolean {
  if (!pool.scope) return true;
  const { namespaces, namespaceSelectors, serviceSelectors } = pool.scope;
  const anyNamespace = namespaces.length === 0 && namespaceSelectors.length === 0;
  const inNamespace =
    anyNamespace ||
    namespaces.includes(service.metadata.namespace ?? '') ||
    namespaceSelectors.some((s) => selectorMatches(s, namespaceLabels));
  if (!inNamespace) return false;
  return serviceSelectors.length === 0 || serviceSelectors.some((s) => selectorMatches(s, service.metadata.labels));
}

/** Labels of a namespace by its name. */
export function namespaceLabels(namespaces: readonly Namespace[]): ReadonlyMap<string, StringMap> {
  return new Map(namespaces.map((n) => [n.metadata.name, n.metadata.labels ?? {}]));
}
