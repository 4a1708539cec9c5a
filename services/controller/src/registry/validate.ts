import {
  type FieldError,
  invalid,
  type KubeObject,
  subdomainName,
  validateMeta,
  validateMetaUpdate,
} from '@svclab/core';
import type { Definition } from './definition.ts';
import type { Subresource } from './registry.ts';

/** Events have names that are made of others' names; only what a path can hold is asked of them. */
const pathSegmentName = (name: string): string[] =>
  name === '.' || name === '..'
    ? [`may not be '${name}'`]
    : [...'/%'].filter((c) => name.includes(c)).map((c) => `may not contain '${c}'`);

function metaErrors(definition: Definition, object: KubeObject): FieldError[] {
  const checkName =
    definition.kind === 'Event'
      ? pathSegmentName
      : (name: string) => definition.strategy.checkName?.(name) ?? subdomainName(name);
  return validateMeta(object.metadata, { namespaced: definition.namespaced, checkName });
}

function refuse(definition: Definition, object: KubeObject, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(definition, object.metadata.name, errors);
}

/** Checks a new object. Fails with Invalid. */
export function check(definition: Definition, object: KubeObject): void {
  refuse(definition, object, [...metaErrors(definition, object), ...(definition.strategy.validate?.(object) ?? [])]);
}

/** Checks a changed object. Fails with Invalid. */
export function checkUpdate(
  definition: Definition,
  object: KubeObject,
  old: KubeObject,
  subresource: Subresource | undefined,
): void {
  const { strategy } = definition;
  const meta = validateMetaUpdate(object.metadata, old.metadata);
  if (subresource === 'status') {
    refuse(definition, object, [...meta, ...(strategy.validateStatus?.(object, old) ?? [])]);
    return;
  }
  const known = new Set(meta.map((e) => e.field));
  refuse(definition, object, [
    ...meta,
    ...metaErrors(definition, object).filter((e) => !known.has(e.field)),
    ...(strategy.validateUpdate?.(object, old) ?? []),
    ...(strategy.validate?.(object) ?? []),
  ]);
}
