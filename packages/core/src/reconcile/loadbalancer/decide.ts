/** Addresses of all LoadBalancer Services at once. Source: metallb/metallb `controller/service.go` (convergeBalancer). */
import type { Namespace, Service } from '../../api/core.ts';
import type { IPAddressPool } from '../../api/metallb.ts';
import { formatIp, type Ip, parseIp } from '../../kube/net/ip.ts';
import { jsonEqual } from '../../kube/patch/merge-patch.ts';
import { canonicalJson } from '../common/hash.ts';
import { timeOf } from '../common/time.ts';
import { Allocator, type Applicant } from './allocator.ts';
import { namespaceLabels, type Pool, poolOf, sizeOfPool } from './pool.ts';
import { ALLOCATED_FROM, isServed, quoteIps, type Request, requestOf } from './request.ts';

/** An event to record on a Service. */
export interface LoadBalancerEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What is decided about one Service. */
export interface LoadBalancerAssignment {
  readonly service: Service;
  /** Addresses it is to show; empty: none. */
  readonly ips: readonly string[];
  readonly pool: string | undefined;
  /** False when the object shows it already. */
  readonly changed: boolean;
  /** Things that happened: recorded each time. */
  readonly events: readonly LoadBalancerEvent[];
  /** Things that are so: recorded when they begin. */
  readonly standing: readonly LoadBalancerEvent[];
}

/** A pool's counters. */
export interface PoolStatus {
  readonly pool: IPAddressPool;
  readonly status: NonNullable<IPAddressPool['status']>;
}

/** What the decision has to go by. */
export interface LoadBalancerObservation {
  readonly services: readonly Service[];
  readonly pools: readonly IPAddressPool[];
  readonly namespaces: readonly Namespace[];
  /** Fingerprints of the requests at the last decision, by uid: of two sharers that no longer agree the one that changed yields. */
  readonly known: ReadonlyMap<string, string>;
}

/** All that is decided. Assignments that take an address away come first, so that no address has two strangers as holders. */
export interface LoadBalancerDecision {
  readonly assignments: readonly LoadBalancerAssignment[];
  /** Pools whose counters are not as they should be. */
  readonly pools: readonly PoolStatus[];
  readonly known: ReadonlyMap<string, string>;
}

interface Candidate extends Applicant {
  readonly current: readonly Ip[];
  readonly fingerprint: string;
  readonly createdMs: number;
}

/** Decides who holds which address. Holders keep theirs while they may; then those that wait are served, oldest first. */
export function decideLoadBalancers(observation: LoadBalancerObservation): LoadBalancerDecision {
  const pools = observation.pools.map(poolOf);
  const allocator = new Allocator(pools);
  const labels = namespaceLabels(observation.namespaces);
  const assignments: LoadBalancerAssignment[] = [];
  const waiting: { readonly candidate: Candidate; readonly events: readonly LoadBalancerEvent[] }[] = [];
  const candidates = observation.services.filter(isServed).map((service) => candidateOf(service, labels));
  for (const candidate of inOrder(candidates, observation.known)) {
    const kept = keep(allocator, candidate);
    if (kept.ips) assignments.push(assignment(candidate.service, candidate.request, kept.ips, kept.pool, []));
    else waiting.push({ candidate, events: kept.events });
  }
  for (const { candidate, events } of waiting) assignments.push(serve(allocator, candidate, events));
  for (const service of observation.services)
    if (isForsaken(service)) assignments.push(assignment(service, undefined, [], undefined, []));
  const losing = (a: LoadBalancerAssignment): number => Number(!(a.changed && a.ips.length === 0));
  return {
    assignments: assignments.sort((a, b) => losing(a) - losing(b)),
    pools: counters(observation.pools, pools, allocator),
    known: new Map(candidates.map((c) => [c.service.metadata.uid ?? '', c.fingerprint])),
  };
}

/** What is read from a Service object, kept while the object lives: every decision looks at all Services, of which few have changed. */
const READ = new WeakMap<Service, Omit<Candidate, 'namespaceLabels'>>();

function candidateOf(service: Service, labels: ReturnType<typeof namespaceLabels>): Candidate {
  let read = READ.get(service);
  if (!read) {
    const request = requestOf(service);
    const { ips, ...rest } = request;
    read = {
      service,
      request,
      current: (service.status?.loadBalancer?.ingress ?? []).flatMap((i) => parseIp(i.ip ?? '') ?? []),
      fingerprint: canonicalJson({ ...rest, ips: ips.map(formatIp) }),
      createdMs: timeOf(service.metadata.creationTimestamp),
    };
    READ.set(service, read);
  }
  return { ...read, namespaceLabels: labels.get(service.metadata.namespace ?? '') };
}

/** Holders that have not changed, holders that have, then those without an address; within each the oldest first. */
function inOrder(candidates: readonly Candidate[], known: ReadonlyMap<string, string>): readonly Candidate[] {
  const rank = (c: Candidate): number => {
    if (c.current.length === 0) return 2;
    return known.get(c.service.metadata.uid ?? '') === c.fingerprint ? 0 : 1;
  };
  const ranks = new Map(candidates.map((c) => [c, rank(c)]));
  const rankOf = (c: Candidate): number => ranks.get(c) ?? 0;
  return [...candidates].sort(
    (a, b) => rankOf(a) - rankOf(b) || a.createdMs - b.createdMs || (a.request.key < b.request.key ? -1 : 1),
  );
}

type Kept =
  | { readonly ips: readonly Ip[]; readonly pool: string }
  | { readonly ips: undefined; readonly events: readonly LoadBalancerEvent[] };

/** Lets a holder keep its addresses, or says why it cannot. */
function keep(allocator: Allocator, candidate: Candidate): Kept {
  const { current, request } = candidate;
  if (current.length === 0) return { ips: undefined, events: [] };
  const cleared = (why: string): Kept => ({
    ips: undefined,
    events: [{ type: 'Normal', reason: 'ClearAssignment', message: `Cleared IP ${quoteIps(current)}: ${why}` }],
  });
  if (request.problem) return cleared(request.problem);
  const families = new Set(current.map((ip) => ip.family));
  const [first = 'IPv4'] = request.families;
  const enough = request.allFamilies ? request.families.every((f) => families.has(f)) : families.has(first);
  if (!enough || [...families].some((f) => !request.families.includes(f)))
    return cleared(`the service's families are ${request.families.join(', ')}`);
  if (request.ips.length > 0 && !sameIps(request.ips, current)) return cleared(`${quoteIps(request.ips)} is requested`);
  const held = allocator.assign(candidate, current);
  return held.ips ? held : cleared(held.problem);
}

function sameIps(a: readonly Ip[], b: readonly Ip[]): boolean {
  const texts = (ips: readonly Ip[]): string => ips.map(formatIp).sort().join();
  return texts(a) === texts(b);
}

function serve(
  allocator: Allocator,
  { service, request, namespaceLabels: labels }: Candidate,
  before: readonly LoadBalancerEvent[],
): LoadBalancerAssignment {
  if (request.problem)
    return assignment(service, request, [], undefined, before, {
      type: 'Warning',
      reason: 'LoadBalancerFailed',
      message: `Invalid requested loadbalancer IPs: ${request.problem}`,
    });
  const found = allocator.allocate({ service, request, namespaceLabels: labels });
  if (!found.ips)
    return assignment(service, request, [], undefined, before, {
      type: 'Warning',
      reason: 'AllocationFailed',
      message: `Failed to allocate IP for ${JSON.stringify(request.key)}: ${found.problem}`,
    });
  const given = { type: 'Normal', reason: 'IPAllocated', message: `Assigned IP ${quoteIps(found.ips)}` } as const;
  return assignment(service, request, found.ips, found.pool, [...before, given]);
}

function assignment(
  service: Service,
  request: Request | undefined,
  addresses: readonly Ip[],
  pool: string | undefined,
  events: readonly LoadBalancerEvent[],
  failure?: LoadBalancerEvent,
): LoadBalancerAssignment {
  const ips = addresses.map(formatIp);
  const shown = service.status?.loadBalancer?.ingress ?? [];
  const wanted = ips.map((ip) => ({ ip }));
  const deprecated = (request?.deprecated ?? []).map(
    (name): LoadBalancerEvent => ({
      type: 'Warning',
      reason: 'deprecatedAnnotation',
      message: `Service uses deprecated annotation ${JSON.stringify(name)}`,
    }),
  );
  return {
    service,
    ips,
    pool,
    changed: !jsonEqual(shown, wanted) || service.metadata.annotations?.[ALLOCATED_FROM] !== pool,
    events,
    standing: [...deprecated, ...(failure ? [failure] : [])],
  };
}

/** True for a Service that shows an address of ours though it is none of ours any more. */
function isForsaken(service: Service): boolean {
  if (isServed(service) || service.spec.loadBalancerClass) return false;
  const shown = service.status?.loadBalancer?.ingress ?? [];
  return shown.length > 0 || service.metadata.annotations?.[ALLOCATED_FROM] !== undefined;
}

function counters(
  objects: readonly IPAddressPool[],
  pools: readonly Pool[],
  allocator: Allocator,
): readonly PoolStatus[] {
  return objects.flatMap((object, i) => {
    const pool = pools[i];
    if (!pool) return [];
    const used = { IPv4: allocator.used(pool, 'IPv4'), IPv6: allocator.used(pool, 'IPv6') };
    const free = (family: Ip['family']): number => Number(sizeOfPool(pool, family) - BigInt(used[family]));
    const status = {
      assignedIPv4: used.IPv4,
      assignedIPv6: used.IPv6,
      availableIPv4: free('IPv4'),
      availableIPv6: free('IPv6'),
    };
    return jsonEqual(status, object.status) ? [] : [{ pool: object, status }];
  });
}
