/** From the words people write to what is there now: roles, shares, chance and labels. */
import { type LabConfig, type Random, SERVICE_NAME_LABEL } from '@svclab/core';
import { badInput } from '../state/errors.ts';
import type { FaultArgs, FaultDefinition } from './definition.ts';
import { parseGroups } from './groups.ts';
import {
  type FaultTarget,
  formatTarget,
  hostsOf,
  KIND_FORMS,
  kindOf,
  membersOf,
  onNode,
  parseRole,
  parseTarget,
  type ResolvedTarget,
  ROLE_FORMS,
  type TargetRole,
} from './target.ts';

/** What the lab is asked for. */
export interface TargetLookups {
  readonly config: LabConfig;
  /** Whether a host has power. */
  isUp(host: string): boolean;
  /** Node that owns a Service's address. Fails with a LabError when there is none. */
  owner(namespace: string, service: string): Promise<string>;
  /** Host whose controller leads; empty while none does. */
  leader(): Promise<string>;
  /** Reads a path of the Kubernetes API as JSON. */
  api<T>(path: string): Promise<T>;
  random(seed: string): Random;
}

/**
 * Finds what a target stands for: one thing, or several for a share and for labels.
 * Fails with a LabError when it names nothing, or something the fault does not act on.
 */
export async function resolveTarget(
  text: string,
  definition: Pick<FaultDefinition, 'verb' | 'targets'>,
  args: FaultArgs,
  lookups: TargetLookups,
): Promise<readonly ResolvedTarget[]> {
  if (definition.targets.includes('groups')) return [await resolveGroups(text, args, lookups)];
  if (text.trim() === '')
    throw badInput(`Fault ${definition.verb} needs a target: give one of ${formsOf(definition.targets)}`);
  const found = await resolveOne(parseTarget(text, lookups.config), lookups);
  for (const target of found)
    if (!definition.targets.includes(kindOf(target)))
      throw badInput(
        `Fault ${definition.verb} does not act on ${formatTarget(target)}: give one of ${formsOf(definition.targets)}`,
      );
  return found;
}

/** The forms of kinds of targets, for messages and documents. */
export function formsOf(kinds: FaultDefinition['targets']): string {
  return kinds.map((k) => KIND_FORMS[k]).join(', ');
}

async function resolveGroups(text: string, args: FaultArgs, lookups: TargetLookups): Promise<ResolvedTarget> {
  const network = args.network === 'control' ? 'control' : 'lan';
  const groups: string[] = [];
  for (const group of text.split(/\s+/)) {
    const words: string[] = [];
    for (const word of group.split(',')) words.push(...(await hostsOfWord(word, lookups)));
    groups.push(words.join(','));
  }
  return { kind: 'groups', groups: parseGroups(groups.join(' '), lookups.config, network) };
}

/** Hosts a role stands for; a word that is none stays as it is. */
async function hostsOfWord(word: string, lookups: TargetLookups): Promise<readonly string[]> {
  const role = parseRole(word);
  if (!role) return [word];
  return (await resolveOne(role, lookups)).flatMap(hostsOf);
}

async function resolveOne(target: FaultTarget, lookups: TargetLookups): Promise<readonly ResolvedTarget[]> {
  switch (target.kind) {
    case 'owner':
      return [{ kind: 'host', host: await lookups.owner(target.namespace, target.service) }];
    case 'by-owner': {
      const owner = await lookups.owner(target.namespace, target.service);
      if (target.which === 'owner') return [onNode(target.of, owner)];
      const others = lookups.config.hosts.filter((h) => h.role === 'node' && h.name !== owner && lookups.isUp(h.name));
      if (others.length === 0) throw badInput(`Target "${formatTarget(target)}" names nothing: no other node is up`);
      return others.slice(0, target.which === 'other' ? 1 : undefined).map((h) => onNode(target.of, h.name));
    }
    case 'leader': {
      const host = await lookups.leader();
      if (host === '') throw badInput('No controller leads now: name one, such as controller/1');
      return [{ kind: 'process', host, component: 'controller' }];
    }
    case 'share':
      return share(target, lookups);
    case 'random':
      return [pick(membersUp(target, lookups), lookups.random(target.seed), target)];
    case 'labelled':
      return (await nodesBy(target.selector, lookups)).map((host) => onNode(target.of, host));
    case 'labelled-pods':
      return podsBy(target, lookups);
    case 'service-pods': {
      const pods = await podsOfService(target, lookups);
      return target.seed === undefined ? pods : [pick(pods, lookups.random(target.seed), target)];
    }
    case 'random-pod':
      return [pick(await podsBy(target, lookups), lookups.random(target.seed), target)];
    default:
      return [target];
  }
}

type Chosen = Extract<TargetRole, { readonly of: string; readonly seed: unknown }>;

/** The members that have power: what is off cannot be broken. */
function membersUp(role: Chosen, lookups: TargetLookups): readonly ResolvedTarget[] {
  const up = membersOf(role.of, lookups.config).filter((m) => hostsOf(m).every((h) => lookups.isUp(h)));
  if (up.length === 0) throw badInput(`Target "${formatTarget(role)}" names nothing: no host of ${role.of} is up`);
  return up;
}

function pick(from: readonly ResolvedTarget[], random: Random, role: TargetRole): ResolvedTarget {
  const found = from[Math.floor(random.next() * from.length)];
  if (!found) throw badInput(`Target "${formatTarget(role)}" names nothing`);
  return found;
}

/** Of n: the minority is (n - 1) / 2 rounded down, what Jepsen's node specification of that name takes; the majority all others. */
function share(role: Extract<TargetRole, { kind: 'share' }>, lookups: TargetLookups): readonly ResolvedTarget[] {
  // Those that are off count: shares are of the set as it was made.
  if (role.share === 'all') return membersUp(role, lookups);
  const members = membersOf(role.of, lookups.config);
  const few = Math.floor((members.length - 1) / 2);
  if (few < 1)
    throw badInput(
      `Target "${formatTarget(role)}" names nothing: ${members.length} ${role.of} have no minority, three have`,
    );
  const order = role.seed === undefined ? members : shuffled(members, lookups.random(role.seed));
  const cut = order.length - few;
  const chosen = new Set(role.share === 'minority' ? order.slice(cut) : order.slice(0, cut));
  return members.filter((m) => chosen.has(m));
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}

interface Named {
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}

async function nodesBy(selector: string, lookups: TargetLookups): Promise<readonly string[]> {
  const { items } = await lookups.api<Named>(`/api/v1/nodes?labelSelector=${encodeURIComponent(roleLabel(selector))}`);
  const names = items.map((n) => n.metadata.name).filter((n) => lookups.config.hosts.some((h) => h.name === n));
  if (names.length === 0) throw badInput(`No node has labels ${selector}: see "kubectl get nodes --show-labels"`);
  return names.sort();
}

/** `role=worker` is what kubectl shows as ROLES: the label `node-role.kubernetes.io/worker`. */
function roleLabel(selector: string): string {
  const role = /^role=([\w.-]+)$/.exec(selector)?.[1];
  return role === undefined ? selector : `node-role.kubernetes.io/${role}`;
}

async function podsBy(
  { namespace, selector }: { readonly namespace: string; readonly selector: string },
  lookups: TargetLookups,
): Promise<readonly ResolvedTarget[]> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods?labelSelector=${encodeURIComponent(selector)}`;
  const { items } = await lookups.api<Named>(path);
  if (items.length === 0) throw badInput(`No pod in namespace ${namespace} has labels ${selector}`);
  return items
    .map((p) => p.metadata.name)
    .sort()
    .map((pod) => ({ kind: 'pod', namespace, pod }));
}

interface Slices {
  readonly items: readonly {
    readonly endpoints?: readonly { readonly targetRef?: { readonly kind?: string; readonly name?: string } }[];
  }[];
}

async function podsOfService(
  { namespace, service }: { readonly namespace: string; readonly service: string },
  lookups: TargetLookups,
): Promise<readonly ResolvedTarget[]> {
  const selector = encodeURIComponent(`${SERVICE_NAME_LABEL}=${service}`);
  const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices?labelSelector=${selector}`;
  const refs = (await lookups.api<Slices>(path)).items.flatMap((s) => s.endpoints ?? []).map((e) => e.targetRef);
  const names = [...new Set(refs.flatMap((r) => (r?.kind === 'Pod' && r.name ? [r.name] : [])))].sort();
  if (names.length === 0)
    throw badInput(`Service ${namespace}/${service} has no pod among its endpoints: see "kubectl get endpointslices"`);
  return names.map((pod) => ({ kind: 'pod', namespace, pod }));
}

/** How roles are written, for messages and documents. */
export const ROLES = ROLE_FORMS.join(', ');
