/** Server-side apply. Source: k8s.io/apiserver `pkg/endpoints/handlers/patch.go` (applyPatcher), KEP-0555. */
import {
  type ApiError,
  applyConflict,
  badRequest,
  decode,
  hasReason,
  isJsonObject,
  type JsonObject,
  type KubeObject,
  type ManagedFieldsEntry,
  notFound,
  serverSideApply,
} from '@svclab/core';
import { apiVersionOf, type Definition } from '../registry/definition.ts';
import { timestamp } from '../registry/finish.ts';
import type { Registry, Subresource, WriteOptions } from '../registry/registry.ts';
import { checkIdentity, decodeObject, fieldValidation, parseYamlText } from './decode-body.ts';
import type { Exchange } from './exchange.ts';
import type { Target } from './route.ts';

/** Applies a configuration to an object, making it when it is not there. Fails with 400, 409 with one cause a field, 422. */
export async function applyObject(
  registry: Registry,
  exchange: Exchange,
  target: Target,
  name: string,
  text: string,
  options: WriteOptions & { readonly subresource?: Subresource },
  nowMs: number,
): Promise<{ readonly object: KubeObject; readonly created: boolean }> {
  const { definition, namespace = '' } = target;
  if (!exchange.query.get('fieldManager'))
    throw badRequest(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  const applied = readApplied(exchange, definition, target, name, text);
  const force = ['true', '1'].includes(exchange.query.get('force') ?? '');
  const applier = {
    manager: options.fieldManager ?? '',
    apiVersion: apiVersionOf(definition),
    time: timestamp(nowMs),
    force,
  };
  const write = { ...options, applied: true };
  for (;;) {
    if (!registry.get(definition, namespace, name)) {
      if (options.subresource) throw notFound(definition, name);
      const result = serverSideApply(definition.schema, {}, [], applied as unknown as JsonObject, applier);
      if ('conflicts' in result) throw badRequest('an object that does not exist cannot have conflicts');
      const { metadata } = applied;
      const object = { ...applied, metadata: { ...metadata, managedFields: result.managed } };
      try {
        return { object: await registry.create(definition, object, write), created: true };
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists')) throw error;
        continue;
      }
    }
    const change = (current: KubeObject): KubeObject => {
      const managed = (current.metadata.managedFields ?? []) as readonly ManagedFieldsEntry[];
      const result = serverSideApply(
        definition.schema,
        current as unknown as JsonObject,
        managed,
        applied as unknown as JsonObject,
        applier,
      );
      if ('conflicts' in result) throw conflictError(result.conflicts);
      const object = result.object as unknown as KubeObject;
      return { ...object, metadata: { ...object.metadata, managedFields: keepTimes(result.managed, managed) } };
    };
    try {
      return { object: await registry.modify(definition, namespace, name, change, write), created: false };
    } catch (error) {
      if (!hasReason(error, 'NotFound') || options.subresource) throw error;
    }
  }
}

function readApplied(
  exchange: Exchange,
  definition: Definition,
  target: Target,
  name: string,
  text: string,
): KubeObject {
  const value = parseYamlText(text);
  if (!isJsonObject(value)) throw badRequest('error decoding YAML: an apply patch must be an object');
  const object = decodeObject(definition, value, [], fieldValidation(exchange.query), (t) => exchange.warnings.push(t));
  if (object.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  const own = checkIdentity(object, target.namespace, name);
  const { value: clean } = decode(definition.schema, own);
  return clean as KubeObject;
}

/** An apply that changes nothing keeps the time of the last one, so that it is no write. */
function keepTimes(
  next: readonly ManagedFieldsEntry[],
  before: readonly ManagedFieldsEntry[],
): readonly ManagedFieldsEntry[] {
  return next.map((entry) => {
    const same = before.find(
      (b) =>
        b.manager === entry.manager &&
        b.operation === entry.operation &&
        b.subresource === entry.subresource &&
        JSON.stringify(b.fieldsV1) === JSON.stringify(entry.fieldsV1),
    );
    return same ?? entry;
  });
}

function conflictError(
  conflicts: readonly { manager: string; operation: string; apiVersion: string; field: string }[],
): ApiError {
  const managers = [...new Set(conflicts.map((c) => c.manager))];
  const described = managers.map(
    (m) =>
      `conflict with ${JSON.stringify(m)}: ${conflicts
        .filter((c) => c.manager === m)
        .map((c) => c.field)
        .join(', ')}`,
  );
  const head =
    conflicts.length === 1 ? 'Apply failed with 1 conflict' : `Apply failed with ${conflicts.length} conflicts`;
  const body =
    conflicts.length === 1
      ? (described[0] ?? '')
      : managers
          .map(
            (m) =>
              `conflicts with ${JSON.stringify(m)}:\n${conflicts
                .filter((c) => c.manager === m)
                .map((c) => `- ${c.field}`)
                .join('\n')}`,
          )
          .join('\n');
  return applyConflict(
    `${head}: ${body}`,
    conflicts.map((c) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${JSON.stringify(c.manager)}${c.operation === 'Update' ? ` using ${c.apiVersion}` : ''}`,
      field: c.field,
    })),
  );
}
