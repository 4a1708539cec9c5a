import { type JsonObject, type KubeObject, type ManagedFieldsEntry, recordUpdate } from '@svclab/core';
import { apiVersionOf, type Definition } from './definition.ts';
import { timestamp } from './finish.ts';
import type { Subresource, WriteOptions } from './registry.ts';

/**
 * The object with its `metadata.managedFields` after an ordinary write; a server-side apply has computed them already.
 * @param before the state that is replaced; undefined for a new object
 */
export function recordManagers(
  definition: Definition,
  before: KubeObject | undefined,
  after: KubeObject,
  options: WriteOptions & { readonly subresource?: Subresource },
  nowMs: number,
): KubeObject {
  if (options.applied) return after;
  const old = (before?.metadata.managedFields ?? []) as readonly ManagedFieldsEntry[];
  const { managedFields: _given, ...metadata } = after.metadata;
  const { fieldManager: manager, subresource } = options;
  const plain = (object: KubeObject | undefined) => (object ?? {}) as unknown as JsonObject;
  const managed =
    manager === undefined || definition.kind === 'Event'
      ? old
      : recordUpdate(definition.schema, plain(before), plain(after), old, {
          manager,
          apiVersion: apiVersionOf(definition),
          time: timestamp(nowMs),
          ...(subresource === undefined ? {} : { subresource }),
        });
  return { ...after, metadata: { ...metadata, ...(managed.length > 0 ? { managedFields: managed } : {}) } };
}
