/**
 * Strategic merge patch: a merge patch that knows which lists merge by key.
 * Source of the rules: k8s.io/apimachinery `pkg/util/strategicpatch`, and the "strategic merge patch" design note of the API conventions.
 */
import { fieldRule } from '../schema/list-rules.ts';
import { type FieldType, structType } from '../schema/schema.ts';
import { isJsonObject, type JsonObject, jsonEqual } from './merge-patch.ts';

/** The patch cannot be applied; the message says why (HTTP 400). */
export class PatchError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PatchError';
  }
}

const PATCH = '$patch';
const RETAIN = '$retainKeys';
const ORDER = '$setElementOrder/';
const DELETE_FROM = '$deleteFromPrimitiveList/';

/** Applies `patch` to an object of the type with this name. Fails with {@link PatchError}. */
export function strategicMergePatch(type: string, target: JsonObject, patch: JsonObject): JsonObject {
  return mergeStruct({ kind: 'struct', type }, target, patch) as JsonObject;
}

function mergeStruct(type: FieldType | undefined, target: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch[PATCH];
  if (directive === 'replace') return without(patch, [PATCH]);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge')
    throw new PatchError(`Unknown patch type: ${String(directive)}, expected one of replace, delete, merge`);
  const kept = Array.isArray(patch[RETAIN]) ? retain(target, patch[RETAIN]) : target;
  const result = new Map(Object.entries(kept));
  for (const [key, value] of Object.entries(patch)) {
    if (key === PATCH || key === RETAIN || key.startsWith(ORDER) || key.startsWith(DELETE_FROM)) continue;
    if (value === null) result.delete(key);
    else result.set(key, mergeField(type, key, result.get(key), value));
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(DELETE_FROM)) deleteScalars(result, key.slice(DELETE_FROM.length), value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(ORDER)) reorder(type, result, key.slice(ORDER.length), value, patch);
  }
  return Object.fromEntries(result);
}

function mergeField(parent: FieldType | undefined, key: string, current: unknown, value: unknown): unknown {
  const type = fieldTypeOf(parent, key);
  if (isJsonObject(value)) {
    if (!isJsonObject(current)) return mergeStruct(type, {}, value);
    return mergeStruct(type, current, value);
  }
  if (!Array.isArray(value)) return value;
  const rule = parent?.kind === 'struct' ? fieldRule(parent.type, key) : {};
  const existing = Array.isArray(current) ? current : [];
  if (rule.patchKey !== undefined && type?.kind === 'list')
    return mergeObjectList(type.item, rule.patchKey, existing, value);
  if (rule.mergeScalars) return [...existing, ...value.filter((v) => !existing.some((e) => jsonEqual(e, v)))];
  return value;
}

function mergeObjectList(
  item: FieldType,
  key: string,
  existing: readonly unknown[],
  patch: readonly unknown[],
): readonly unknown[] {
  if (patch.some((p) => isJsonObject(p) && p[PATCH] === 'replace' && Object.keys(p).length === 1))
    return patch.filter((p) => !(isJsonObject(p) && p[PATCH] !== undefined));
  let result = [...existing];
  for (const entry of patch) {
    if (!isJsonObject(entry)) throw new PatchError(`Expected an object in a list that merges by ${key}`);
    const id = entry[key];
    if (id === undefined)
      throw new PatchError(`map: ${JSON.stringify(entry)} does not contain declared merge key: ${key}`);
    const at = result.findIndex((e) => isJsonObject(e) && jsonEqual(e[key], id));
    if (entry[PATCH] === 'delete') result = result.filter((e) => !(isJsonObject(e) && jsonEqual(e[key], id)));
    else if (at < 0) result.push(mergeStruct(item, {}, entry));
    else result[at] = mergeStruct(item, result[at] as JsonObject, entry);
  }
  return result;
}

function deleteScalars(result: Map<string, unknown>, key: string, values: unknown): void {
  const current = result.get(key);
  if (!Array.isArray(current) || !Array.isArray(values)) return;
  result.set(
    key,
    current.filter((item) => !values.some((v) => jsonEqual(v, item))),
  );
}

/**
 * Orders a merged list as the client's list says: what the client names comes in its order; what only the server has stays before the
 * first named item that followed it.
 */
function reorder(
  type: FieldType | undefined,
  result: Map<string, unknown>,
  key: string,
  order: unknown,
  patch: JsonObject,
): void {
  const current = result.get(key);
  if (!Array.isArray(current) || !Array.isArray(order)) return;
  const rule = type?.kind === 'struct' ? fieldRule(type.type, key) : {};
  const mergeKey = rule.patchKey;
  const id = (item: unknown): unknown => (mergeKey !== undefined && isJsonObject(item) ? item[mergeKey] : item);
  const rank = (item: unknown): number => order.findIndex((o) => jsonEqual(id(o), id(item)));
  const patched = patch[key];
  if (Array.isArray(patched) && patched.some((p) => !(isJsonObject(p) && p[PATCH] !== undefined) && rank(p) < 0))
    throw new PatchError(
      `The order in patch list:\n${JSON.stringify(patched)}\n doesn't match ${ORDER} list:\n${JSON.stringify(order)}`,
    );
  const named = current.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const merged: unknown[] = [];
  let next = 0;
  for (const item of current) {
    if (rank(item) >= 0) {
      if (next < named.length) merged.push(named[next]);
      next += 1;
    } else merged.push(item);
  }
  result.set(key, merged);
}

function fieldTypeOf(parent: FieldType | undefined, key: string): FieldType | undefined {
  if (parent?.kind === 'map') return parent.item;
  if (parent?.kind !== 'struct') return undefined;
  return structType(parent.type).fields.get(key)?.type;
}

function retain(target: JsonObject, keys: readonly unknown[]): JsonObject {
  return Object.fromEntries(Object.entries(target).filter(([key]) => keys.includes(key)));
}

function without(value: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
}
