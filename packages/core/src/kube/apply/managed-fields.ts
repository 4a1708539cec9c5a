/** Who manages which fields. Source: k8s.io/apimachinery `pkg/util/managedfields`, KEP-0555. */
import type { JsonObject } from '../patch/merge-patch.ts';
import {
  type FieldSet,
  fieldsOfObject,
  intersectFields,
  isEmptySet,
  leafPaths,
  subtractFields,
  unionFields,
} from './field-set.ts';
import { applyMerge, removeFields } from './merge.ts';

/** metav1.ManagedFieldsEntry. */
export interface ManagedFieldsEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: FieldSet;
  readonly subresource?: string;
}

/** Who applies. */
export interface Applier {
  readonly manager: string;
  readonly apiVersion: string;
  readonly time: string;
  readonly force: boolean;
}

/** A field that an applier wants to set otherwise than its manager did. */
export interface ApplyConflict {
  readonly manager: string;
  readonly operation: string;
  readonly apiVersion: string;
  readonly field: string;
}

/** Result of an apply: the object, or why not. */
export type Applied =
  | { readonly object: JsonObject; readonly managed: readonly ManagedFieldsEntry[] }
  | { readonly conflicts: readonly ApplyConflict[] };

/**
 * Applies a configuration: takes over what it sets, drops what the same applier set before and no longer sets.
 * Conflicts are fields that others manage with another value; with `force` they are taken.
 */
export function serverSideApply(
  type: string,
  live: JsonObject,
  managed: readonly ManagedFieldsEntry[],
  applied: JsonObject,
  applier: Applier,
): Applied {
  const wanted = fieldsOfObject(type, applied);
  const isOwn = (e: ManagedFieldsEntry): boolean => e.manager === applier.manager && e.operation === 'Apply';
  const own = managed.find(isOwn)?.fieldsV1 ?? {};
  const others = managed.filter((e) => !isOwn(e));
  const merged = applyMerge(type, live, applied);
  const changed = changedFields(type, live, merged);
  const contested = intersectFields(wanted, changed);
  const conflicts = others.flatMap((entry) =>
    leafPaths(intersectFields(contested, entry.fieldsV1)).map((field) => ({
      manager: entry.manager,
      operation: entry.operation,
      apiVersion: entry.apiVersion,
      field,
    })),
  );
  if (conflicts.length > 0 && !applier.force) return { conflicts };
  const heldByOthers = others.reduce<FieldSet>((set, e) => unionFields(set, e.fieldsV1), {});
  const givenUp = subtractFields(subtractFields(own, wanted), heldByOthers);
  const object = removeFields(type, merged, givenUp);
  const remaining = others
    .map((e) => ({ ...e, fieldsV1: subtractFields(e.fieldsV1, contested) }))
    .filter((e) => !isEmptySet(e.fieldsV1));
  const { manager, apiVersion, time } = applier;
  const entry: ManagedFieldsEntry = {
    manager,
    operation: 'Apply',
    apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: wanted,
  };
  return { object, managed: [entry, ...remaining] };
}

/** Fields whose values differ between two states of an object. */
export function changedFields(type: string, before: JsonObject, after: JsonObject): FieldSet {
  const a = valuesByPath(type, before);
  const b = valuesByPath(type, after);
  const differs = (path: string): boolean => a.get(path) !== b.get(path);
  const keep = (set: FieldSet, prefix: string): FieldSet => {
    const result: Record<string, FieldSet> = {};
    for (const [key, child] of Object.entries(set)) {
      const path = `${prefix}/${key}`;
      if (Object.keys(child).length === 0) {
        if (key !== '.' && differs(path)) result[key] = {};
        continue;
      }
      const rest = keep(child, path);
      if (Object.keys(rest).length > 0) result[key] = rest;
    }
    return result;
  };
  return keep(unionFields(fieldsOfObject(type, before), fieldsOfObject(type, after)), '');
}

/** JSON of each leaf by its path in the field set. */
function valuesByPath(type: string, object: JsonObject): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const walk = (set: FieldSet, value: unknown, prefix: string): void => {
    for (const [key, child] of Object.entries(set)) {
      if (key === '.') continue;
      const item = pick(value, key);
      const path = `${prefix}/${key}`;
      if (Object.keys(child).length === 0) values.set(path, canonical(item));
      else walk(child, item, path);
    }
  };
  walk(fieldsOfObject(type, object), object, '');
  return values;
}

function pick(value: unknown, key: string): unknown {
  if (key.startsWith('f:')) return (value as JsonObject | undefined)?.[key.slice(2)];
  if (!Array.isArray(value)) return undefined;
  if (key.startsWith('v:')) return value.find((v) => JSON.stringify(v) === key.slice(2));
  const wanted = Object.entries(JSON.parse(key.slice(2)) as JsonObject);
  return value.find((v: JsonObject) =>
    wanted.every(([k, x]) => (v[k] ?? (k === 'protocol' ? 'TCP' : undefined)) === x),
  );
}

/** JSON with sorted keys, so that equal values have equal texts. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
}

/** Managed fields after an ordinary write: the writer manages what it changed, and nobody what is gone. */
export function recordUpdate(
  type: string,
  before: JsonObject,
  after: JsonObject,
  managed: readonly ManagedFieldsEntry[],
  writer: {
    readonly manager: string;
    readonly apiVersion: string;
    readonly time: string;
    readonly subresource?: string;
  },
): readonly ManagedFieldsEntry[] {
  const changed = changedFields(type, before, after);
  if (isEmptySet(changed)) return managed;
  const present = fieldsOfObject(type, after);
  const set = intersectFields(changed, present);
  const isOwn = (e: ManagedFieldsEntry): boolean =>
    e.manager === writer.manager && e.operation === 'Update' && e.subresource === writer.subresource;
  const own = managed.find(isOwn);
  const others = managed
    .filter((e) => !isOwn(e))
    .map((e) => ({ ...e, fieldsV1: subtractFields(e.fieldsV1, changed) }))
    .filter((e) => !isEmptySet(e.fieldsV1));
  const fieldsV1 = intersectFields(unionFields(own?.fieldsV1 ?? {}, set), present);
  if (isEmptySet(fieldsV1)) return others;
  const { manager, apiVersion, time, subresource } = writer;
  const entry: ManagedFieldsEntry = {
    manager,
    operation: 'Update',
    apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource === undefined ? {} : { subresource }),
  };
  return [...others, entry];
}
