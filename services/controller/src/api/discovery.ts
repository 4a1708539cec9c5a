/** Discovery, plain and aggregated. Source: k8s.io/api `apidiscovery/v2`, KEP-3352. */
import type { Definition, Definitions } from '../registry/definition.ts';
import { apiVersionOf } from '../registry/definition.ts';
import type { Exchange } from './exchange.ts';
import { parseAccept } from './negotiate.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** A subresource as discovery lists it. */
interface Sub {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

function subresources(d: Definition): Sub[] {
  const change = ['get', 'patch', 'update'];
  return [
    ...(d.status ? [{ name: 'status', kind: d.kind, verbs: change }] : []),
    ...(d.scale ? [{ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: change }] : []),
    ...(d.kind === 'Namespace' ? [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }] : []),
    ...(d.kind === 'Pod'
      ? [
          { name: 'log', kind: 'Pod', verbs: ['get'] },
          { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
          { name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
          { name: 'binding', kind: 'Binding', verbs: ['create'] },
        ]
      : []),
  ];
}

/** Groups in the order they are served, each with its versions. */
export function groupsOf(definitions: Definitions): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { group, version } of definitions.all) {
    const versions = groups.get(group) ?? [];
    if (!versions.includes(version)) versions.push(version);
    groups.set(group, versions);
  }
  return groups;
}

const within = (definitions: Definitions, group: string, version: string): Definition[] =>
  definitions.all.filter((d) => d.group === group && d.version === version);

function resourceList(definitions: Definitions, group: string, version: string): unknown {
  const resources = within(definitions, group, version).flatMap((d) => [
    {
      name: d.resource,
      singularName: d.singular,
      namespaced: d.namespaced,
      kind: d.kind,
      verbs: VERBS,
      ...(d.shortNames.length > 0 ? { shortNames: d.shortNames } : {}),
      ...(d.categories.length > 0 ? { categories: d.categories } : {}),
    },
    ...subresources(d).map((s) => ({
      name: `${d.resource}/${s.name}`,
      singularName: '',
      namespaced: d.namespaced,
      ...(s.group ? { group: s.group, version: s.version } : {}),
      kind: s.kind,
      verbs: s.verbs,
    })),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf({ group, version }), resources };
}

function groupEntry(group: string, versions: readonly string[]) {
  const entries = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}

function aggregated(definitions: Definitions, groups: readonly string[], apiVersion: string): unknown {
  const all = groupsOf(definitions);
  const items = groups.map((group) => ({
    metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
    versions: (all.get(group) ?? []).map((version) => ({
      version,
      freshness: 'Current',
      resources: within(definitions, group, version).map((d) => aggregatedResource(d)),
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${apiVersion}`, metadata: {}, items };
}

function aggregatedResource(d: Definition): unknown {
  const subs = subresources(d).map((s) => ({
    subresource: s.name,
    responseKind: { group: s.group ?? d.group, version: s.version ?? d.version, kind: s.kind },
    verbs: s.verbs,
  }));
  return {
    resource: d.resource,
    responseKind: { group: d.group, version: d.version, kind: d.kind },
    scope: d.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: d.singular,
    verbs: VERBS,
    ...(d.shortNames.length > 0 ? { shortNames: d.shortNames } : {}),
    ...(d.categories.length > 0 ? { categories: d.categories } : {}),
    ...(subs.length > 0 ? { subresources: subs } : {}),
  };
}

/** The version of aggregated discovery the client asks for first; undefined when it wants the plain form. */
function wantsAggregated(accept: string | undefined): string | undefined {
  for (const { type, parameters } of parseAccept(accept)) {
    if (type !== 'application/json' && type !== '*/*') continue;
    if (!parameters.has('as')) return undefined;
    const version = parameters.get('v') ?? '';
    if (parameters.get('g') === 'apidiscovery.k8s.io' && ['v2', 'v2beta1'].includes(version)) return version;
  }
  return undefined;
}

/** Answers `/api`, `/apis`, `/api/v1`, `/apis/G` and `/apis/G/V`; false when the path is none of them. */
export async function serveDiscovery(exchange: Exchange, definitions: Definitions): Promise<boolean> {
  const parts = exchange.path.split('/').filter((p) => p !== '');
  const [root, group, version] = parts;
  if ((root !== 'api' && root !== 'apis') || parts.length > 3) return false;
  const groups = groupsOf(definitions);
  if (root === 'api') {
    if (parts.length === 1) return roots(exchange, definitions, [''], coreVersions(exchange));
    if (group !== 'v1' || parts.length > 2) return false;
    await exchange.json(200, resourceList(definitions, '', 'v1'));
    return true;
  }
  const named = [...groups.keys()].filter((g) => g !== '');
  if (group === undefined) {
    const list = named.map((g) => groupEntry(g, groups.get(g) ?? []));
    return roots(exchange, definitions, named, { kind: 'APIGroupList', apiVersion: 'v1', groups: list });
  }
  const versions = groups.get(group);
  if (!versions || (version !== undefined && !versions.includes(version))) return false;
  const value =
    version === undefined
      ? { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, versions) }
      : resourceList(definitions, group, version);
  await exchange.json(200, value);
  return true;
}

async function roots(
  exchange: Exchange,
  definitions: Definitions,
  groups: readonly string[],
  plain: unknown,
): Promise<boolean> {
  const version = wantsAggregated(exchange.header('accept'));
  if (version === undefined) await exchange.json(200, plain);
  else
    await exchange.json(
      200,
      aggregated(definitions, groups, version),
      `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
    );
  return true;
}

function coreVersions(exchange: Exchange): unknown {
  const host = exchange.header('host') ?? exchange.header(':authority') ?? '';
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: host }],
  };
}
