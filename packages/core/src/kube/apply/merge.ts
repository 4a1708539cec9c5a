/** Merging what an applier wants into an object, and removing what it gave up. Source: kubernetes-sigs/structured-merge-diff `typed/merge.go`, `typed/remove.go`. */
import { isJsonObject, type JsonObject, jsonEqual } from '../patch/merge-patch.ts';
import { fieldRule, isAtomicStruct } from '../schema/list-rules.ts';
import { type FieldType, structType } from '../schema/schema.ts';
import { type FieldSet, itemKey } from './field-set.ts';

/** `live` with everything `applied` sets. */
export function applyMerge(type: string, live: JsonObject, applied: JsonObject): JsonObject {
  const result = new Map(Object.entries(live));
  for (const [key, value] of Object.entries(applied)) {
    const field = structType(type).fields.get(key);
    if (!field || value === undefined || value === null) continue;
    result.set(key, mergeValue(field.type, type, key, result.get(key), value));
  }
  return Object.fromEntries(result);
}

function mergeValue(type: FieldType, parent: string, key: string, live: unknown, applied: unknown): unknown {
  const rule = fieldRule(parent, key);
  if (rule.atomic || live === undefined) return applied;
  if (type.kind === 'struct' && isJsonObject(live) && isJsonObject(applied))
    return isAtomicStruct(type.type) ? applied : applyMerge(type.type, live, applied);
  if (type.kind === 'map' && isJsonObject(live) && isJsonObject(applied)) return { ...live, ...applied };
  if (type.kind !== 'list' || !Array.isArray(live) || !Array.isArray(applied)) return applied;
  if (rule.set) return [...live, ...applied.filter((a) => !live.some((l) => jsonEqual(l, a)))];
  if (!rule.mapKeys) return applied;
  const keys = rule.mapKeys;
  const merged = [...live];
  for (const item of applied as JsonObject[]) {
    const id = itemKey(item, keys);
    const at = merged.findIndex((m) => isJsonObject(m) && itemKey(m, keys) === id);
    if (at < 0) merged.push(item);
    else if (type.item.kind === 'struct') merged[at] = applyMerge(type.item.type, merged[at] as JsonObject, item);
    else merged[at] = item;
  }
  return merged;
}

/** `object` without the fields of the set. */
export function removeFields(type: string, object: JsonObject, fields: FieldSet): JsonObject {
  const result = new Map(Object.entries(object));
  for (const [path, child] of Object.entries(fields)) {
    if (!path.startsWith('f:')) continue;
    const key = path.slice(2);
    const value = result.get(key);
    const field = structType(type).fields.get(key);
    if (value === undefined || !field) continue;
    const left = removeValue(field.type, type, key, value, child);
    if (left === undefined) result.delete(key);
    else result.set(key, left);
  }
  return Object.fromEntries(result);
}

function removeValue(type: FieldType, parent: string, key: string, value: unknown, fields: FieldSet): unknown {
  const inner = Object.keys(fields).filter((k) => k !== '.');
  if (inner.length === 0) return undefined;
  if (type.kind === 'struct' && isJsonObject(value)) {
    const left = removeFields(type.type, value, fields);
    return Object.keys(left).length === 0 ? undefined : left;
  }
  if (type.kind === 'map' && isJsonObject(value)) {
    const left = Object.entries(value).filter(([k]) => !Object.hasOwn(fields, `f:${k}`));
    return left.length === 0 ? undefined : Object.fromEntries(left);
  }
  if (type.kind === 'list' && Array.isArray(value)) {
    const left = removeItems(type.item, fieldRule(parent, key).mapKeys, value, fields);
    return left.length === 0 ? undefined : left;
  }
  return value;
}

function removeItems(
  item: FieldType,
  keys: readonly string[] | undefined,
  value: readonly unknown[],
  fields: FieldSet,
): unknown[] {
  return value.flatMap((entry) => {
    if (!keys || !isJsonObject(entry)) return Object.hasOwn(fields, `v:${JSON.stringify(entry)}`) ? [] : [entry];
    const child = fields[itemKey(entry, keys)];
    if (!child) return [entry];
    if (Object.hasOwn(child, '.') || item.kind !== 'struct') return [];
    return [removeFields(item.type, entry, child)];
  });
}
