/**
 * The fixed part of the table `ip svclab-proxy`: maps, sets and chains that all services share (docs/adr/0002).
 *
 * A new connection's way: `services` looks its destination up in `service-ips` and goes to the chain of its traffic class. That chain
 * puts the service port's number into `ct mark`, jumps to a chain that picks one of N endpoints (`cluster-of-3`, shared by all
 * service ports with three endpoints), which leaves the endpoint's number in `meta mark`, adds the masquerade bit where the source must
 * be hidden, and goes to `translate`. What differs between services is only in the maps.
 *
 * Semantics: kube-proxy's nftables mode (kubernetes `pkg/proxy/nftables/proxier.go`, KEP-3866).
 */
import { MASQUERADE_BIT } from './identifiers.ts';
import type { ProxyNode, TrafficClass } from './service-port.ts';

/** Name of the table, family `ip`. It belongs to the agent alone. */
export const PROXY_TABLE = 'svclab-proxy';

/** The sets and maps whose elements follow the services. */
export const ELEMENT_SETS = {
  /** Frontend (address . protocol . port) with endpoints -> chain of its traffic class. */
  'service-ips': { kind: 'map', type: 'ipv4_addr . inet_proto . inet_service : verdict' },
  /** Frontend without any endpoint -> reject. */
  'no-endpoint-services': { kind: 'map', type: 'ipv4_addr . inet_proto . inet_service : verdict' },
  /** Frontend -> number of its service port. */
  'service-ids': { kind: 'map', type: 'ipv4_addr . inet_proto . inet_service : mark' },
  /** Service port -> chain that picks among all its endpoints in use. */
  'cluster-chains': { kind: 'map', type: 'mark : verdict' },
  /** Service port -> chain that picks among those on this node. */
  'local-chains': { kind: 'map', type: 'mark : verdict' },
  /** Service port . index -> endpoint. */
  'cluster-picks': { kind: 'map', type: 'mark . mark : mark' },
  'local-picks': { kind: 'map', type: 'mark . mark : mark' },
  /** Endpoint -> address . port. */
  endpoints: { kind: 'map', type: 'mark : ipv4_addr . inet_service' },
  /** Endpoint that a client may stay with -> chain that lengthens the stay. */
  'cluster-affinity': { kind: 'map', type: 'mark : verdict' },
  'local-affinity': { kind: 'map', type: 'mark : verdict' },
  /** Pods of this node that may reach themselves through a service: source . destination. */
  hairpin: { kind: 'set', type: 'ipv4_addr . ipv4_addr' },
  /** ClusterIPs in use: their other ports are rejected, not dropped. */
  'cluster-ips': { kind: 'set', type: 'ipv4_addr' },
} as const;

/** Name of a set or map whose elements follow the services. */
export type ElementSet = keyof typeof ELEMENT_SETS;

/** Which endpoints a chain picks from. */
export type PickScope = 'cluster' | 'local';

/** Map of who stays with which endpoint; the kernel itself fills it: client . service port -> endpoint. */
export const AFFINITY_MAP = 'affinity';

/** Clients remembered at most; beyond it new ones are spread at random. */
const AFFINITY_SIZE = 65_536;

/** A chain with its rules. */
export interface NftChain {
  readonly name: string;
  /** `type ... hook ...` of a base chain. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

const FRONTEND = 'ip daddr . meta l4proto . th dport';
const BIT = `0x${MASQUERADE_BIT.toString(16)}`;
const NOT_BIT = `0x${(~MASQUERADE_BIT >>> 0).toString(16)}`;
const HIDE_SOURCE = `meta mark set meta mark | ${BIT}`;
const ENTER = [`ct mark set ${FRONTEND} map @service-ids`, 'meta mark set 0'];

/** Target of frontends without endpoints. */
export const REJECT_CHAIN = 'reject-chain';

function classChains(
  node: ProxyNode,
): readonly (NftChain & { readonly name: TrafficClass | `external-local-${string}` })[] {
  const hideUnlessPod = `ip saddr != ${node.clusterPodCIDR} ${HIDE_SOURCE}`;
  return [
    { name: 'cluster-ip', rules: [...ENTER, 'ct mark vmap @cluster-chains', hideUnlessPod, 'goto translate'] },
    { name: 'cluster-ip-local', rules: [...ENTER, 'ct mark vmap @local-chains', hideUnlessPod, 'goto translate'] },
    { name: 'external', rules: [...ENTER, 'ct mark vmap @cluster-chains', HIDE_SOURCE, 'goto translate'] },
    // Pods and programs of this node come from inside: they reach all endpoints whatever the external policy.
    { name: 'external-local-pod', rules: ['ct mark vmap @cluster-chains', 'goto translate'] },
    { name: 'external-local-host', rules: ['ct mark vmap @cluster-chains', HIDE_SOURCE, 'goto translate'] },
    {
      name: 'external-local',
      rules: [
        ...ENTER,
        `ip saddr ${node.podCIDR} goto external-local-pod`,
        'fib saddr type local goto external-local-host',
        'ct mark vmap @local-chains',
        'goto translate',
      ],
    },
  ];
}

/** The chains that exist whatever the services are; a chain comes after those it goes to. */
export function staticChains(node: ProxyNode): readonly NftChain[] {
  return [
    { name: REJECT_CHAIN, rules: ['reject'] },
    {
      name: 'translate',
      // Nothing to translate to: policy Local without an endpoint on this node.
      rules: [`meta l4proto { 6, 17, 132 } dnat ip to meta mark & ${NOT_BIT} map @endpoints`, 'drop'],
    },
    ...classChains(node),
    { name: 'services', rules: [`${FRONTEND} vmap @service-ips`] },
    { name: 'endpoints-check', rules: [`${FRONTEND} vmap @no-endpoint-services`] },
    {
      name: 'post-dnat',
      rules: [
        `ct status dnat meta mark set meta mark & ${BIT}`,
        `ip daddr @cluster-ips goto ${REJECT_CHAIN}`,
        `ip daddr ${node.serviceCIDR} drop`,
      ],
    },
    ...baseChains(),
  ];
}

function baseChains(): NftChain[] {
  const base = (name: string, type: string, hook: string, priority: number, rules: string[]): NftChain => ({
    name,
    hook: `type ${type} hook ${hook} priority ${priority}; policy accept;`,
    rules,
  });
  const check = ['ct state new jump endpoints-check'];
  const after = ['ct state new jump post-dnat'];
  return [
    base('filter-prerouting', 'filter', 'prerouting', -110, check),
    base('filter-output', 'filter', 'output', -110, check),
    base('nat-prerouting', 'nat', 'prerouting', -100, ['jump services']),
    base('nat-output', 'nat', 'output', -100, ['jump services']),
    base('filter-prerouting-post-dnat', 'filter', 'prerouting', -90, after),
    base('filter-output-post-dnat', 'filter', 'output', -90, after),
    base('nat-postrouting', 'nat', 'postrouting', 100, [
      'ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random',
      `meta mark & ${BIT} == 0 return`,
      `meta mark set meta mark ^ ${BIT}`,
      'masquerade fully-random',
    ]),
  ];
}

/** Name of the chain that picks one of `count` endpoints; with affinity, only after looking where the client was before. */
export function pickChainName(scope: PickScope, count: number, affinitySeconds: number | undefined): string {
  return `${scope}-of-${count}${affinitySeconds === undefined ? '' : `-affinity-${affinitySeconds}`}`;
}

/** Name of the chain that lengthens a client's stay. */
export function refreshChainName(affinitySeconds: number): string {
  return `refresh-${affinitySeconds}`;
}

/** The chain behind a name of {@link pickChainName} or {@link refreshChainName}; undefined for any other name. */
export function sharedChain(name: string): NftChain | undefined {
  const refresh = /^refresh-(\d+)$/.exec(name);
  if (refresh) return { name, rules: [remember(Number(refresh[1]))] };
  const pick = /^(cluster|local)-of-(\d+)(?:-affinity-(\d+))?$/.exec(name);
  if (!pick) return undefined;
  const [, scope, count, seconds] = pick;
  const choose = [`meta mark set numgen random mod ${count}`, `meta mark set ct mark . meta mark map @${scope}-picks`];
  if (seconds === undefined) return { name, rules: choose };
  return {
    name,
    rules: [
      `meta mark set ip saddr . ct mark map @${AFFINITY_MAP}`,
      `meta mark vmap @${scope}-affinity`,
      // An update would keep the number of an endpoint that is gone.
      `delete @${AFFINITY_MAP} { ip saddr . ct mark : meta mark }`,
      ...choose,
      remember(Number(seconds)),
    ],
  };
}

function remember(seconds: number): string {
  return `update @${AFFINITY_MAP} { ip saddr . ct mark timeout ${seconds}s : meta mark }`;
}

/** nft commands that make the table with its fixed parts and nothing in the maps. */
export function tableCommands(node: ProxyNode): string[] {
  const commands = [`add table ip ${PROXY_TABLE}`];
  for (const [name, { kind, type }] of Object.entries(ELEMENT_SETS))
    commands.push(`add ${kind} ip ${PROXY_TABLE} ${name} { type ${type}; }`);
  commands.push(
    `add map ip ${PROXY_TABLE} ${AFFINITY_MAP} { type ipv4_addr . mark : mark; flags dynamic,timeout; size ${AFFINITY_SIZE}; }`,
  );
  const chains = staticChains(node);
  return [...commands, ...chains.flatMap(chainCommands)];
}

/** nft commands that make one chain. */
export function chainCommands(chain: NftChain): string[] {
  return [
    `add chain ip ${PROXY_TABLE} ${chain.name}${chain.hook ? ` { ${chain.hook} }` : ''}`,
    ...chain.rules.map((rule) => `add rule ip ${PROXY_TABLE} ${chain.name} ${rule}`),
  ];
}
