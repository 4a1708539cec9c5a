import type { HostSpec, LabConfig } from '@svclab/core';
import { badInput } from '../state/errors.ts';

/** What a fault acts on. */
export type FaultTarget =
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'process'; readonly host: string; readonly component: string }
  | { readonly kind: 'pod'; readonly namespace: string; readonly pod: string }
  | { readonly kind: 'owner'; readonly namespace: string; readonly service: string };

const PROCESS_KINDS: Readonly<Record<string, string>> = {
  announcer: 'l2-announcer',
  agent: 'node-agent',
  pods: 'pod-host',
};
const SERVER_KINDS: Readonly<Record<string, string>> = { dns: 'dns', controller: 'controller', nats: 'nats-server' };

/** The forms a target may have, for messages. */
export const TARGET_FORMS =
  'node/NAME, announcer/NODE, agent/NODE, pods/NODE, dns/N, controller/N, nats/N, pod/NAMESPACE/NAME, owner/NAMESPACE/SERVICE';

/** Reads a target. Fails with a LabError that says which form or which names would be right. */
export function parseTarget(text: string, lab: Pick<LabConfig, 'hosts'>): FaultTarget {
  const [kind = '', ...parts] = text.split('/');
  if (parts.some((p) => p === '')) throw badInput(`Target "${text}" is incomplete: the forms are ${TARGET_FORMS}`);
  const hosts = (role: string): string[] => lab.hosts.filter((h) => h.role === role).map((h) => h.name);
  const known = (name: string, names: string[]): string => {
    if (!names.includes(name))
      throw badInput(`Target "${text}" does not exist: give one of ${names.map((n) => `${kind}/${n}`).join(', ')}`);
    return name;
  };
  if (kind === 'node' && parts.length === 1) return { kind: 'host', host: known(parts[0] ?? '', hosts('node')) };
  const component = PROCESS_KINDS[kind];
  if (component && parts.length === 1)
    return { kind: 'process', host: known(parts[0] ?? '', hosts('node')), component };
  const server = SERVER_KINDS[kind];
  if (server && parts.length <= 1)
    return { kind: 'process', host: serverHost(text, kind, parts[0], hosts(kind)), component: server };
  if (kind === 'pod' && parts.length === 2) return { kind: 'pod', namespace: parts[0] ?? '', pod: parts[1] ?? '' };
  if (kind === 'owner' && parts.length === 2)
    return { kind: 'owner', namespace: parts[0] ?? '', service: parts[1] ?? '' };
  throw badInput(`Target "${text}" is not understood: the forms are ${TARGET_FORMS}`);
}

/** `dns/1`, `dns/dns-1`, or just `controller` where there is one. */
function serverHost(text: string, kind: string, part: string | undefined, names: string[]): string {
  const only = names.length === 1 && part === undefined ? names[0] : undefined;
  const found = only ?? names.find((n) => n === part || n === `${kind}-${part}`);
  if (found === undefined)
    throw badInput(`Target "${text}" does not exist: give one of ${names.map((n) => n.replace('-', '/')).join(', ')}`);
  return found;
}

/** A whole host as a target: `node/node-2`, `dns/1`. */
export function hostTarget(host: Pick<HostSpec, 'name' | 'role'>): string {
  return host.role === 'node' ? `node/${host.name}` : host.name.replace('-', '/');
}

/** A target as text. */
export function formatTarget(target: FaultTarget): string {
  switch (target.kind) {
    case 'host':
      return `node/${target.host}`;
    case 'process': {
      const kind =
        Object.entries({ ...PROCESS_KINDS, ...SERVER_KINDS }).find(([, c]) => c === target.component)?.[0] ??
        target.component;
      return kind in SERVER_KINDS ? target.host.replace('-', '/') : `${kind}/${target.host}`;
    }
    case 'pod':
      return `pod/${target.namespace}/${target.pod}`;
    case 'owner':
      return `owner/${target.namespace}/${target.service}`;
  }
}
