/** How Kubernetes' types travel in protobuf. Data comes from a generated table; this makes it usable. */
import { WIRE_NUMBERS } from './gen/wire.ts';

/** What a number stands for in a message. */
export type WireField =
  | {
      readonly kind: 'field';
      /** Name in JSON, and in the field tree of the type. */
      readonly name: string;
      /** Zero is a value; otherwise it means unset, as Go writes every plain scalar. */
      readonly keepsZero: boolean;
      /** Values of the map are messages that hold a list. */
      readonly wrapped: boolean;
    }
  /** The fields of another message, which JSON has in the same object. */
  | { readonly kind: 'inline'; readonly message: string };

/** A message: number -> field. */
export type WireMessage = ReadonlyMap<number, WireField>;

const MESSAGES: ReadonlyMap<string, WireMessage> = new Map(
  Object.entries(WIRE_NUMBERS).map(([name, fields]) => [
    name,
    new Map(Object.entries(fields).map(([key, number]): [number, WireField] => [number, wireField(key)])),
  ]),
);

function wireField(key: string): WireField {
  if (key.startsWith('...')) return { kind: 'inline', message: key.slice(3) };
  const [, name = '', marks = ''] = /^([^*^]+)([*^]*)$/.exec(key) ?? [];
  return { kind: 'field', name, keepsZero: marks.includes('*'), wrapped: marks.includes('^') };
}

/** The message of a type, such as `core.v1.Pod`; undefined when it has none, as custom resources have. */
export function wireMessage(type: string): WireMessage | undefined {
  return MESSAGES.get(type);
}

/** The type that an `apiVersion` and a kind name. Options of requests are the same in every group. */
export function wireTypeOf(apiVersion: string, kind: string): string {
  if (META_KINDS.has(kind)) return `meta.v1.${kind}`;
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return `${group === '' ? 'core' : group.split('.')[0]}.${version}.${kind}`;
}

/** Kinds that k8s.io/apimachinery `meta/v1/register.go` adds to each group. */
const META_KINDS: ReadonlySet<string> = new Set(['DeleteOptions', 'Status']);
