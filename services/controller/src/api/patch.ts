/** The patch types. Source: k8s.io/apiserver `pkg/endpoints/handlers/patch.go`. */
import {
  ApiError,
  badRequest,
  decode,
  invalid,
  invalidField,
  isJsonObject,
  type JsonObject,
  type KubeObject,
  mergePatch,
  PatchError,
  strategicMergePatch,
  unsupportedMediaType,
} from '@svclab/core';
import { applyPatch, type Operation } from 'rfc6902';
import { apiVersionOf, type Definition } from '../registry/definition.ts';
import { type FieldValidation, parseText, refuseWrongTypes, strictProblems } from './decode-body.ts';

/** Media types of patches. */
export const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** Operations a JSON patch may have. Source: k8s.io/apiserver `pkg/endpoints/handlers/patch.go` (maxJSONPatchOperations). */
const MAX_OPERATIONS = 10_000;

/** A patch that is parsed and waits for its object. */
export interface Patch {
  /** As the client sent it. */
  readonly text: string;
  /** Applies it to an object in the served form. Fails with an ApiError. */
  apply(target: KubeObject): JsonObject;
}

/** Media types a kind takes; custom resources know no strategic merge. */
export function patchTypesOf(definition: Definition): readonly string[] {
  const { json, merge, strategic, apply } = PATCH_TYPES;
  return definition.custom ? [json, merge, apply] : [json, merge, strategic, apply];
}

/** Parses a patch that is no apply patch. Fails with 415, 413, 400. */
export function parsePatch(definition: Definition, type: string, text: string): Patch {
  if (!patchTypesOf(definition).includes(type)) throw unsupportedMediaType(patchTypesOf(definition));
  const { value } = parseText(text, 'application/json');
  if (type === PATCH_TYPES.json) return { text, apply: jsonPatch(value) };
  if (!isJsonObject(value))
    throw badRequest(`error decoding patch: the patch must be an object, not ${JSON.stringify(value)?.slice(0, 40)}`);
  if (type === PATCH_TYPES.merge) return { text, apply: (target) => mergePatch(target, value) as JsonObject };
  return {
    text,
    apply(target) {
      try {
        return strategicMergePatch(definition.schema, target as unknown as JsonObject, value);
      } catch (error) {
        if (error instanceof PatchError) throw badRequest(error.message);
        throw error;
      }
    },
  };
}

function jsonPatch(operations: unknown): Patch['apply'] {
  if (!Array.isArray(operations)) throw badRequest('error decoding patch: a JSON patch must be a list of operations');
  if (operations.length > MAX_OPERATIONS) {
    const message = `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`;
    throw new ApiError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason: 'RequestEntityTooLarge',
      code: 413,
    });
  }
  for (const operation of operations) checkOperation(operation);
  return (target) => {
    const copy = structuredClone(target);
    const failed = applyPatch(copy, structuredClone(operations) as Operation[]).find((e) => e !== null);
    if (failed) {
      const message = `the server rejected our request due to an error in our request: ${failed.message}`;
      throw new ApiError({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message,
        reason: 'Invalid',
        details: {},
        code: 422,
      });
    }
    return copy as unknown as JsonObject;
  };
}

function checkOperation(operation: unknown): void {
  if (!isJsonObject(operation) || typeof operation.op !== 'string' || typeof operation.path !== 'string')
    throw badRequest(`error decoding patch: not an operation of a JSON patch: ${JSON.stringify(operation)}`);
  for (const path of [operation.path, operation.from])
    if (typeof path === 'string' && /\/(__proto__|constructor|prototype)(\/|$)/.test(path))
      throw badRequest(`error decoding patch: path ${JSON.stringify(path)} is not a field`);
}

/** The patched object, its fields checked. Fails with 422 on unknown fields under Strict, 400 or 422 on wrong types. */
export function patchedObject(
  definition: Definition,
  patch: Patch,
  target: KubeObject,
  validation: FieldValidation,
  warn: (text: string) => void,
): KubeObject {
  const value = patch.apply(target);
  const decoded = decode(definition.schema, value);
  const problems = strictProblems(decoded, []);
  const refuse = (text: string): ApiError =>
    invalid({ group: '', kind: '' }, '', [invalidField('patch', patch.text, text)]);
  if (problems.length > 0 && validation === 'Strict') throw refuse(`strict decoding error: ${problems.join(', ')}`);
  if (validation === 'Warn') for (const problem of problems) warn(problem);
  const [wrong] = decoded.problems;
  if (wrong && !definition.custom) throw refuse(wrong.message);
  refuseWrongTypes(definition, decoded, value);
  const object = decoded.value as KubeObject;
  const meta = target.metadata;
  if (object.kind !== definition.kind || object.apiVersion !== apiVersionOf(definition))
    throw badRequest(`the kind and apiVersion of an object may not be patched: ${object.apiVersion}/${object.kind}`);
  if (object.metadata.name !== meta.name)
    throw badRequest(
      `the name of the object (${object.metadata.name}) does not match the name on the URL (${meta.name})`,
    );
  if (object.metadata.namespace !== meta.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  return object;
}
