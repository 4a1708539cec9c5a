/**
 * Turns parsed JSON into an object of a type as Kubernetes' strict decoder does: unknown fields are dropped and reported, null is unset,
 * wrong types are errors. Source of the texts: kubernetes-sigs/json (a fork of Go's encoding/json), k8s.io/apimachinery `runtime/error.go`.
 */
import { type FieldType, type Scalar, type StructType, shortTypeName, structType } from './schema.ts';

/** A value has the wrong type; `message` is worded as upstream's decoder does. */
export interface TypeProblem {
  /** Path with indices, as in `spec.ports[0].port`. */
  readonly path: string;
  readonly message: string;
}

/** What decoding found. `value` holds known fields only. */
export interface Decoded {
  readonly value: unknown;
  /** Paths of unknown fields, in order. */
  readonly unknown: readonly string[];
  readonly problems: readonly TypeProblem[];
}

interface Context {
  readonly unknown: string[];
  readonly problems: TypeProblem[];
}

/** Where a value stands, for texts: `owner` is the struct that has the field, `plain` the path without indices. */
interface Place {
  readonly path: string;
  readonly plain: string;
  readonly owner: string;
}

/** Decodes `value` as the type of this name. */
export function decode(type: string, value: unknown): Decoded {
  const context: Context = { unknown: [], problems: [] };
  const root: Place = { path: '', plain: '', owner: shortTypeName(type) };
  const decoded = decodeStruct(structType(type), value, root, context);
  return { value: decoded, ...context };
}

function decodeStruct(type: StructType, value: unknown, place: Place, context: Context): unknown {
  if (!isObject(value)) return wrong(value, `v1.${shortTypeName(type.name)}`, place, context);
  const result: Record<string, unknown> = {};
  const owner = shortTypeName(type.name);
  for (const [key, item] of Object.entries(value)) {
    const path = place.path === '' ? key : `${place.path}.${key}`;
    const field = type.fields.get(key);
    if (!field) {
      context.unknown.push(path);
      continue;
    }
    if (item === null) continue;
    const plain = place.plain === '' ? key : `${place.plain}.${key}`;
    const decoded = decodeValue(field.type, item, { path, plain, owner }, context);
    if (decoded !== undefined && (field.required || !isEmptyCollection(field.type, decoded))) result[key] = decoded;
  }
  return result;
}

/** Go leaves out empty lists and maps that are optional. */
function isEmptyCollection(type: FieldType, value: unknown): boolean {
  if (type.kind === 'list') return Array.isArray(value) && value.length === 0;
  return type.kind === 'map' && isObject(value) && Object.keys(value).length === 0;
}

function decodeValue(type: FieldType, value: unknown, place: Place, context: Context): unknown {
  switch (type.kind) {
    case 'scalar':
      return decodeScalar(type.scalar, value, place, context);
    case 'struct':
      return decodeStruct(structType(type.type), value, place, context);
    case 'list': {
      if (!Array.isArray(value)) return wrong(value, goType(type), place, context);
      return value.map((item, i) =>
        item === null && type.item.kind === 'struct'
          ? {}
          : decodeValue(type.item, item, { ...place, path: `${place.path}[${i}]` }, context),
      );
    }
    case 'map': {
      if (!isObject(value)) return wrong(value, goType(type), place, context);
      const entries = Object.entries(value).map(([key, item]): [string, unknown] => [
        key,
        item === null
          ? zero(type.item)
          : decodeValue(type.item, item, { ...place, path: `${place.path}.${key}` }, context),
      ]);
      return Object.fromEntries(entries);
    }
  }
}

function decodeScalar(scalar: Scalar, value: unknown, place: Place, context: Context): unknown {
  switch (scalar) {
    case 'any':
      return value;
    case 'bool':
      return typeof value === 'boolean' ? value : wrong(value, 'bool', place, context);
    case 'int32':
    case 'int64': {
      const limit = scalar === 'int32' ? 2 ** 31 : 2 ** 63;
      if (typeof value === 'number' && Number.isInteger(value) && value >= -limit && value < limit) return value;
      return wrong(value, scalar, place, context);
    }
    case 'double':
      return typeof value === 'number' ? value : wrong(value, 'float64', place, context);
    case 'intOrString':
      if (typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value))) return value;
      return wrong(value, 'intstr.IntOrString', place, context);
    case 'quantity':
      if (typeof value === 'number') return String(value);
      if (typeof value === 'string' && QUANTITY.test(value)) return value;
      context.problems.push({ path: place.path, message: QUANTITY_TEXT });
      return undefined;
    case 'time':
    case 'microTime':
      if (typeof value !== 'string') return wrong(value, 'string', place, context);
      if (TIME.test(value)) return value;
      context.problems.push({
        path: place.path,
        message: `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse it as an RFC 3339 time`,
      });
      return undefined;
    case 'bytes':
      if (typeof value !== 'string') return wrong(value, '[]uint8', place, context);
      if (BASE64.test(value) && value.replace(/[\r\n]/g, '').length % 4 === 0) return value;
      context.problems.push({
        path: place.path,
        message: `illegal base64 data at input byte ${firstBadByte(value)}`,
      });
      return undefined;
    case 'string':
      return typeof value === 'string' ? value : wrong(value, 'string', place, context);
  }
}

/** Source: k8s.io/apimachinery `pkg/api/resource/quantity.go`. */
const QUANTITY = /^[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;
const QUANTITY_TEXT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const BASE64 = /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/;

function firstBadByte(text: string): number {
  const at = text.search(/[^A-Za-z0-9+/\r\n]/);
  return at < 0 ? Math.floor(text.length / 4) * 4 : at;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(value: unknown, wanted: string, place: Place, context: Context): undefined {
  const target = place.plain === '' ? 'Go value' : `Go struct field ${place.owner}.${place.plain}`;
  context.problems.push({
    path: place.path,
    message: `json: cannot unmarshal ${jsonKind(value, wanted)} into ${target} of type ${wanted}`,
  });
  return undefined;
}

function jsonKind(value: unknown, wanted: string): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number')
    return wanted.startsWith('int') && wanted !== 'intstr.IntOrString' ? `number ${value}` : 'number';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'string' : 'object';
}

/** The name Go has for a type. */
function goType(type: FieldType): string {
  switch (type.kind) {
    case 'list':
      return `[]${goType(type.item)}`;
    case 'map':
      return `map[string]${goType(type.item)}`;
    case 'struct':
      return `v1.${shortTypeName(type.type)}`;
    case 'scalar':
      return type.scalar === 'bytes' ? '[]uint8' : type.scalar === 'double' ? 'float64' : type.scalar;
  }
}

function zero(type: FieldType): unknown {
  if (type.kind === 'list') return [];
  if (type.kind !== 'scalar') return {};
  return type.scalar === 'bool' ? false : type.scalar === 'string' || type.scalar === 'quantity' ? '' : 0;
}
