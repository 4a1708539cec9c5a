/** From a path to what it is about. Source: k8s.io/apiserver `pkg/endpoints/request/requestinfo.go`. */
import { unknownPath } from '@svclab/core';
import type { Definition, Definitions } from '../registry/definition.ts';

/** What a path under `/api/v1` or `/apis/G/V` names. */
export interface Target {
  readonly definition: Definition;
  /** Undefined: all namespaces, or a cluster-scoped kind. */
  readonly namespace: string | undefined;
  /** Undefined for the collection. */
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** The collection is addressed by the old `/watch/` prefix. */
  readonly watchPrefix: boolean;
}

/** Splits a path into its decoded parts. Fails with 404 on a malformed escape. */
export function segments(path: string): string[] {
  try {
    return path
      .split('/')
      .filter((s) => s !== '')
      .map(decodeURIComponent);
  } catch {
    throw unknownPath();
  }
}

/** Resolves a resource path; undefined when the path is not one. Fails with 404 for a resource that is not served. */
export function route(path: string, definitions: Definitions): Target | undefined {
  const parts = segments(path);
  const [root] = parts;
  const core = root === 'api' && parts[1] === 'v1';
  if (!core && root !== 'apis') return undefined;
  const [group, version] = core ? ['', 'v1'] : [parts[1] ?? '', parts[2] ?? ''];
  let rest = parts.slice(core ? 2 : 3);
  if (rest.length === 0) return undefined;
  const watchPrefix = rest[0] === 'watch';
  if (watchPrefix) rest = rest.slice(1);
  let namespace: string | undefined;
  // `namespaces/x/finalize` and `namespaces/x/status` are subresources of the namespace itself.
  if (rest[0] === 'namespaces' && rest.length > 2 && !isSubresource(rest)) {
    namespace = rest[1];
    rest = rest.slice(2);
  }
  const [resource = '', name, subresource, ...beyond] = rest;
  const definition = definitions.find(group, version, resource);
  if (!definition || beyond.length > 0) throw unknownPath();
  if (namespace !== undefined && !definition.namespaced) throw unknownPath();
  if (namespace === undefined && definition.namespaced && name !== undefined) throw unknownPath();
  return { definition, namespace, name, subresource, watchPrefix };
}

function isSubresource(rest: readonly string[]): boolean {
  return rest.length === 3 && (rest[2] === 'finalize' || rest[2] === 'status');
}
