/** Who holds which address. Source of the sharing rules: metallb/metallb `internal/allocator/allocator.go` (checkSharing). */
import type { Service } from '../../api/core.ts';
import type { StringMap } from '../../api/meta.ts';
import { formatIp, type Ip } from '../../kube/net/ip.ts';
import { contains, firstFit, hasFamily, type Pool, serves } from './pool.ts';
import { quoteIps, type Request } from './request.ts';

/** An address, or why there is none. */
export type Allocation =
  | { readonly ips: readonly Ip[]; readonly pool: string }
  | { readonly ips: undefined; readonly problem: string };

/** A Service that wants an address. */
export interface Applicant {
  readonly service: Service;
  readonly request: Request;
  readonly namespaceLabels: StringMap | undefined;
}

const refused = (problem: string): Allocation => ({ ips: undefined, problem });

/** Addresses in use while one decision is made. Pools are tried by name where MetalLB's order is random. */
export class Allocator {
  readonly #pools: readonly Pool[];
  /** Address, by family -> requests of its holders. */
  readonly #holders = { IPv4: new Map<bigint, Request[]>(), IPv6: new Map<bigint, Request[]>() };
  /** `pool family` -> addresses given out. */
  readonly #used = new Map<string, number>();

  constructor(pools: readonly Pool[]) {
    this.#pools = [...pools].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** How many addresses of the family are given out of a pool; a shared one counts once. */
  used(pool: Pool, family: Ip['family']): number {
    return this.#used.get(`${pool.name} ${family}`) ?? 0;
  }

  /** Gives the Service these very addresses: those it has already, or those it asks for. */
  assign(applicant: Applicant, ips: readonly Ip[]): Allocation {
    const { request } = applicant;
    const pool = this.#pools.find((p) => ips.every((ip) => contains(p, ip)));
    if (!pool) return refused(`${quoteIps(ips)} is not allowed in config`);
    if (request.pool !== undefined && request.pool !== pool.name)
      return refused(`${quoteIps(ips)} is not in the requested pool ${JSON.stringify(request.pool)}`);
    if (!serves(pool, applicant.service, applicant.namespaceLabels)) return refused(notCompatible(pool));
    for (const ip of ips) {
      const problem = this.#conflict(request, ip);
      if (problem) return refused(problem);
    }
    return this.#take(request, ips, pool);
  }

  /** Finds addresses for a Service. */
  allocate(applicant: Applicant): Allocation {
    const { request } = applicant;
    if (request.ips.length > 0) return this.assign(applicant, request.ips);
    if (request.pool !== undefined) return this.#fromRequestedPool(applicant, request.pool);
    const candidates = this.#pools.filter(
      (p) => p.autoAssign && serves(p, applicant.service, applicant.namespaceLabels),
    );
    const priority = (p: Pool): number => p.scope?.priority ?? Number.POSITIVE_INFINITY;
    const scoped = candidates.filter((p) => p.scope).sort((a, b) => compare(priority(a), priority(b)));
    const order = [...scoped, ...candidates.filter((p) => !p.scope)];
    return this.#fromPools(request, order) ?? refused('no available IPs');
  }

  #fromRequestedPool(applicant: Applicant, name: string): Allocation {
    const pool = this.#pools.find((p) => p.name === name);
    if (!pool) return refused(`unknown pool ${JSON.stringify(name)}`);
    if (!serves(pool, applicant.service, applicant.namespaceLabels)) return refused(notCompatible(pool));
    return this.#fromPools(applicant.request, [pool]) ?? refused(`no available IPs in pool ${JSON.stringify(name)}`);
  }

  /** All families from the first pool that has them; then, where that is enough, the first family alone. */
  #fromPools(request: Request, pools: readonly Pool[]): Allocation | undefined {
    const [first = 'IPv4'] = request.families;
    const attempts = [request.families, ...(request.allFamilies || request.families.length < 2 ? [] : [[first]])];
    for (const families of attempts)
      for (const pool of pools) {
        if (!families.every((f) => hasFamily(pool, f))) continue;
        const ips = families.map((f) => firstFit(pool, f, (ip) => this.#conflict(request, ip) === undefined));
        const found = ips.filter((ip) => ip !== undefined);
        if (found.length === families.length) return this.#take(request, found, pool);
      }
    return undefined;
  }

  #take(request: Request, ips: readonly Ip[], pool: Pool): Allocation {
    for (const { family, value } of ips) {
      const holders = this.#holders[family].get(value);
      if (holders) {
        holders.push(request);
        continue;
      }
      this.#holders[family].set(value, [request]);
      this.#used.set(`${pool.name} ${family}`, this.used(pool, family) + 1);
    }
    return { ips, pool: pool.name };
  }

  /** Why the address cannot be had; undefined when it can. */
  #conflict(request: Request, ip: Ip): string | undefined {
    for (const holder of this.#holders[ip.family].get(ip.value) ?? []) {
      const sharing =
        request.sharingKey !== '' &&
        request.sharingKey === holder.sharingKey &&
        request.backendKey === holder.backendKey;
      if (!sharing)
        return `can't change sharing key for ${JSON.stringify(request.key)}, address also in use by ${holder.key}`;
      const port = request.ports.find((p) => holder.ports.includes(p));
      if (port) return `port ${port} is already in use on ${JSON.stringify(formatIp(ip))} by ${holder.key}`;
    }
    return undefined;
  }
}

function notCompatible(pool: Pool): string {
  return `pool ${JSON.stringify(pool.name)} is not for this service: its serviceAllocation excludes it`;
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
