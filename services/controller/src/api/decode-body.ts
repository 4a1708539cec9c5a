/** Request bodies: media types, syntax, and the strict check of fields. Source: k8s.io/apiserver `pkg/endpoints/handlers/{create,update,rest}.go`. */
import {
  badRequest,
  type Decoded,
  decode,
  duplicateKeys,
  type FieldError,
  invalid,
  invalidField,
  isJsonObject,
  type JsonObject,
  type KubeObject,
  tooLarge,
  unsupportedField,
  unsupportedMediaType,
} from '@svclab/core';
import { parse as parseYaml } from 'yaml';
import { apiVersionOf, type Definition } from '../registry/definition.ts';
import { BODY_LIMIT, type Exchange } from './exchange.ts';
import { PROTOBUF, parseProtobuf } from './protobuf.ts';

const ACCEPTED = ['application/json', 'application/yaml', PROTOBUF];

/** The media type of the body without its parameters; JSON when the client says nothing. */
export function mediaType(exchange: Exchange): string {
  return (exchange.header('content-type') ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** What a parsed body holds, and which keys it had twice. */
export interface Parsed {
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

/** Parses JSON or YAML. Fails with 400 on bad syntax. */
export function parseText(text: string, type: string): Parsed {
  if (type === 'application/json') {
    try {
      return { value: JSON.parse(text), duplicates: duplicateKeys(text) };
    } catch (error) {
      throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
    }
  }
  return { value: parseYamlText(text), duplicates: [] };
}

/** Parses one YAML document into plain JSON. Fails with 400 on bad syntax and on aliases that have no end, 413 when aliases blow it up. */
export function parseYamlText(text: string): unknown {
  let json: string;
  try {
    json = JSON.stringify(parseYaml(text, { maxAliasCount: 100, uniqueKeys: true })) ?? 'null';
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: yaml: ${(error as Error).message.split('\n')[0]}`);
  }
  if (json.length > BODY_LIMIT) throw tooLarge(BODY_LIMIT);
  return JSON.parse(json);
}

/** Reads the body as an object, or undefined when it is empty. Fails with 415, 413, 400. */
export async function readObject(
  exchange: Exchange,
): Promise<{ object: JsonObject; duplicates: readonly string[] } | undefined> {
  const type = mediaType(exchange);
  if (!ACCEPTED.includes(type)) throw unsupportedMediaType(ACCEPTED);
  if (type === PROTOBUF) {
    const body = await exchange.body();
    return body.length === 0 ? undefined : { object: parseProtobuf(body), duplicates: [] };
  }
  const text = await exchange.text();
  if (text.trim() === '') return undefined;
  const { value, duplicates } = parseText(text, type);
  if (!isJsonObject(value))
    throw badRequest("couldn't get version/kind; json parse error: the body is not an object but a list or a scalar");
  return { object: value, duplicates };
}

/** How unknown and duplicate fields are dealt with. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** The `fieldValidation` parameter; Warn when there is none. Fails with 422 for another value. */
export function fieldValidation(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') || 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw invalid({ group: 'meta.k8s.io', kind: 'CreateOptions' }, '', [
    unsupportedField('fieldValidation', value, ['', 'Ignore', 'Strict', 'Warn']),
  ]);
}

/** Texts of what a strict decoder complains about. */
export function strictProblems(decoded: Decoded, duplicates: readonly string[]): string[] {
  return [
    ...decoded.unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
    ...duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`),
  ];
}

/** Turns the body of a create or update into an object of the kind. Fails with 400 (or 422 for custom resources) as upstream does. */
export function decodeObject(
  definition: Definition,
  value: JsonObject,
  duplicates: readonly string[],
  validation: FieldValidation,
  warn: (text: string) => void,
): KubeObject {
  checkType(definition, value);
  const decoded = decode(definition.schema, value);
  refuseWrongTypes(definition, decoded, value);
  const problems = strictProblems(decoded, duplicates);
  if (problems.length > 0 && validation === 'Strict')
    throw badRequest(`${handled(definition)}: strict decoding error: ${problems.join(', ')}`);
  if (validation === 'Warn') for (const problem of problems) warn(problem);
  const object = decoded.value as KubeObject;
  return {
    ...object,
    apiVersion: apiVersionOf(definition),
    kind: definition.kind,
    metadata: object.metadata ?? { name: '' },
  };
}

const handled = (d: Definition): string =>
  `${d.kind} in version ${JSON.stringify(d.version)} cannot be handled as a ${d.kind}`;

function checkType(definition: Definition, value: JsonObject): void {
  const expected = apiVersionOf(definition);
  const { apiVersion = expected, kind = definition.kind } = value;
  if (apiVersion !== expected)
    throw badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${expected})`,
    );
  if (kind !== definition.kind)
    throw badRequest(`the kind in the data (${String(kind)}) does not match the expected kind (${definition.kind})`);
}

/** Fails when values have wrong types: 422 for custom resources, whose schema is checked by field, else 400. */
export function refuseWrongTypes(definition: Definition, decoded: Decoded, value: JsonObject): void {
  const [first] = decoded.problems;
  if (!first) return;
  if (!definition.custom) throw badRequest(`${handled(definition)}: ${first.message}`);
  const name = (value.metadata as { name?: string } | undefined)?.name ?? '';
  const errors: FieldError[] = decoded.problems.map((p) => {
    const match = /cannot unmarshal (\w+).* of type (.*)$/.exec(p.message);
    return invalidField(
      p.path,
      match?.[1] ?? '',
      `${p.path} in body must be of type ${openApiType(match?.[2] ?? '')}: "${match?.[1] ?? ''}"`,
    );
  });
  throw invalid(definition, name, errors);
}

function openApiType(goType: string): string {
  if (goType.startsWith('[]')) return 'array';
  if (goType.startsWith('int')) return 'integer';
  return goType === 'string' ? 'string' : goType === 'bool' ? 'boolean' : 'object';
}

/** Makes sure the body names the same object as the path. Fails with 400. */
export function checkIdentity(object: KubeObject, namespace: string | undefined, name: string | undefined): KubeObject {
  const meta = object.metadata;
  if (namespace !== undefined && meta.namespace && meta.namespace !== namespace)
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  if (name !== undefined && meta.name && meta.name !== name)
    throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${name})`);
  return {
    ...object,
    metadata: {
      ...meta,
      name: name ?? meta.name ?? '',
      ...(namespace === undefined ? {} : { namespace }),
    },
  };
}
