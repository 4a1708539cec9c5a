/** Which frames an impairment of a link is about. */
import type { LabConfig } from '@svclab/core';

/** Which of a host's networks is meant. */
export type Network = 'lan' | 'control';

/** As seen from the target: what comes to it, what goes from it. Of a link, `to` is towards the host named second. */
export type Direction = 'to' | 'from' | 'both';

/** Frames of one way: from a host, to a host, or both; an end that is left out is any host. */
export interface Flow {
  readonly from?: string;
  readonly to?: string;
}

/** One host, or what two hosts send each other. */
export type Place = { readonly host: string } | { readonly a: string; readonly b: string };

/** The flows of a place in a direction. */
export function flowsOf(place: Place, direction: Direction): readonly Flow[] {
  const to = 'host' in place ? { to: place.host } : { from: place.a, to: place.b };
  const from = 'host' in place ? { from: place.host } : { from: place.b, to: place.a };
  return [...(direction === 'from' ? [] : [to]), ...(direction === 'to' ? [] : [from])];
}

/** Bridge port of a host in the lab's root namespace (driver/network.ts makes it). */
export function portOf(host: string, network: Network): string {
  return `${network === 'lan' ? 'l' : 'c'}-${host}`;
}

/** Name of a host's own interface on a network, in the netns driver. */
export function interfaceOf(network: Network): string {
  return network === 'lan' ? 'lan0' : 'ctl0';
}

/** Names of the hosts on a network. */
export function hostsOn(lab: Pick<LabConfig, 'hosts'>, network: Network): readonly string[] {
  return lab.hosts.filter((h) => (network === 'lan' ? h.lanIP : h.controlIP) !== undefined).map((h) => h.name);
}

/** A place as part of the names of tables: `node-1`, `node-1-client-1`. */
export function placeName(place: Place): string {
  return 'host' in place ? place.host : `${place.a}-${place.b}`;
}
