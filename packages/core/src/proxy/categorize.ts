/** Which endpoints of a service port take new connections. */

/** One endpoint of a service port, as seen from one node. */
export interface ProxyEndpoint {
  /** Address and port a connection is translated to. */
  readonly ip: string;
  readonly port: number;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** It runs on this node. */
  readonly local: boolean;
}

/** The endpoints in use, separately for the traffic policies `Cluster` and `Local`. */
export interface EndpointCategories {
  readonly cluster: readonly ProxyEndpoint[];
  readonly local: readonly ProxyEndpoint[];
}

/**
 * Chooses the endpoints in use: those that are ready; when there is none, those that terminate but still serve (KEP-1669).
 * The choice is made separately for all endpoints and for those on this node, so that a node whose last local pod terminates
 * goes on serving it under policy `Local` while others are ready elsewhere.
 * Source: kubernetes `pkg/proxy/topology.go` `CategorizeEndpoints`.
 */
export function categorizeEndpoints(endpoints: readonly ProxyEndpoint[]): EndpointCategories {
  return { cluster: inUse(endpoints), local: inUse(endpoints.filter((e) => e.local)) };
}

function inUse(endpoints: readonly ProxyEndpoint[]): readonly ProxyEndpoint[] {
  const ready = endpoints.filter((e) => e.ready);
  return ready.length > 0 ? ready : endpoints.filter((e) => e.serving && e.terminating);
}
