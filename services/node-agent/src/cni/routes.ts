/** Routes to other nodes' pods, as data. */
import type { Node } from '@svclab/core';

/** Routing protocol number (`/etc/iproute2/rt_protos`) that marks the agent's own routes. */
export const ROUTE_PROTOCOL = 201;

/** Metric of the route of last resort; any other default route wins. */
const LAST_RESORT_METRIC = 4096;

/** One route of the agent. */
export interface PodRoute {
  /** CIDR of a node's pods. */
  readonly to: string;
  /** Next hop: that node's address on the LAN, or its VXLAN device's. */
  readonly via: string;
  readonly dev: string;
  /** The next hop is on the device's link although no route says so. */
  readonly onlink: boolean;
}

/** What matters of the node's routes. */
export interface Routes {
  /** The agent's own. */
  readonly pods: readonly PodRoute[];
  /** There is a default route. */
  readonly hasDefault: boolean;
}

/** A node's InternalIP. */
export function addressOf(node: Node): string | undefined {
  return node.status?.addresses?.find((a) => a.type === 'InternalIP')?.address;
}

/** The routes this node needs over the LAN: one for each other node that has a pod CIDR and an InternalIP. */
export function directRoutes(nodes: readonly Node[], self: string, lan: string): PodRoute[] {
  return nodes.flatMap((node) => {
    const via = addressOf(node);
    const to = node.spec.podCIDR;
    return node.metadata.name === self || !via || !to ? [] : [{ to, via, dev: lan, onlink: false }];
  });
}

/** Lines for `ip -batch` that take away the routes nobody wants. */
export function routeRemovals(present: readonly PodRoute[], wanted: readonly PodRoute[]): string[] {
  const wants = new Set(wanted.map((route) => route.to));
  return present.filter((r) => !wants.has(r.to)).map((r) => `route del ${r.to} proto ${ROUTE_PROTOCOL}`);
}

/** Lines for `ip -batch` that add what is missing and replace what leads elsewhere. */
export function routeAdditions(present: readonly PodRoute[], wanted: readonly PodRoute[]): string[] {
  const text = (r: PodRoute): string => `${r.to} via ${r.via} dev ${r.dev}${r.onlink ? ' onlink' : ''}`;
  const has = new Set(present.map(text));
  return wanted.filter((r) => !has.has(text(r))).map((r) => `route replace ${text(r)} proto ${ROUTE_PROTOCOL}`);
}

/**
 * Line for `ip -batch` that adds a route of last resort over the LAN where there is no default route: programs on the node reach Services
 * only if their addresses have some route before they are translated.
 */
export function defaultRouteAddition(routes: Routes, lan: string): string[] {
  return routes.hasDefault ? [] : [`route add default dev ${lan} metric ${LAST_RESORT_METRIC} proto static`];
}

/** Reads `ip -j route show`. */
export function parseRoutes(json: string): Routes {
  const routes = JSON.parse(json === '' ? '[]' : json) as {
    dst?: string;
    gateway?: string;
    dev?: string;
    protocol?: string;
    flags?: readonly string[];
  }[];
  return {
    hasDefault: routes.some((r) => r.dst === 'default'),
    pods: routes.flatMap(({ dst, gateway, dev = '', protocol, flags = [] }) =>
      dst !== undefined && gateway !== undefined && protocol === String(ROUTE_PROTOCOL)
        ? [{ to: dst.includes('/') ? dst : `${dst}/32`, via: gateway, dev, onlink: flags.includes('onlink') }]
        : [],
    ),
  };
}
