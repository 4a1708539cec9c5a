/** Which objects a list or watch is about. */
import {
  badRequest,
  type FieldTerm,
  type KubeObject,
  matchesFields,
  matchesRequirements,
  parseFieldSelector,
  parseLabelSelector,
  SelectorError,
} from '@svclab/core';
import type { Definition } from '../registry/definition.ts';
import type { Target } from './route.ts';

/** The objects asked for. */
export interface Selection {
  readonly namespace: string | undefined;
  /** True when labels or fields narrow it. */
  readonly narrowed: boolean;
  matches(object: KubeObject): boolean;
}

/** Reads namespace and selectors of a request. Fails with 400 when a selector cannot be parsed or a field is not supported. */
export function selection(target: Target, query: URLSearchParams): Selection {
  const { definition, namespace, name } = target;
  try {
    const labels = parseLabelSelector(query.get('labelSelector') ?? '');
    const terms = parseFieldSelector(query.get('fieldSelector') ?? '');
    const fields = name === undefined ? terms : [...terms, { field: 'metadata.name', equal: true, value: name }];
    checkFields(definition, fields);
    return {
      namespace,
      narrowed: labels.length + fields.length > 0,
      matches: (object) =>
        (namespace === undefined || object.metadata.namespace === namespace) &&
        matchesRequirements(labels, object.metadata.labels) &&
        (fields.length === 0 || matchesFields(fields, fieldsOf(definition, object))),
    };
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message);
    throw error;
  }
}

function fieldsOf(definition: Definition, object: KubeObject): Readonly<Record<string, string>> {
  return {
    'metadata.name': object.metadata.name,
    ...(definition.namespaced ? { 'metadata.namespace': object.metadata.namespace ?? '' } : {}),
    ...definition.selectable(object),
  };
}

function checkFields(definition: Definition, terms: readonly FieldTerm[]): void {
  const sample = { apiVersion: '', kind: '', metadata: { name: '' }, spec: {}, status: {} } as KubeObject;
  const known = new Set(Object.keys(fieldsOf(definition, sample)));
  for (const { field } of terms)
    if (!known.has(field) && !(field === 'metadata.namespace' && !definition.namespaced))
      throw badRequest(`field label not supported: ${field}`);
}
