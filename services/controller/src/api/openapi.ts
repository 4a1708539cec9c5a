/** OpenAPI v3 documents, made from the definitions and field trees. Source: k8s.io/kube-openapi `pkg/handler3`, KEP-2896. */
import { createHash } from 'node:crypto';
import { type FieldType, fieldRule, isAtomicStruct, type Scalar, structType } from '@svclab/core';
import { apiVersionOf, type Definition, type Definitions } from '../registry/definition.ts';
import { groupsOf } from './discovery.ts';
import type { Exchange } from './exchange.ts';
import { patchTypesOf } from './patch.ts';

/** Name of a type in `components.schemas`. */
function componentName(type: string): string {
  if (type.startsWith('meta.')) return `io.k8s.apimachinery.pkg.apis.${type}`;
  if (type.startsWith('metallb.')) return `io.${type}`;
  return `io.k8s.api.${type}`;
}

const SCALARS: Readonly<Record<Scalar, object>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  time: { type: 'string', format: 'date-time' },
  microTime: { type: 'string', format: 'date-time' },
  intOrString: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  quantity: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  any: { type: 'object' },
};

function typeSchema(type: FieldType): Record<string, unknown> {
  switch (type.kind) {
    case 'scalar':
      return { ...SCALARS[type.scalar] };
    case 'list':
      return { type: 'array', items: typeSchema(type.item) };
    case 'map':
      return { type: 'object', additionalProperties: typeSchema(type.item) };
    case 'struct':
      return { allOf: [{ $ref: `#/components/schemas/${componentName(type.type)}` }] };
  }
}

function fieldSchema(type: string, field: string, of: FieldType): Record<string, unknown> {
  const rule = fieldRule(type, field);
  const listType = rule.mapKeys ? 'map' : rule.set ? 'set' : of.kind === 'list' ? 'atomic' : undefined;
  return {
    ...typeSchema(of),
    ...(listType ? { 'x-kubernetes-list-type': listType } : {}),
    ...(rule.mapKeys ? { 'x-kubernetes-list-map-keys': rule.mapKeys } : {}),
    ...(rule.patchKey ? { 'x-kubernetes-patch-merge-key': rule.patchKey } : {}),
    ...(rule.patchKey || rule.mergeScalars
      ? { 'x-kubernetes-patch-strategy': rule.retainKeys ? 'merge,retainKeys' : 'merge' }
      : rule.retainKeys
        ? { 'x-kubernetes-patch-strategy': 'retainKeys' }
        : {}),
  };
}

function structSchema(type: string): Record<string, unknown> {
  const { fields } = structType(type);
  const required = [...fields.values()].filter((f) => f.required).map((f) => f.name);
  return {
    type: 'object',
    properties: Object.fromEntries([...fields.values()].map((f) => [f.name, fieldSchema(type, f.name, f.type)])),
    ...(required.length > 0 ? { required } : {}),
    ...(isAtomicStruct(type) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  };
}

/** Types that a type refers to, itself included. */
function reach(type: string, seen: Set<string>): void {
  if (seen.has(type)) return;
  seen.add(type);
  const visit = (t: FieldType): void => {
    if (t.kind === 'struct') reach(t.type, seen);
    else if (t.kind !== 'scalar') visit(t.item);
  };
  for (const field of structType(type).fields.values()) visit(field.type);
}

const text = (name: string) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } });
const inPath = (name: string) => ({ name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } });
const WRITE = [text('dryRun'), text('fieldManager'), text('fieldValidation')];
const LIST = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
].map(text);
const DELETE = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'].map(text);

interface Operation {
  readonly action: string;
  readonly parameters: readonly unknown[];
  readonly bodies?: readonly string[];
  readonly list?: boolean;
}

function operation(d: Definition, ref: string, op: Operation, id: string): unknown {
  const schema = { $ref: `#/components/schemas/${op.list ? `${ref}List` : ref}` };
  const content = (types: readonly string[], s: unknown) => Object.fromEntries(types.map((t) => [t, { schema: s }]));
  const bodySchema =
    op.action === 'patch' ? { $ref: `#/components/schemas/${componentName('meta.v1.Patch')}` } : schema;
  return {
    tags: [d.group === '' ? 'core_v1' : `${d.group.split('.')[0]}_${d.version}`],
    operationId: id,
    ...(op.parameters.length > 0 ? { parameters: op.parameters } : {}),
    ...(op.bodies ? { requestBody: { content: content(op.bodies, bodySchema), required: true } } : {}),
    responses: { '200': { description: 'OK', content: content(['application/json', 'application/yaml'], schema) } },
    'x-kubernetes-action': op.action,
    'x-kubernetes-group-version-kind': { group: d.group, version: d.version, kind: d.kind },
  };
}

function paths(d: Definition): Record<string, unknown> {
  const base = d.group === '' ? '/api/v1' : `/apis/${d.group}/${d.version}`;
  const ref = componentName(d.schema);
  const id = (verb: string, tail = ''): string =>
    `${verb}${d.group === '' ? 'Core' : title(d.group.split('.')[0] ?? '')}${title(d.version)}${d.namespaced ? 'Namespaced' : ''}${d.kind}${tail}`;
  const make = (verb: string, op: Operation, tail = ''): unknown => operation(d, ref, op, id(verb, tail));
  const bodies = ['application/json', 'application/yaml'];
  const collection = {
    get: make('list', { action: 'list', parameters: LIST, list: true }),
    post: make('create', { action: 'post', parameters: WRITE, bodies }),
    delete: make('deleteCollection', { action: 'deletecollection', parameters: [...LIST, ...DELETE] }),
  };
  const patch = { action: 'patch', parameters: [...WRITE, text('force')], bodies: patchTypesOf(d) };
  const item = {
    get: make('read', { action: 'get', parameters: [] }),
    put: make('replace', { action: 'put', parameters: WRITE, bodies }),
    delete: make('delete', { action: 'delete', parameters: DELETE }),
    patch: make('patch', patch),
  };
  const scope = d.namespaced ? [inPath('namespace')] : [];
  const root = d.namespaced ? `${base}/namespaces/{namespace}/${d.resource}` : `${base}/${d.resource}`;
  return {
    [root]: { ...collection, ...(scope.length > 0 ? { parameters: scope } : {}) },
    [`${root}/{name}`]: { ...item, parameters: [inPath('name'), ...scope] },
    ...(d.status
      ? {
          [`${root}/{name}/status`]: {
            get: make('read', { action: 'get', parameters: [] }, 'Status'),
            put: make('replace', { action: 'put', parameters: WRITE, bodies }, 'Status'),
            patch: make('patch', patch, 'Status'),
            parameters: [inPath('name'), ...scope],
          },
        }
      : {}),
    ...(d.namespaced
      ? {
          [`${base}/${d.resource}`]: {
            get: make('list', { action: 'list', parameters: LIST, list: true }, 'ForAllNamespaces'),
          },
        }
      : {}),
  };
}

const title = (s: string): string => s.charAt(0).toUpperCase() + s.slice(1);

function document(definitions: readonly Definition[]): unknown {
  const types = new Set<string>();
  for (const d of definitions) reach(d.schema, types);
  for (const type of ['meta.v1.DeleteOptions', 'meta.v1.Status', 'meta.v1.ListMeta']) reach(type, types);
  const schemas: Record<string, unknown> = Object.fromEntries(
    [...types].sort().map((t) => [componentName(t), structSchema(t)]),
  );
  schemas[componentName('meta.v1.Patch')] = { type: 'object' };
  for (const d of definitions) {
    const gvk = { group: d.group, version: d.version, kind: d.kind };
    const ref = componentName(d.schema);
    Object.assign(schemas[ref] as object, { 'x-kubernetes-group-version-kind': [gvk] });
    schemas[`${ref}List`] = {
      type: 'object',
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { allOf: [{ $ref: `#/components/schemas/${componentName('meta.v1.ListMeta')}` }] },
        items: { type: 'array', items: { $ref: `#/components/schemas/${ref}` } },
      },
      required: ['items'],
      'x-kubernetes-group-version-kind': [{ ...gvk, kind: `${d.kind}List` }],
    };
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.33.0' },
    paths: Object.assign({}, ...definitions.map(paths)),
    components: {
      schemas,
      securitySchemes: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    },
  };
}

const OPENAPI_V2_TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** openapi.v2.Document with `swagger: "2.0"` and nothing else. */
const OPENAPI_V2_EMPTY = Buffer.from([0x0a, 0x03, 0x32, 0x2e, 0x30]);

/** The documents of a server; each is made when it is first asked for. */
export class OpenApi {
  readonly #documents = new Map<string, { readonly make: () => string; text?: string; hash?: string }>();

  constructor(definitions: Definitions) {
    for (const [group, versions] of groupsOf(definitions))
      for (const version of versions) {
        const path = group === '' ? 'api/v1' : `apis/${apiVersionOf({ group, version })}`;
        const own = definitions.all.filter((d) => d.group === group && d.version === version);
        this.#documents.set(path, { make: () => `${JSON.stringify(document(own))}\n` });
      }
  }

  #load(path: string): { text: string; hash: string } | undefined {
    const entry = this.#documents.get(path);
    if (!entry) return undefined;
    entry.text ??= entry.make();
    entry.hash ??= createHash('sha512').update(entry.text).digest('hex').toUpperCase();
    return { text: entry.text, hash: entry.hash };
  }

  /** Answers `/openapi/v2`, `/openapi/v3` and the documents below it; false when the path is none of them. */
  async serve(exchange: Exchange): Promise<boolean> {
    if (exchange.path === '/openapi/v2') {
      // Version 3 holds everything. kubectl asks for version 2, as protobuf, about kinds it found nowhere; an empty document sends it on
      // to discovery, whose answer says what is wrong.
      await exchange.bytes(200, OPENAPI_V2_TYPE, OPENAPI_V2_EMPTY);
      return true;
    }
    if (exchange.path === '/openapi/v3') {
      const entries = [...this.#documents.keys()].map((path) => [
        path,
        { serverRelativeURL: `/openapi/v3/${path}?hash=${this.#load(path)?.hash}` },
      ]);
      await exchange.json(200, { paths: Object.fromEntries(entries) });
      return true;
    }
    if (!exchange.path.startsWith('/openapi/v3/')) return false;
    const found = this.#load(exchange.path.slice('/openapi/v3/'.length));
    if (!found) return false;
    exchange.response.setHeader('etag', `"${found.hash}"`);
    await exchange.send(200, 'application/json', found.text);
    return true;
  }
}
