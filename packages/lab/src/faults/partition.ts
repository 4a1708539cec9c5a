/** Partitions of the LAN: which hosts no longer reach which. */
import type { LabConfig } from '@svclab/core';
import { badInput } from '../state/errors.ts';

/** Verbs that act on the LAN as a whole. */
export const LAN_FAULTS = ['partition', 'heal'] as const;

/** Whether a fault acts on the LAN rather than on a target. */
export function isLanFault(verb: string): verb is (typeof LAN_FAULTS)[number] {
  return LAN_FAULTS.some((v) => v === verb);
}

/** Groups of hosts that are to lose each other. */
export type Groups = readonly (readonly string[])[];

/**
 * Reads groups: hosts joined by commas, groups apart by spaces, `node-1,node-2 node-3,client-1`.
 * Fails with a LabError that names what is wrong.
 */
export function parseGroups(text: string, lab: Pick<LabConfig, 'hosts'>): Groups {
  const onLan = lab.hosts.filter((h) => h.lanIP !== undefined).map((h) => h.name);
  const hostOf = (word: string): string => {
    const [kind = '', part = ''] = word.split('/');
    const found = [word, part, `${kind}-${part}`, `${word}-1`].find((name) => onLan.includes(name));
    if (found === undefined) throw badInput(`Host "${word}" is not on the LAN: give some of ${onLan.join(', ')}`);
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
