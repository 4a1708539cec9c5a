/** Rules of ConfigMaps and Secrets. Source of rules and texts: kubernetes `pkg/apis/core/validation/validation.go`. */
import type { ConfigMap, Secret } from '../../api/core.ts';
import { type FieldError, forbiddenField, invalidField } from '../errors/field-error.ts';
import { jsonEqual } from '../patch/merge-patch.ts';
import { immutableField } from './meta.ts';
import { checkConfigKey, utf8Length } from './names.ts';

/** Bytes the values of a ConfigMap or Secret may have together. */
const DATA_LIMIT = 1024 * 1024;

/** Checks a ConfigMap. */
export function validateConfigMap(map: ConfigMap): FieldError[] {
  const texts = map.data ?? {};
  const binary = map.binaryData ?? {};
  const size = [...Object.values(texts), ...Object.values(binary)].reduce((sum, v) => sum + utf8Length(v), 0);
  return [
    ...keyErrors(texts, 'data'),
    ...keyErrors(binary, 'binaryData'),
    ...Object.keys(binary)
      .filter((key) => Object.hasOwn(texts, key))
      .map((key) => invalidField(`data[${key}]`, key, 'duplicate of key present in binaryData')),
    ...(size > DATA_LIMIT
      ? [{ type: 'FieldValueTooLong' as const, field: '', detail: `may not be more than ${DATA_LIMIT} bytes` }]
      : []),
  ];
}

function keyErrors(values: Readonly<Record<string, string>>, path: string): FieldError[] {
  return Object.keys(values).flatMap((key) => checkConfigKey(key).map((t) => invalidField(`${path}[${key}]`, key, t)));
}

/** What an update may not change once `immutable` is set. */
export function validateConfigMapUpdate(next: ConfigMap, old: ConfigMap): FieldError[] {
  return immutableErrors(next, old, ['data', 'binaryData']);
}

/** Checks a Secret. */
export function validateSecret(secret: Secret): FieldError[] {
  const data = secret.data ?? {};
  const size = Object.values(data).reduce((sum, v) => sum + Math.floor((v.length * 3) / 4), 0);
  return [
    ...keyErrors(data, 'data'),
    ...(size > DATA_LIMIT
      ? [{ type: 'FieldValueTooLong' as const, field: 'data', detail: `may not be more than ${DATA_LIMIT} bytes` }]
      : []),
  ];
}

/** What an update of a Secret may not change. */
export function validateSecretUpdate(next: Secret, old: Secret): FieldError[] {
  return [...immutableField(next.type, old.type, 'type'), ...immutableErrors(next, old, ['data'])];
}

function immutableErrors<T extends ConfigMap | Secret>(next: T, old: T, fields: readonly string[]): FieldError[] {
  if (!old.immutable) return [];
  const text = 'field is immutable when `immutable` is set';
  const value = (object: T, field: string): unknown => (object as unknown as Record<string, unknown>)[field];
  return [
    ...(next.immutable ? [] : [forbiddenField('immutable', text)]),
    ...fields.filter((f) => !jsonEqual(value(next, f) ?? {}, value(old, f) ?? {})).map((f) => forbiddenField(f, text)),
  ];
}
