/**
 * Sets of fields, as managed fields record them (fieldsV1). A set is a tree: `f:name` a field, `k:{...}` a list item by its keys,
 * `v:value` a member of a set, `.` the node itself. Source: kubernetes-sigs/structured-merge-diff `fieldpath`, k8s.io/apimachinery FieldsV1.
 */
import { isJsonObject, type JsonObject } from '../patch/merge-patch.ts';
import { fieldRule, isAtomicStruct } from '../schema/list-rules.ts';
import { type FieldType, structType } from '../schema/schema.ts';

/** A set of fields in the fieldsV1 form. */
export interface FieldSet {
  readonly [path: string]: FieldSet;
}

/** Top-level fields that nobody manages. */
const UNMANAGED = new Set(['apiVersion', 'kind']);
const UNMANAGED_META = new Set([
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
  'generateName',
]);

/** What a list item is known by, and its type. */
interface ItemRule {
  readonly keys?: readonly string[];
  readonly set?: boolean;
}

/** Fields that an object of the type sets. */
export function fieldsOfObject(type: string, object: JsonObject): FieldSet {
  return collectStruct(type, object, true);
}

function collectStruct(type: string, value: JsonObject, root: boolean): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined || item === null) continue;
    if (root && UNMANAGED.has(key)) continue;
    if (type === 'meta.v1.ObjectMeta' && UNMANAGED_META.has(key)) continue;
    const field = structType(type).fields.get(key);
    if (!field) continue;
    const child = collect(field.type, item, itemRule(type, key));
    if (child === undefined) continue;
    if (root && key === 'metadata' && Object.keys(child).length === 0) continue;
    result[`f:${key}`] = child;
  }
  return result;
}

interface Rule extends ItemRule {
  readonly atomic?: boolean;
}

function itemRule(type: string, field: string): Rule {
  const rule = fieldRule(type, field);
  return {
    ...(rule.mapKeys ? { keys: rule.mapKeys } : {}),
    ...(rule.set ? { set: true } : {}),
    ...(rule.atomic ? { atomic: true } : {}),
  };
}

function collect(type: FieldType, value: unknown, rule: Rule): FieldSet | undefined {
  if (rule.atomic) return {};
  if (type.kind === 'struct' && isJsonObject(value))
    return isAtomicStruct(type.type) ? {} : collectStruct(type.type, value, false);
  if (type.kind === 'map' && isJsonObject(value)) {
    const result: Record<string, FieldSet> = { '.': {} };
    for (const [key, item] of Object.entries(value)) result[`f:${key}`] = collect(type.item, item, {}) ?? {};
    return result;
  }
  if (type.kind === 'list' && Array.isArray(value)) return collectList(type.item, value, rule);
  return {};
}

function collectList(item: FieldType, value: readonly unknown[], rule: ItemRule): FieldSet {
  const result: Record<string, FieldSet> = {};
  if (rule.set) {
    for (const v of value) result[`v:${JSON.stringify(v)}`] = {};
    return result;
  }
  if (!rule.keys) return {};
  result['.'] = {};
  for (const v of value) if (isJsonObject(v)) result[itemKey(v, rule.keys)] = { '.': {}, ...collect(item, v, {}) };
  return result;
}

/** `k:{"name":"a"}`: the key of a list item. Ports without a protocol are TCP. */
export function itemKey(item: JsonObject, keys: readonly string[]): string {
  const pairs = [...keys]
    .sort()
    .map((k): [string, unknown] => [k, item[k] ?? (k === 'protocol' ? 'TCP' : undefined)])
    .filter(([, v]) => v !== undefined);
  return `k:${JSON.stringify(Object.fromEntries(pairs))}`;
}

/** Fields in either set. */
export function unionFields(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = { ...a };
  for (const [key, child] of Object.entries(b)) result[key] = result[key] ? unionFields(result[key], child) : child;
  return result;
}

/** Fields of `a` that are not in `b`. A node both have stays only as far as its children differ. */
export function subtractFields(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const [key, child] of Object.entries(a)) {
    const other = b[key];
    if (!other) result[key] = child;
    else if (Object.keys(child).length > 0) {
      const rest = subtractFields(child, other);
      if (Object.keys(rest).length > 0) result[key] = rest;
    }
  }
  return result;
}

/** Fields in both sets. */
export function intersectFields(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const [key, child] of Object.entries(a)) {
    const other = b[key];
    if (!other) continue;
    const leaf = Object.keys(child).length === 0 || Object.keys(other).length === 0;
    const both = leaf ? {} : intersectFields(child, other);
    if (leaf || Object.keys(both).length > 0) result[key] = both;
  }
  return result;
}

/** True when the set has no field. */
export function isEmptySet(set: FieldSet): boolean {
  return Object.keys(set).length === 0;
}

/** Paths of the leaves as people read them: `.spec.replicas`, `.spec.ports[port=80].name`. */
export function leafPaths(set: FieldSet, prefix = ''): string[] {
  return Object.entries(set).flatMap(([key, child]) => {
    if (key === '.') return [];
    const path = `${prefix}${segment(key)}`;
    const inner = Object.keys(child).filter((k) => k !== '.');
    return inner.length === 0 ? [path] : leafPaths(child, path);
  });
}

function segment(key: string): string {
  if (key.startsWith('f:')) return `.${key.slice(2)}`;
  if (key.startsWith('v:')) return `[=${key.slice(2)}]`;
  const keys = JSON.parse(key.slice(2)) as JsonObject;
  return `[${Object.entries(keys)
    .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
    .join(',')}]`;
}
