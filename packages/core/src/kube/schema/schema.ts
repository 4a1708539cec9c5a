/** Field trees: which fields a type has and of which type they are. Data comes from generated tables; this makes it usable. */
import { GENERATED_TYPES } from './gen/types.ts';
import { METALLB_TYPES } from './metallb-types.ts';

/** Scalars of the API. `any` is a value of any shape, which is passed through. */
export type Scalar =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'time'
  | 'microTime'
  | 'intOrString'
  | 'quantity'
  | 'any';

/** Type of a field. */
export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'list'; readonly item: FieldType }
  | { readonly kind: 'map'; readonly item: FieldType }
  | { readonly kind: 'struct'; readonly type: string };

/** One field of a type. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly required: boolean;
}

/** A named type, such as `core.v1.ServiceSpec`. */
export interface StructType {
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
}

const SCALARS: ReadonlySet<string> = new Set([
  'string',
  'bool',
  'int32',
  'int64',
  'double',
  'bytes',
  'time',
  'microTime',
  'intOrString',
  'quantity',
  'any',
]);

function parseType(text: string): FieldType {
  if (text.startsWith('[]')) return { kind: 'list', item: parseType(text.slice(2)) };
  if (text.startsWith('{}')) return { kind: 'map', item: parseType(text.slice(2)) };
  return SCALARS.has(text) ? { kind: 'scalar', scalar: text as Scalar } : { kind: 'struct', type: text };
}

const TYPES: ReadonlyMap<string, StructType> = new Map(
  Object.entries({ ...GENERATED_TYPES, ...METALLB_TYPES }).map(([name, fields]) => [
    name,
    {
      name,
      fields: new Map(
        Object.entries(fields as Readonly<Record<string, string>>).map(([key, type]) => {
          const required = key.endsWith('!');
          const field = required ? key.slice(0, -1) : key;
          return [field, { name: field, type: parseType(type), required }];
        }),
      ),
    },
  ]),
);

/** The type of this name. Fails when there is none: a fault of the caller's code. */
export function structType(name: string): StructType {
  const found = TYPES.get(name);
  if (!found) throw new Error(`Type ${name} has no field tree`);
  return found;
}

/** `core.v1.ServicePort` -> `ServicePort`. */
export function shortTypeName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
