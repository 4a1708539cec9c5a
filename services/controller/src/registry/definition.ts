/** Resource definitions as data: discovery, OpenAPI, tables, selectors and the registry all follow from them. */
import type { KubeObject, ResourceRef, TableCells, TableColumn } from '@svclab/core';
import type { Strategy } from './strategy.ts';

/** How a served version relates to the stored one, for resources that are another's view. */
export interface View {
  /** The resource that is stored. */
  readonly storage: ResourceRef;
  /** Stored form -> served form. */
  toServed(stored: KubeObject): KubeObject;
  /** Served form -> stored form. */
  toStored(served: KubeObject): KubeObject;
}

/** One served resource. */
export interface Definition extends ResourceRef {
  readonly version: string;
  readonly kind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  /** `all` puts it into `kubectl get all`. */
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Has a status subresource. */
  readonly status: boolean;
  /** Has a scale subresource (autoscaling/v1 Scale over `spec.replicas`). */
  readonly scale: boolean;
  /** Name of the field tree the bodies are checked against. */
  readonly schema: string;
  /** A custom resource: clients patch it by merge patch, never by strategic merge patch. */
  readonly custom: boolean;
  readonly columns: readonly TableColumn[];
  /** Cells of one row, in the order of `columns`. */
  cells(object: KubeObject, nowMs: number): TableCells;
  /** Field selectors beyond `metadata.name` and `metadata.namespace`: path -> value. */
  selectable(object: KubeObject): Readonly<Record<string, string>>;
  readonly strategy: Strategy;
  readonly view?: View;
}

/** The definitions, with the look-ups the API needs. */
export interface Definitions {
  readonly all: readonly Definition[];
  /** By group and plural. Fails with an internal error for a resource that is not defined: a fault of the caller's code. */
  of(ref: ResourceRef): Definition;
  find(group: string, version: string, resource: string): Definition | undefined;
  /** By `apiVersion` and kind, as owner references name them. */
  byKind(apiVersion: string, kind: string): Definition | undefined;
}

/** `apps/v1`, `v1`. */
export function apiVersionOf(d: { readonly group: string; readonly version: string }): string {
  return d.group === '' ? d.version : `${d.group}/${d.version}`;
}

/** Puts definitions in order and makes them searchable. */
export function makeDefinitions(all: readonly Definition[]): Definitions {
  const byRef = new Map(all.map((d) => [`${d.group}/${d.resource}`, d]));
  const byPath = new Map(all.map((d) => [`${d.group}/${d.version}/${d.resource}`, d]));
  const byKind = new Map(all.map((d) => [`${apiVersionOf(d)}/${d.kind}`, d]));
  return {
    all,
    of(ref) {
      const found = byRef.get(`${ref.group}/${ref.resource}`);
      if (!found) throw new Error(`Resource ${ref.group}/${ref.resource} has no definition`);
      return found;
    },
    find: (group, version, resource) => byPath.get(`${group}/${version}/${resource}`),
    byKind: (apiVersion, kind) => byKind.get(`${apiVersion}/${kind}`),
  };
}
