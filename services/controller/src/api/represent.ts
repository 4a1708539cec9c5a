/** Objects, lists and tables as answers. Source: k8s.io/apiserver `pkg/endpoints/handlers/response.go`, k8s.io/apimachinery `meta/v1`. */
import type { KubeObject, TableColumn } from '@svclab/core';
import { stringify as toYaml } from 'yaml';
import { apiVersionOf, type Definition } from '../registry/definition.ts';
import type { Exchange } from './exchange.ts';
import type { Form } from './negotiate.ts';

/** metav1.ListMeta. */
export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** An object as the definition serves it. */
export function served(definition: Definition, object: KubeObject): KubeObject {
  return definition.view ? definition.view.toServed(object) : object;
}

const partial = (object: KubeObject) => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: object.metadata,
});

/** Definition of a table column on the wire. */
function columnDefinition(c: TableColumn) {
  return { name: c.name, type: c.type, format: c.format, description: c.description, priority: c.priority };
}

/** How a table's rows carry their objects (`includeObject`). */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The `includeObject` parameter. */
export function includeObject(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject');
  return value === 'None' || value === 'Object' ? value : 'Metadata';
}

/** A table of objects; without columns when `header` is false (later events of a watch). */
export function table(
  definition: Definition,
  objects: readonly KubeObject[],
  meta: ListMeta | undefined,
  options: { readonly include: IncludeObject; readonly nowMs: number; readonly header?: boolean },
): unknown {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: meta ?? { resourceVersion: objects[0]?.metadata.resourceVersion ?? '' },
    columnDefinitions: options.header === false ? null : definition.columns.map(columnDefinition),
    rows: objects.map((object) => ({
      cells: definition.cells(object, options.nowMs),
      ...(options.include === 'None'
        ? {}
        : { object: options.include === 'Object' ? served(definition, object) : partial(object) }),
    })),
  };
}

/** One object in the form asked for. `stored` is in the stored form. */
export function objectAs(
  definition: Definition,
  stored: KubeObject,
  form: Form,
  query: URLSearchParams,
  nowMs: number,
): unknown {
  if (form.as === 'Table') return table(definition, [stored], undefined, { include: includeObject(query), nowMs });
  if (form.as === 'PartialObjectMetadata') return partial(stored);
  return served(definition, stored);
}

/** A list in the form asked for. */
export function listAs(
  definition: Definition,
  stored: readonly KubeObject[],
  meta: ListMeta,
  form: Form,
  query: URLSearchParams,
  nowMs: number,
): unknown {
  if (form.as === 'Table') return table(definition, stored, meta, { include: includeObject(query), nowMs });
  if (form.as === 'PartialObjectMetadata')
    return {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata: meta,
      items: stored.map(partial),
    };
  return {
    kind: `${definition.kind}List`,
    apiVersion: apiVersionOf(definition),
    metadata: meta,
    items: stored.map((o) => served(definition, o)),
  };
}

/** Sends a value as JSON or YAML. */
export function reply(exchange: Exchange, code: number, value: unknown, form: Form): Promise<void> {
  if (form.encoding === 'yaml') return exchange.send(code, 'application/yaml', toYaml(value));
  return exchange.json(code, value);
}
