/** What faults act on: the words people write, and what they stand for. */
import type { HostSpec, LabConfig } from '@svclab/core';
import { badInput } from '../state/errors.ts';

/** What a fault is made on. */
export type ResolvedTarget =
  /** A whole host: a node or a client. */
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'process'; readonly host: string; readonly component: string }
  | { readonly kind: 'pod'; readonly namespace: string; readonly pod: string }
  /** What two hosts send each other. */
  | { readonly kind: 'link'; readonly a: string; readonly b: string }
  /** Groups of hosts. */
  | { readonly kind: 'groups'; readonly groups: readonly (readonly string[])[] };

/** Sets that roles choose from: `random:7/nodes`. */
export const GROUP_KINDS = ['nodes', 'announcers', 'agents', 'pods', 'dns', 'controllers', 'nats', 'clients'] as const;
export type GroupKind = (typeof GROUP_KINDS)[number];

/** What stands for targets that are only known when the fault is made. */
export type TargetRole =
  /** The node that owns a Service's address. */
  | { readonly kind: 'owner'; readonly namespace: string; readonly service: string }
  /** A process of the owner, or nodes that are not the owner (the first of them, or all) or a process of theirs. */
  | {
      readonly kind: 'by-owner';
      readonly of: 'node' | 'announcer' | 'agent' | 'pods';
      readonly which: 'owner' | 'other' | 'others';
      readonly namespace: string;
      readonly service: string;
    }
  /** The controller that leads. */
  | { readonly kind: 'leader' }
  /** Fewer than half, or the others, or all. Without a seed the last ones are the minority. */
  | {
      readonly kind: 'share';
      readonly share: 'minority' | 'majority' | 'all';
      readonly of: GroupKind;
      readonly seed: string | undefined;
    }
  | { readonly kind: 'random'; readonly seed: string; readonly of: GroupKind }
  /** One pod of those a label selector matches. */
  | { readonly kind: 'random-pod'; readonly seed: string; readonly namespace: string; readonly selector: string }
  /** Nodes, or a process of them, by the nodes' labels. */
  | { readonly kind: 'labelled'; readonly of: 'node' | 'announcer' | 'agent' | 'pods'; readonly selector: string }
  | { readonly kind: 'labelled-pods'; readonly namespace: string; readonly selector: string }
  /** The pods that a Service has among its endpoints; with a seed one of them. */
  | {
      readonly kind: 'service-pods';
      readonly namespace: string;
      readonly service: string;
      readonly seed: string | undefined;
    };

/** A target as it was written. */
export type FaultTarget = ResolvedTarget | TargetRole;

/** Kinds of targets, as definitions name them. */
export const TARGET_KINDS = [
  'node',
  'client',
  'announcer',
  'agent',
  'pods',
  'dns',
  'controller',
  'nats',
  'pod',
  'link',
  'groups',
] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

/** How each kind is written. */
export const KIND_FORMS: Readonly<Record<TargetKind, string>> = {
  node: 'node/NAME',
  client: 'client/N',
  announcer: 'announcer/NODE',
  agent: 'agent/NODE',
  pods: 'pods/NODE',
  dns: 'dns/N',
  controller: 'controller/N',
  nats: 'nats/N',
  pod: 'pod/NAMESPACE/NAME',
  link: 'link/HOST-HOST',
  groups: 'HOST,HOST HOST,HOST',
};

/** How roles are written. */
export const ROLE_FORMS = [
  'owner/NAMESPACE/SERVICE',
  'other/NAMESPACE/SERVICE',
  'others/NAMESPACE/SERVICE',
  'announcer/owner/NAMESPACE/SERVICE',
  'leader',
  'minority/nodes',
  'majority/nodes',
  'all/nodes',
  'random:SEED/nodes',
  'node?LABELS',
  'pod/NAMESPACE?LABELS',
  'svc/NAMESPACE/SERVICE',
] as const;

/** The forms a target may have, for messages. */
export const TARGET_FORMS = [...Object.values(KIND_FORMS).filter((f) => f !== KIND_FORMS.groups), ...ROLE_FORMS].join(
  ', ',
);

const NODE_PROCESSES: Readonly<Record<string, string>> = {
  announcer: 'l2-announcer',
  agent: 'node-agent',
  pods: 'pod-host',
};
const SERVERS: Readonly<Record<string, string>> = { dns: 'dns', controller: 'controller', nats: 'nats-server' };

/** Reads a target. Fails with a LabError that says which form or which names would be right. */
export function parseTarget(text: string, lab: Pick<LabConfig, 'hosts'>): FaultTarget {
  const role = parseRole(text);
  if (role) return role;
  const [kind = '', ...parts] = text.split('/');
  if (parts.some((p) => p === '')) throw badInput(`Target "${text}" is incomplete: the forms are ${TARGET_FORMS}`);
  const hosts = (of: string): string[] => lab.hosts.filter((h) => h.role === of).map((h) => h.name);
  const node = (): string => {
    const names = hosts('node');
    const name = parts[0] ?? '';
    if (!names.includes(name))
      throw badInput(`Target "${text}" does not exist: give one of ${names.map((n) => `${kind}/${n}`).join(', ')}`);
    return name;
  };
  if (kind === 'node' && parts.length === 1) return { kind: 'host', host: node() };
  const component = NODE_PROCESSES[kind];
  if (component && parts.length === 1) return { kind: 'process', host: node(), component };
  if (kind === 'client' && parts.length <= 1)
    return { kind: 'host', host: numbered(text, kind, parts[0], hosts('client')) };
  const server = SERVERS[kind];
  if (server && parts.length <= 1)
    return { kind: 'process', host: numbered(text, kind, parts[0], hosts(kind)), component: server };
  if (kind === 'pod' && parts.length === 2) return { kind: 'pod', namespace: parts[0] ?? '', pod: parts[1] ?? '' };
  if (kind === 'link' && parts.length === 1) return parseLink(text, parts[0] ?? '', lab);
  throw badInput(`Target "${text}" is not understood: the forms are ${TARGET_FORMS}`);
}

/** Reads a role; undefined when the text is none. Fails with a LabError on a role that is not complete. */
export function parseRole(text: string): TargetRole | undefined {
  if (text === 'leader') return { kind: 'leader' };
  const owner = /^owner\/([^/?]+)\/([^/?]+)$/.exec(text);
  if (owner) return { kind: 'owner', namespace: owner[1] ?? '', service: owner[2] ?? '' };
  const by = /^(?:(announcer|agent|pods)\/)?(owner|others?)\/([^/?]+)\/([^/?]+)$/.exec(text);
  if (by)
    return {
      kind: 'by-owner',
      of: (by[1] ?? 'node') as 'node' | 'announcer' | 'agent' | 'pods',
      which: by[2] as 'owner' | 'other' | 'others',
      namespace: by[3] ?? '',
      service: by[4] ?? '',
    };
  const pods = /^(?:random:([^/]+)\/)?pod\/([^/?]+)\?(.+)$/.exec(text);
  if (pods) {
    const [, seed, namespace = '', selector = ''] = pods;
    return seed === undefined
      ? { kind: 'labelled-pods', namespace, selector }
      : { kind: 'random-pod', seed, namespace, selector };
  }
  const service = /^(?:random:([^/]+)\/)?svc\/([^/?]+)\/([^/?]+)$/.exec(text);
  if (service) {
    const [, seed, namespace = '', name = ''] = service;
    return { kind: 'service-pods', namespace, service: name, seed };
  }
  const labelled = /^(node|announcer|agent|pods)\?(.+)$/.exec(text);
  if (labelled)
    return {
      kind: 'labelled',
      of: labelled[1] as 'node' | 'announcer' | 'agent' | 'pods',
      selector: labelled[2] ?? '',
    };
  const chosen = /^(minority|majority|all|random)(?::([^/]*))?(?:\/(.*))?$/.exec(text);
  if (!chosen) return undefined;
  const [, share, seed, of = ''] = chosen;
  if (!isGroupKind(of))
    throw badInput(`Target "${text}" is not understood: after the / give one of ${GROUP_KINDS.join(', ')}`);
  if (share !== 'random') return { kind: 'share', share: share as 'minority' | 'majority' | 'all', of, seed };
  if (!seed) throw badInput(`Target "${text}" has no seed: give one, such as random:7/${of}`);
  return { kind: 'random', seed, of };
}

function isGroupKind(word: string): word is GroupKind {
  return GROUP_KINDS.some((k) => k === word);
}

/** `dns/1`, `dns/dns-1`, or just `controller` where there is one. */
function numbered(text: string, kind: string, part: string | undefined, names: string[]): string {
  const only = names.length === 1 && part === undefined ? names[0] : undefined;
  const found = only ?? names.find((n) => n === part || n === `${kind}-${part}`);
  if (found === undefined)
    throw badInput(`Target "${text}" does not exist: give one of ${names.map((n) => n.replace('-', '/')).join(', ')}`);
  return found;
}

/** `node-1-client-1` or `node-1,client-1`: two names whose own hyphens tell nothing. */
function parseLink(text: string, pair: string, lab: Pick<LabConfig, 'hosts'>): ResolvedTarget {
  const names = lab.hosts.map((h) => h.name);
  const known = (word: string): string | undefined => [word, `${word}-1`].find((n) => names.includes(n));
  for (let i = 0; i < pair.length; i++) {
    if (pair[i] !== '-' && pair[i] !== ',') continue;
    const [a, b] = [known(pair.slice(0, i)), known(pair.slice(i + 1))];
    if (a !== undefined && b !== undefined && a !== b) return { kind: 'link', a, b };
  }
  throw badInput(
    `Target "${text}" is no link: give two different hosts, such as link/node-1-client-1, of ${names.join(', ')}`,
  );
}

/** What kind of target this is. */
export function kindOf(target: ResolvedTarget): TargetKind {
  switch (target.kind) {
    case 'host':
      return target.host.startsWith('client-') ? 'client' : 'node';
    case 'process':
      return processKind(target.component);
    default:
      return target.kind;
  }
}

function processKind(component: string): TargetKind {
  const found = Object.entries({ ...NODE_PROCESSES, ...SERVERS }).find(([, c]) => c === component);
  return (found?.[0] ?? 'node') as TargetKind;
}

/** Hosts a target is about; none for a pod, all of the groups for groups. */
export function hostsOf(target: ResolvedTarget): readonly string[] {
  switch (target.kind) {
    case 'host':
    case 'process':
      return [target.host];
    case 'link':
      return [target.a, target.b];
    case 'groups':
      return target.groups.flat();
    default:
      return [];
  }
}

/** A whole host as a target: `node/node-2`, `dns/1`. */
export function hostTarget(host: Pick<HostSpec, 'name' | 'role'>): string {
  return host.role === 'node' ? `node/${host.name}` : host.name.replace('-', '/');
}

/** The members of a set as targets, in the order of the description. */
export function membersOf(of: GroupKind, lab: Pick<LabConfig, 'hosts'>): readonly ResolvedTarget[] {
  const role = {
    nodes: 'node',
    announcers: 'node',
    agents: 'node',
    pods: 'node',
    dns: 'dns',
    controllers: 'controller',
  };
  const hosts = lab.hosts.filter(
    (h) => h.role === ({ ...role, nats: 'nats', clients: 'client' } as Record<GroupKind, string>)[of],
  );
  const component = { ...NODE_PROCESSES, ...SERVERS }[of.replace(/s$/, '')] ?? { ...NODE_PROCESSES, ...SERVERS }[of];
  return hosts.map(({ name: host }) =>
    component === undefined ? { kind: 'host', host } : { kind: 'process', host, component },
  );
}

/** A node, or a process of it, as the target of a kind. */
export function onNode(kind: 'node' | 'announcer' | 'agent' | 'pods', host: string): ResolvedTarget {
  const component = NODE_PROCESSES[kind];
  return component === undefined ? { kind: 'host', host } : { kind: 'process', host, component };
}

/** A target as text. */
export function formatTarget(target: FaultTarget): string {
  switch (target.kind) {
    case 'host':
      return target.host.startsWith('client-') ? target.host.replace('-', '/') : `node/${target.host}`;
    case 'process': {
      const kind = processKind(target.component);
      return kind in SERVERS ? target.host.replace('-', '/') : `${kind}/${target.host}`;
    }
    case 'pod':
      return `pod/${target.namespace}/${target.pod}`;
    case 'link':
      return `link/${target.a}-${target.b}`;
    case 'groups':
      return target.groups.map((group) => group.join(',')).join(' | ');
    default:
      return formatRole(target);
  }
}

function formatRole(role: TargetRole): string {
  const seed = 'seed' in role && role.seed !== undefined ? `:${role.seed}` : '';
  switch (role.kind) {
    case 'owner':
      return `owner/${role.namespace}/${role.service}`;
    case 'by-owner':
      return `${role.of === 'node' ? '' : `${role.of}/`}${role.which}/${role.namespace}/${role.service}`;
    case 'leader':
      return 'leader';
    case 'share':
      return `${role.share}${seed}/${role.of}`;
    case 'random':
      return `random${seed}/${role.of}`;
    case 'random-pod':
      return `random${seed}/pod/${role.namespace}?${role.selector}`;
    case 'labelled':
      return `${role.of}?${role.selector}`;
    case 'service-pods':
      return `${seed === '' ? '' : `random${seed}/`}svc/${role.namespace}/${role.service}`;
    case 'labelled-pods':
      return `pod/${role.namespace}?${role.selector}`;
  }
}
