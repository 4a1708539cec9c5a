/** A Service and its EndpointSlices, as one node's rules see them. */
import type { Protocol, Service, ServicePort as ServicePortSpec } from '../api/core.ts';
import type { EndpointSlice, SliceEndpoint } from '../api/discovery.ts';
import { categorizeEndpoints, type EndpointCategories, type ProxyEndpoint } from './categorize.ts';

/** Protocol numbers (IANA), by Kubernetes name. */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** What kind of traffic a frontend takes; decides the endpoints used and whether the source is masqueraded. */
export type TrafficClass = 'cluster-ip' | 'cluster-ip-local' | 'external' | 'external-local';

/** One address and port at which a service port is reached. */
export interface Frontend {
  readonly ip: string;
  readonly port: number;
  readonly trafficClass: TrafficClass;
}

/** One port of a Service on one node, ready to become rules. */
export interface ProxyServicePort {
  /** `namespace/name:port/PROTOCOL`. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly frontends: readonly Frontend[];
  readonly endpoints: EndpointCategories;
  /** Addresses of the endpoints that serve, in use or not: flows to others are stale. */
  readonly serving: readonly string[];
  /** Seconds a client stays with its endpoint after its last new connection; undefined without session affinity. */
  readonly affinitySeconds: number | undefined;
}

/** The rules of one Service. */
export interface ProxyService {
  /** Addresses that are live ClusterIPs: other ports than the service's are rejected there. */
  readonly clusterIPs: readonly string[];
  readonly ports: readonly ProxyServicePort[];
}

/** What the rules must know of the node they are for. */
export interface ProxyNode {
  readonly name: string;
  /** Primary address: the one NodePorts are served on (nodeport-addresses `primary`, the default of kube-proxy's nftables mode). */
  readonly ip: string;
  /** Pod addresses of this node, CIDR. */
  readonly podCIDR: string;
  /** Pod addresses of the cluster, CIDR: sources in it are pods (detect-local-mode ClusterCIDR). */
  readonly clusterPodCIDR: string;
  readonly serviceCIDR: string;
}

/** Default of `sessionAffinityConfig.clientIP.timeoutSeconds`: 3 h. */
export const DEFAULT_AFFINITY_SECONDS = 10_800;

const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

/**
 * A Service as rules see it; undefined for one that has none: headless, ExternalName or without an IPv4 ClusterIP.
 * Only IPv4 is compiled.
 */
export function resolveService(
  service: Service,
  slices: readonly EndpointSlice[],
  node: ProxyNode,
): ProxyService | undefined {
  const { spec } = service;
  if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return undefined;
  const clusterIPs = clusterAddresses(service);
  if (clusterIPs.length === 0) return undefined;
  const affinitySeconds =
    spec.sessionAffinity === 'ClientIP'
      ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS)
      : undefined;
  const ports = (spec.ports ?? []).map((port): ProxyServicePort => {
    const protocol = port.protocol ?? 'TCP';
    const endpoints = endpointsOf(port, slices, node);
    return {
      name: `${service.metadata.namespace ?? ''}/${service.metadata.name}:${port.name ?? ''}/${port.port}/${protocol}`,
      protocol,
      frontends: frontendsOf(service, port, clusterIPs, node),
      endpoints: categorizeEndpoints(endpoints),
      serving: endpoints.filter((e) => e.serving).map((e) => e.ip),
      affinitySeconds,
    };
  });
  return { clusterIPs, ports };
}

function clusterAddresses({ spec }: Service): string[] {
  const all = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  return all.filter((ip) => IPV4.test(ip));
}

function frontendsOf(
  service: Service,
  port: ServicePortSpec,
  clusterIPs: readonly string[],
  node: ProxyNode,
): Frontend[] {
  const { spec } = service;
  const external: TrafficClass = spec.externalTrafficPolicy === 'Local' ? 'external-local' : 'external';
  const internal: TrafficClass = spec.internalTrafficPolicy === 'Local' ? 'cluster-ip-local' : 'cluster-ip';
  const frontends: Frontend[] = clusterIPs.map((ip) => ({ ip, port: port.port, trafficClass: internal }));
  const outside = [...(spec.externalIPs ?? []), ...(spec.type === 'LoadBalancer' ? loadBalancerIPs(service) : [])];
  for (const ip of outside) {
    if (IPV4.test(ip)) frontends.push({ ip, port: port.port, trafficClass: external });
  }
  if (port.nodePort && (spec.type === 'NodePort' || spec.type === 'LoadBalancer'))
    frontends.push({ ip: node.ip, port: port.nodePort, trafficClass: external });
  return frontends;
}

/** Addresses of the load balancer that nodes short-cut to (KEP-1860: not those with ipMode `Proxy`). */
function loadBalancerIPs({ status }: Service): string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip && i.ipMode !== 'Proxy' ? [i.ip] : []));
}

/** The endpoints of a service port over all its slices; one that several slices name counts once. */
function endpointsOf(port: ServicePortSpec, slices: readonly EndpointSlice[], node: ProxyNode): ProxyEndpoint[] {
  const found = new Map<string, ProxyEndpoint>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const slicePort = (slice.ports ?? []).find(
      (p) => (p.name ?? '') === (port.name ?? '') && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    if (!slicePort?.port) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const one = toEndpoint(endpoint, slicePort.port, node);
      if (!one) continue;
      const key = `${one.ip}:${one.port}`;
      const known = found.get(key);
      if (!known || rank(one) > rank(known)) found.set(key, one);
    }
  }
  return [...found.values()];
}

function toEndpoint(endpoint: SliceEndpoint, port: number, node: ProxyNode): ProxyEndpoint | undefined {
  const ip = endpoint.addresses[0];
  if (ip === undefined || !IPV4.test(ip)) return undefined;
  const ready = endpoint.conditions?.ready ?? true;
  return {
    ip,
    port,
    ready,
    serving: endpoint.conditions?.serving ?? ready,
    terminating: endpoint.conditions?.terminating ?? false,
    local: endpoint.nodeName === node.name,
  };
}

/** During a move of an endpoint between slices both may hold it: the better state is the newer one. */
function rank(endpoint: ProxyEndpoint): number {
  return (endpoint.ready ? 4 : 0) + (endpoint.serving ? 2 : 0) + (endpoint.local ? 1 : 0);
}
