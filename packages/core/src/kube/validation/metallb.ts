/** Rules of MetalLB's resources. Source of rules and texts: metallb/metallb `internal/config/config.go`, `internal/k8s/webhooks`. */
import type { IPAddressPool } from '../../api/metallb.ts';
import { type IpRange, parseIp, parseRange, rangesOverlap } from '../net/ip.ts';

/** What is wrong with the addresses of one pool; undefined when nothing is. */
export function poolAddressProblem(pool: IPAddressPool): string | undefined {
  const name = pool.metadata.name;
  const addresses = pool.spec.addresses ?? [];
  if (addresses.length === 0) return `pool "${name}" has no prefixes defined`;
  for (const text of addresses) {
    if (parseRange(text)) continue;
    return `invalid CIDR ${JSON.stringify(text)} in pool ${JSON.stringify(name)}: ${rangeProblem(text)}`;
  }
  return overlapProblem(pool, pool, true);
}

function rangeProblem(text: string): string {
  if (!text.includes('-')) return `invalid CIDR ${JSON.stringify(text)}`;
  const parts = text.split('-').map((p) => p.trim());
  if (parts.length !== 2) return `invalid IP range ${JSON.stringify(text)}`;
  const [first = '', last = ''] = parts;
  const range = `invalid IP range ${JSON.stringify(text)}`;
  if (!parseIp(first)) return `${range}: invalid start IP ${JSON.stringify(first)}`;
  if (!parseIp(last)) return `${range}: invalid end IP ${JSON.stringify(last)}`;
  return `${range}: start IP ${JSON.stringify(first)} is after the end IP ${JSON.stringify(last)}`;
}

/** Says which range of `pool` overlaps which range of another pool, naming both; undefined when none does. */
export function poolOverlap(pool: IPAddressPool, others: readonly IPAddressPool[]): string | undefined {
  for (const other of others) {
    const problem = overlapProblem(pool, other, false);
    if (problem) return problem;
  }
  return undefined;
}

function overlapProblem(pool: IPAddressPool, other: IPAddressPool, same: boolean): string | undefined {
  const ranges = (p: IPAddressPool): { text: string; range: IpRange }[] =>
    (p.spec.addresses ?? []).flatMap((text) => {
      const range = parseRange(text);
      return range ? [{ text, range }] : [];
    });
  for (const [i, a] of ranges(pool).entries())
    for (const [j, b] of ranges(other).entries()) {
      if ((same && j >= i) || !rangesOverlap(a.range, b.range)) continue;
      return `CIDR ${JSON.stringify(a.text)} in pool ${JSON.stringify(pool.metadata.name)} overlaps with already defined CIDR ${JSON.stringify(b.text)} in pool ${JSON.stringify(other.metadata.name)}`;
    }
  return undefined;
}
