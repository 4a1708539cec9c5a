/** Applying manifests from inside a lab: what `kubectl apply --server-side` does, for callers that have no kubectl. */
import type { KubeObject } from '@svclab/core';
import { parseAllDocuments } from 'yaml';
import { badInput } from '../state/errors.ts';
import type { KubeClient } from './kube-client.ts';

/** An object as a manifest holds it. */
export interface Manifest extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly name: string };
}

/** What was applied. */
export interface Applied {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Reads a stream of YAML (or JSON) documents; Lists are taken apart. Fails with a LabError that says which document is wrong. */
export function parseManifests(text: string): Manifest[] {
  const manifests: Manifest[] = [];
  const documents = parseAllDocuments(text);
  for (const [i, document] of (Array.isArray(documents) ? documents : []).entries()) {
    const [error] = document.errors;
    if (error) throw badInput(`Document ${i + 1} is no YAML: ${error.message.split('\n')[0]}`);
    const value = document.toJS({ maxAliasCount: 100 }) as (Partial<Manifest> & { items?: unknown[] }) | null;
    if (value === null) continue;
    for (const object of value.kind?.endsWith('List') && Array.isArray(value.items) ? value.items : [value])
      manifests.push(checked(object as Partial<Manifest>, i + 1));
  }
  return manifests;
}

function checked(object: Partial<Manifest>, document: number): Manifest {
  if (typeof object !== 'object' || !object.apiVersion || !object.kind || !object.metadata?.name)
    throw badInput(
      `Document ${document} is no Kubernetes object: it has apiVersion ${JSON.stringify(object?.apiVersion)}, kind ${JSON.stringify(object?.kind)} and metadata.name ${JSON.stringify(object?.metadata?.name)}`,
    );
  return object as Manifest;
}

interface ResourceList {
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/** Namespaces first; then in the order they were given. */
const order = (m: Manifest): number => (m.kind === 'Namespace' ? 0 : 1);

/** Applies manifests, server-side. Fails with a LabError holding what the API said of the first it refuses. */
export async function applyManifests(kube: KubeClient, manifests: readonly Manifest[]): Promise<Applied[]> {
  const lists = new Map<string, ResourceList | undefined>();
  const applied: Applied[] = [];
  for (const manifest of [...manifests].sort((a, b) => order(a) - order(b))) {
    const { apiVersion, kind, metadata } = manifest;
    const base = apiVersion?.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    if (!lists.has(base)) lists.set(base, await kube.ask<ResourceList>({ path: base }));
    const resource = lists.get(base)?.resources.find((r) => r.kind === kind && !r.name.includes('/'));
    if (!resource) throw badInput(`${kind} ${metadata.name}: the lab has no ${kind} in ${apiVersion}`);
    const namespace = resource.namespaced ? (metadata.namespace ?? 'default') : '';
    const scope = namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
    await kube.ask({
      method: 'PATCH',
      path: `${base}${scope}/${resource.name}/${encodeURIComponent(metadata.name)}?fieldManager=svclab&force=true`,
      contentType: 'application/apply-patch+yaml',
      body: manifest,
    });
    applied.push({ kind: kind ?? '', namespace, name: metadata.name });
  }
  return applied;
}
