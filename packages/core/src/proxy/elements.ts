/** A service as elements of the maps. */

import type { ProxyEndpoint } from './categorize.ts';
import type { Identifiers } from './identifiers.ts';
import { type ElementSet, type PickScope, pickChainName, REJECT_CHAIN, refreshChainName } from './layout.ts';
import { PROTOCOL_NUMBERS, type ProxyService, type ProxyServicePort } from './service-port.ts';

/** One element of a set or map, in nft's words; numbers are decimal, as its JSON prints them. */
export interface Element {
  readonly set: ElementSet;
  readonly key: string;
  /** Empty in sets. */
  readonly value: string;
}

/** What one service asks of the table. */
export interface ServiceElements {
  readonly elements: readonly Element[];
  /** Shared chains that the elements go to. */
  readonly chains: readonly string[];
  /** Names whose numbers the elements use. */
  readonly names: readonly string[];
}

/** A service that asks for nothing. */
export const NO_ELEMENTS: ServiceElements = { elements: [], chains: [], names: [] };

/** Endpoints of a service port by index, as they stood before: those that remain keep their place, so that one change is one element. */
export type PreviousSlots = (scope: PickScope, serviceId: number) => readonly number[];

/** Compiles a service. Pure but for the numbers it takes from `identifiers`. */
export function compileService(
  service: ProxyService,
  identifiers: Identifiers,
  previous: PreviousSlots,
): ServiceElements {
  const elements: Element[] = service.clusterIPs.map((ip) => ({ set: 'cluster-ips', key: ip, value: '' }));
  const chains = new Set<string>();
  const names: string[] = [];
  for (const port of service.ports) compilePort(port, { elements, chains, names, identifiers, previous });
  return { elements: unique(elements), chains: [...chains], names };
}

interface Output {
  readonly elements: Element[];
  readonly chains: Set<string>;
  readonly names: string[];
  readonly identifiers: Identifiers;
  readonly previous: PreviousSlots;
}

function compilePort(port: ProxyServicePort, output: Output): void {
  const { elements, identifiers, names } = output;
  const key = (f: { ip: string; port: number }): string => `${f.ip} . ${PROTOCOL_NUMBERS[port.protocol]} . ${f.port}`;
  if (port.endpoints.cluster.length === 0) {
    for (const frontend of port.frontends)
      elements.push({ set: 'no-endpoint-services', key: key(frontend), value: `goto ${REJECT_CHAIN}` });
    return;
  }
  const id = identifiers.of(port.name);
  names.push(port.name);
  for (const frontend of port.frontends) {
    elements.push({ set: 'service-ips', key: key(frontend), value: `goto ${frontend.trafficClass}` });
    elements.push({ set: 'service-ids', key: key(frontend), value: String(id) });
  }
  const classes = new Set(port.frontends.map((f) => f.trafficClass));
  const usesLocal = classes.has('external-local') || classes.has('cluster-ip-local');
  compileScope(port, id, 'cluster', port.endpoints.cluster, output);
  if (usesLocal) compileScope(port, id, 'local', port.endpoints.local, output);
  const used = usesLocal ? [...port.endpoints.cluster, ...port.endpoints.local] : port.endpoints.cluster;
  for (const endpoint of used) {
    const name = endpointName(port, endpoint);
    names.push(name);
    elements.push({
      set: 'endpoints',
      key: String(identifiers.of(name)),
      value: `${endpoint.ip} . ${endpoint.port}`,
    });
    if (endpoint.local) elements.push({ set: 'hairpin', key: `${endpoint.ip} . ${endpoint.ip}`, value: '' });
  }
}

function compileScope(
  port: ProxyServicePort,
  id: number,
  scope: PickScope,
  endpoints: readonly ProxyEndpoint[],
  { elements, chains, identifiers, previous }: Output,
): void {
  if (endpoints.length === 0) return;
  const chain = pickChainName(scope, endpoints.length, port.affinitySeconds);
  chains.add(chain);
  elements.push({ set: `${scope}-chains`, key: String(id), value: `jump ${chain}` });
  const numbers = endpoints.map((e) => identifiers.of(endpointName(port, e)));
  arrange(previous(scope, id), numbers).forEach((endpoint, index) => {
    elements.push({ set: `${scope}-picks`, key: `${id} . ${index}`, value: String(endpoint) });
  });
  if (port.affinitySeconds === undefined) return;
  const refresh = refreshChainName(port.affinitySeconds);
  chains.add(refresh);
  for (const number of numbers)
    elements.push({ set: `${scope}-affinity`, key: String(number), value: `goto ${refresh}` });
}

function endpointName(port: ProxyServicePort, endpoint: ProxyEndpoint): string {
  return `${port.name}>${endpoint.ip}:${endpoint.port}`;
}

/**
 * Places `wanted` into the indexes 0 to n-1. Who had an index below n keeps it; the rest fill the holes.
 */
export function arrange(previous: readonly number[], wanted: readonly number[]): number[] {
  const left = new Set(wanted);
  const slots: (number | undefined)[] = wanted.map((_, index) => {
    const known = previous[index];
    return known !== undefined && left.delete(known) ? known : undefined;
  });
  const rest = left.values();
  return slots.map((slot) => slot ?? (rest.next().value as number));
}

function unique(elements: readonly Element[]): Element[] {
  const seen = new Set<string>();
  return elements.filter(({ set, key }) => {
    const name = `${set}/${key}`;
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}
