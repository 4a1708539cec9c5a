/** Groups of hosts that are to lose each other. */
import type { LabConfig } from '@svclab/core';
import { badInput } from '../state/errors.ts';

/** Hosts on each side. */
export type Groups = readonly (readonly string[])[];

/** Which of a host's networks is meant. */
export type Network = 'lan' | 'control';

const PLACES: Readonly<Record<Network, string>> = { lan: 'the LAN', control: 'the control network' };

/**
 * Reads groups: hosts joined by commas, groups apart by spaces, `node-1,node-2 node-3,client-1`.
 * Fails with a LabError that names what is wrong.
 */
export function parseGroups(text: string, lab: Pick<LabConfig, 'hosts'>, network: Network = 'lan'): Groups {
  const there = lab.hosts.filter((h) => (network === 'lan' ? h.lanIP : h.controlIP) !== undefined).map((h) => h.name);
  const hostOf = (word: string): string => {
    const [kind = '', part = ''] = word.split('/');
    const found = [word, part, `${kind}-${part}`, `${word}-1`].find((name) => there.includes(name));
    if (found === undefined)
      throw badInput(`Host "${word}" is not on ${PLACES[network]}: give some of ${there.join(', ')}`);
    return found;
  };
  const groups = text
    .split(/\s+/)
    .map((group) => group.split(',').filter((word) => word !== ''))
    .filter((group) => group.length > 0)
    .map((group) => group.map(hostOf));
  if (groups.length < 2)
    throw badInput('A partition has two groups or more: hosts joined by commas, such as node-1,node-2 node-3,client-1');
  const all = groups.flat();
  const twice = all.find((name, i) => all.indexOf(name) !== i);
  if (twice !== undefined) throw badInput(`Host "${twice}" is named twice: a host is on one side of a partition`);
  return groups;
}

/** Groups as text: `node-1,node-2 | node-3`. */
export function formatGroups(groups: Groups): string {
  return groups.map((group) => group.join(',')).join(' | ');
}
