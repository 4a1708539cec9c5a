/**
 * Who announces an external address: stateless, per Service, each announcer computes it alone.
 * Source: metallb/metallb `speaker/layer2_controller.go`, `internal/config/config.go`.
 */
import type { Node, Service } from '../api/core.ts';
import type { EndpointSlice } from '../api/discovery.ts';
import type { LabelSelector } from '../api/meta.ts';
import type { IPAddressPool, L2Advertisement } from '../api/metallb.ts';
import { selectorMatches } from '../kube/selector/label-selector.ts';

/** Label that keeps a node from announcing. */
export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** Annotation that names the pool an address came from; written by the controller. */
export const POOL_ANNOTATION = 'metallb.io/ip-allocated-from-pool';

/** SHA-256 of a text, as bytes. */
export type Sha256 = (text: string) => Uint8Array;

/** Why a Service's address is announced by whom it is. */
export type ElectionReason =
  | 'won-election'
  | 'lost-election'
  | 'no-endpoints'
  | 'no-pool'
  | 'no-advertisement'
  | 'no-candidate';

/** The outcome for one address. */
export interface Verdict {
  readonly vip: string;
  readonly namespace: string;
  readonly service: string;
  /** Node that announces it; empty when nobody does. */
  readonly owner: string;
  readonly reason: ElectionReason;
  /** Candidates in election order: the first is the owner, the next would take over. */
  readonly order: readonly string[];
  /** Interfaces the advertisements name; empty: all. */
  readonly interfaces: readonly string[];
}

/** What an election looks at. */
export interface ElectionInput {
  readonly self: string;
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  readonly nodes: ReadonlyMap<string, Node>;
  readonly pools: readonly IPAddressPool[];
  readonly advertisements: readonly L2Advertisement[];
  /** Members alive or suspect. */
  readonly members: readonly string[];
  readonly sha256: Sha256;
}

/** Verdicts for the addresses of a Service: all of them have the owner that its first address elects. None for a Service of a class. */
export function elect(input: ElectionInput): readonly Verdict[] {
  const { service, self } = input;
  const ips = (service.status?.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip ? [i.ip] : []));
  const first = ips[0];
  // A class names another implementation: whatever address stands in the status, it is not ours to announce.
  if (service.spec.type !== 'LoadBalancer' || service.spec.loadBalancerClass || first === undefined) return [];
  const outcome = decide(input, first);
  const owner = outcome.order[0] ?? '';
  const reason: ElectionReason = outcome.reason ?? (owner === self ? 'won-election' : 'lost-election');
  return ips.map((vip) => ({
    vip,
    namespace: service.metadata.namespace ?? '',
    service: service.metadata.name,
    owner,
    reason,
    order: outcome.order,
    interfaces: outcome.interfaces,
  }));
}

interface Outcome {
  readonly reason?: ElectionReason;
  readonly order: readonly string[];
  readonly interfaces: readonly string[];
}

function decide(input: ElectionInput, first: string): Outcome {
  const nobody = (reason: ElectionReason): Outcome => ({ reason, order: [], interfaces: [] });
  const serving = servingNodes(input.slices);
  if (!serving.any) return nobody('no-endpoints');
  const poolName = input.service.metadata.annotations?.[POOL_ANNOTATION];
  const pool = input.pools.find((p) => p.metadata.name === poolName);
  if (!pool) return nobody('no-pool');
  const ads = input.advertisements.filter((ad) => advertises(ad, pool, input.service));
  if (ads.length === 0) return nobody('no-advertisement');
  const local = input.service.spec.externalTrafficPolicy === 'Local';
  const candidates = input.members.filter(
    (name) => mayAnnounce(input.nodes.get(name), ads) && (!local || serving.nodes.has(name)),
  );
  if (candidates.length === 0) return nobody('no-candidate');
  const interfaces = ads.some((ad) => (ad.spec?.interfaces ?? []).length === 0)
    ? []
    : [...new Set(ads.flatMap((ad) => ad.spec?.interfaces ?? []))].sort();
  return { order: electionOrder(candidates, first, input.sha256), interfaces };
}

/** Nodes sorted by the hash of `node#ip`, bytewise: the first wins. Ties cannot be: names differ. */
export function electionOrder(nodes: readonly string[], ip: string, sha256: Sha256): string[] {
  return nodes
    .map((node) => ({ node, hash: sha256(`${node}#${ip}`) }))
    .sort((a, b) => compareBytes(a.hash, b.hash))
    .map((n) => n.node);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Nodes with a serving endpoint: ready true or absent, or serving true (a terminating one that still serves counts). */
function servingNodes(slices: readonly EndpointSlice[]): { any: boolean; nodes: ReadonlySet<string> } {
  const serving = slices
    .flatMap((s) => s.endpoints ?? [])
    .filter((e) => e.conditions?.ready !== false || e.conditions?.serving === true);
  return { any: serving.length > 0, nodes: new Set(serving.flatMap((e) => (e.nodeName ? [e.nodeName] : []))) };
}

/** Whether an advertisement covers a pool and a Service. One that names neither pools nor pool labels covers all pools. */
function advertises(ad: L2Advertisement, pool: IPAddressPool, service: Service): boolean {
  const { ipAddressPools = [], ipAddressPoolSelectors = [], serviceSelectors = [] } = ad.spec ?? {};
  const all = ipAddressPools.length === 0 && ipAddressPoolSelectors.length === 0;
  const named = ipAddressPools.includes(pool.metadata.name) || anyMatches(ipAddressPoolSelectors, pool.metadata.labels);
  const selected = serviceSelectors.length === 0 || anyMatches(serviceSelectors, service.metadata.labels);
  return (all || named) && selected;
}

/** Ready, cordon and taints are not looked at, as in MetalLB. A node nobody has registered yet may announce unless a selector wants labels. */
function mayAnnounce(node: Node | undefined, ads: readonly L2Advertisement[]): boolean {
  const labels = node?.metadata.labels ?? {};
  if (EXCLUDE_LABEL in labels) return false;
  if (node?.status?.conditions?.some((c) => c.type === 'NetworkUnavailable' && c.status === 'True')) return false;
  return ads.some((ad) => {
    const selectors = ad.spec?.nodeSelectors ?? [];
    return selectors.length === 0 || anyMatches(selectors, labels);
  });
}

function anyMatches(
  selectors: readonly LabelSelector[],
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return selectors.some((s) => selectorMatches(s, labels ?? {}));
}
