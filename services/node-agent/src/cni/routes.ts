/** Routes to other nodes' pods, as data. */
import type { Node } from '@svclab/core';

/** Routing protocol number (`/etc/iproute2/rt_protos`) that marks the agent's own routes. */
export const ROUTE_PROTOCOL = 201;

/** One route of the agent. */
export interface PodRoute {
  /** CIDR of a node's pods. */
  readonly to: string;
  /** That node's address on the LAN. */
  readonly via: string;
}

/** The routes this node needs: one for each other node that has a pod CIDR and an InternalIP. */
export function wantedRoutes(nodes: readonly Node[], self: string): PodRoute[] {
  return nodes.flatMap((node) => {
    const via = node.status?.addresses?.find((a) => a.type === 'InternalIP')?.address;
    const to = node.spec.podCIDR;
    return node.metadata.name === self || !via || !to ? [] : [{ to, via }];
  });
}

/** Lines for `ip -batch` that turn the present routes into the wanted ones; none when they are the same. */
export function routeChanges(present: readonly PodRoute[], wanted: readonly PodRoute[]): string[] {
  const has = new Map(present.map((route) => [route.to, route.via]));
  const wants = new Map(wanted.map((route) => [route.to, route.via]));
  return [
    ...present.filter((r) => !wants.has(r.to)).map((r) => `route del ${r.to} proto ${ROUTE_PROTOCOL}`),
    ...wanted
      .filter((r) => has.get(r.to) !== r.via)
      .map((r) => `route replace ${r.to} via ${r.via} proto ${ROUTE_PROTOCOL}`),
  ];
}

/** Reads `ip -j route show proto ...`. */
export function parseRoutes(json: string): PodRoute[] {
  const routes = JSON.parse(json === '' ? '[]' : json) as { dst?: string; gateway?: string }[];
  return routes.flatMap(({ dst, gateway }) =>
    dst !== undefined && gateway !== undefined ? [{ to: dst.includes('/') ? dst : `${dst}/32`, via: gateway }] : [],
  );
}
