/**
 * Bodies in Kubernetes' protobuf, turned into what the same object is in JSON. Source of the format: k8s.io/apimachinery
 * `pkg/runtime/serializer/protobuf/doc.go` (magic, runtime.Unknown) and `generated.proto` of the types.
 */
import {
  ApiError,
  badRequest,
  type Field,
  type FieldType,
  type JsonObject,
  type Scalar,
  type StructType,
  structType,
  type WireMessage,
  wireMessage,
  wireTypeOf,
} from '@svclab/core';
import { BinaryReader, WireType } from '@svclab/wire';

/** Media type of such a body. */
export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

const MAGIC = Buffer.from('k8s\0', 'latin1');
/** Messages within messages; more is refused before it fills the stack. */
const MAX_DEPTH = 100;

type Plain = Record<string, unknown>;

/** Decodes a body. Fails with 400 when it is no such protobuf, or of a kind that has none. */
export function parseProtobuf(body: Uint8Array): JsonObject {
  if (body.length < MAGIC.length || MAGIC.compare(body, 0, MAGIC.length) !== 0)
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  try {
    return object(body.subarray(MAGIC.length));
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw badRequest(`unable to decode the body as protobuf: ${(error as Error).message}`);
  }
}

/** runtime.Unknown: which kind it is, and its bytes. */
function object(bytes: Uint8Array): JsonObject {
  const unknown = new Map<number, Uint8Array>();
  eachField(bytes, (number, wire, reader) => {
    if (wire !== WireType.LengthDelimited) reader.skip(wire, number);
    else unknown.set(number, reader.bytes());
  });
  const meta = new Map<number, string>();
  eachField(unknown.get(1) ?? new Uint8Array(), (number, wire, reader) => {
    if (wire !== WireType.LengthDelimited) reader.skip(wire, number);
    else meta.set(number, reader.string(true));
  });
  const [apiVersion = '', kind = ''] = [meta.get(1), meta.get(2)];
  if (apiVersion === '' || kind === '') throw badRequest("couldn't get version/kind; the protobuf message names none");
  if ((unknown.get(3)?.length ?? 0) > 0) throw new Error('the object is encoded once more, which is not supported');
  const type = wireTypeOf(apiVersion, kind);
  const message = wireMessage(type);
  if (!message)
    throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  const fields = readMessage(structType(type), message, unknown.get(2) ?? new Uint8Array(), 0);
  return { apiVersion, kind, ...fields } as JsonObject;
}

function eachField(bytes: Uint8Array, use: (number: number, wire: WireType, reader: BinaryReader) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    use(number, wire, reader);
  }
}

/** Reads a message as the type it is; unknown numbers are skipped, as upstream does. */
function readMessage(type: StructType, message: WireMessage, bytes: Uint8Array, depth: number): Plain {
  if (depth > MAX_DEPTH) throw new Error(`the object is nested more than ${MAX_DEPTH} deep`);
  const result: Plain = {};
  eachField(bytes, (number, wire, reader) => {
    const fact = message.get(number);
    if (fact?.kind === 'inline') {
      const inner = wireMessage(fact.message) ?? new Map();
      Object.assign(result, readMessage(type, inner, delimited(reader, wire), depth + 1));
      return;
    }
    const field = fact && type.fields.get(fact.name);
    if (!field) reader.skip(wire, number);
    else readField(result, field, fact, { reader, wire, depth: depth + 1 });
  });
  return result;
}

interface At {
  readonly reader: BinaryReader;
  readonly wire: WireType;
  readonly depth: number;
}

function readField(result: Plain, field: Field, fact: { keepsZero: boolean; wrapped: boolean }, at: At): void {
  const { name, type } = field;
  if (type.kind === 'list') {
    result[name] ??= [];
    (result[name] as unknown[]).push(...readItems(type.item, at));
  } else if (type.kind === 'map') {
    const [key, value] = readEntry(type.item, fact.wrapped, at);
    // A plain assignment would take the key `__proto__` for the prototype.
    result[name] ??= {};
    Object.defineProperty(result[name], key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    const value = readValue(type, at);
    const isZero = value === '' || value === 0 || value === false;
    if (value !== undefined && (fact.keepsZero || !isZero)) result[name] = value;
  }
}

/** One item, or several numbers packed into one field. */
function readItems(type: FieldType, at: At): unknown[] {
  const packed =
    type.kind === 'scalar' && at.wire === WireType.LengthDelimited && ['int32', 'int64', 'bool'].includes(type.scalar);
  if (!packed) return [readValue(type, at)];
  const reader = new BinaryReader(at.reader.bytes());
  const items: unknown[] = [];
  while (reader.pos < reader.len) items.push(readValue(type, { ...at, reader, wire: WireType.Varint }));
  return items;
}

/** A map is a list of messages: 1 is the key, 2 the value. What is left out is zero. */
function readEntry(type: FieldType, wrapped: boolean, at: At): [string, unknown] {
  let key = '';
  let value: unknown = type.kind === 'list' ? [] : type.kind === 'struct' ? {} : '';
  eachField(delimited(at.reader, at.wire), (number, wire, reader) => {
    if (number === 1 && wire === WireType.LengthDelimited) key = reader.string(true);
    else if (number !== 2) reader.skip(wire, number);
    else if (wrapped && type.kind === 'list') value = readWrapped(type.item, { ...at, reader, wire });
    else value = readValue(type, { ...at, reader, wire });
  });
  return [key, value];
}

/** A message that holds a list: `items` is 1. */
function readWrapped(type: FieldType, at: At): unknown[] {
  const items: unknown[] = [];
  eachField(delimited(at.reader, at.wire), (number, wire, reader) => {
    if (number === 1) items.push(readValue(type, { ...at, reader, wire }));
    else reader.skip(wire, number);
  });
  return items;
}

function delimited(reader: BinaryReader, wire: WireType): Uint8Array {
  if (wire !== WireType.LengthDelimited) throw new Error(`wire type is ${wire} where a length is needed`);
  return reader.bytes();
}

function readValue(type: FieldType, at: At): unknown {
  if (type.kind === 'scalar') return readScalar(type.scalar, at);
  if (type.kind !== 'struct') throw new Error(`a ${type.kind} cannot stand inside a list or a map`);
  const message = wireMessage(type.type);
  if (!message) throw new Error(`Type ${type.type} has no protobuf numbers: run scripts/gen-wire.mjs`);
  return readMessage(structType(type.type), message, delimited(at.reader, at.wire), at.depth);
}

function readScalar(scalar: Scalar, at: At): unknown {
  const { reader, wire } = at;
  switch (scalar) {
    case 'bool':
      return varint(at).bool();
    case 'int32':
      return varint(at).int32();
    case 'int64':
      return Number(varint(at).int64());
    case 'double':
      if (wire !== WireType.Bit64) throw new Error(`wire type is ${wire} where 64 bits are needed`);
      return reader.double();
    case 'string':
      return utf8(delimited(reader, wire));
    case 'bytes':
      return Buffer.from(delimited(reader, wire)).toString('base64');
    case 'quantity':
      return utf8(parts(at).get(1) as Uint8Array | undefined);
    case 'any':
      return json(parts(at).get(1) as Uint8Array | undefined);
    case 'intOrString': {
      const found = parts(at);
      return found.get(1) ? utf8(found.get(3) as Uint8Array | undefined) : Number(found.get(2) ?? 0);
    }
    case 'time':
    case 'microTime':
      return time(parts(at), scalar);
  }
}

function varint({ reader, wire }: At): BinaryReader {
  if (wire !== WireType.Varint) throw new Error(`wire type is ${wire} where a number is needed`);
  return reader;
}

/** The fields of a small message: numbers and bytes. */
function parts({ reader, wire }: At): ReadonlyMap<number, number | Uint8Array> {
  const found = new Map<number, number | Uint8Array>();
  eachField(delimited(reader, wire), (number, inner, r) => {
    if (inner === WireType.Varint) found.set(number, Number(r.int64()));
    else if (inner === WireType.LengthDelimited) found.set(number, r.bytes());
    else r.skip(inner, number);
  });
  return found;
}

const TEXT = new TextDecoder('utf-8', { fatal: true });

function utf8(bytes: Uint8Array | undefined): string {
  return bytes ? TEXT.decode(bytes) : '';
}

/** FieldsV1 and RawExtension: JSON text. */
function json(bytes: Uint8Array | undefined): unknown {
  if (!bytes || bytes.length === 0) return undefined;
  try {
    return JSON.parse(utf8(bytes));
  } catch (error) {
    throw new Error(`a value that must be JSON is not: ${(error as Error).message}`);
  }
}

/** google.protobuf.Timestamp as the API writes times; the zero time is an empty message. */
function time(found: ReadonlyMap<number, number | Uint8Array>, scalar: 'time' | 'microTime'): string | undefined {
  if (found.size === 0) return undefined;
  const [seconds, nanos] = [Number(found.get(1) ?? 0), Number(found.get(2) ?? 0)];
  // Years 1 to 9999: what RFC 3339 can say.
  if (!(seconds >= -62_135_596_800 && seconds <= 253_402_300_799)) throw new Error(`time ${seconds} is out of range`);
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return scalar === 'time' ? `${text}Z` : `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}
