/** Metadata and label selectors. Source: k8s.io/apimachinery `pkg/api/validation/objectmeta.go`, `pkg/apis/meta/v1/validation`. */
import type { LabelSelector, ObjectMeta, StringMap } from '../../api/meta.ts';
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooLongField,
  unsupportedField,
} from '../errors/field-error.ts';
import { jsonEqual } from '../patch/merge-patch.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkLabelValue, checkQualifiedName, utf8Length } from './names.ts';

/** Bytes that all annotations of an object may have together. */
const ANNOTATION_LIMIT = 256 * 1024;

/** Checks a name against a kind's rule; a generateName is checked as its future names will be. */
export type NameCheck = (name: string) => readonly string[];

/** Checks the metadata of a new or changed object. */
export function validateMeta(
  meta: Partial<ObjectMeta>,
  options: { readonly namespaced: boolean; readonly checkName: NameCheck; readonly path?: string },
): FieldError[] {
  const path = options.path ?? 'metadata';
  const errors: FieldError[] = [];
  if (meta.generateName !== undefined && meta.generateName !== '')
    for (const text of options.checkName(maskTrailingDash(meta.generateName)))
      errors.push(invalidField(`${path}.generateName`, meta.generateName, text));
  if (meta.name === undefined || meta.name === '')
    errors.push(requiredField(`${path}.name`, 'name or generateName is required'));
  else for (const text of options.checkName(meta.name)) errors.push(invalidField(`${path}.name`, meta.name, text));
  if (options.namespaced) {
    if (!meta.namespace) errors.push(requiredField(`${path}.namespace`));
    else
      for (const text of checkDns1123Label(meta.namespace))
        errors.push(invalidField(`${path}.namespace`, meta.namespace, text));
  } else if (meta.namespace) errors.push(forbiddenField(`${path}.namespace`, 'not allowed on this type'));
  errors.push(...validateLabels(meta.labels, `${path}.labels`));
  errors.push(...validateAnnotations(meta.annotations, `${path}.annotations`));
  errors.push(...validateOwners(meta, path));
  for (const [i, finalizer] of (meta.finalizers ?? []).entries())
    for (const text of checkQualifiedName(finalizer))
      errors.push(invalidField(`${path}.finalizers[${i}]`, finalizer, text));
  return errors;
}

function maskTrailingDash(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -1)}a` : prefix;
}

/** Labels of an object. */
export function validateLabels(labels: StringMap | undefined, path: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...checkQualifiedName(key).map((text) => invalidField(path, key, text)),
    ...checkLabelValue(value).map((text) => invalidField(path, value, text)),
  ]);
}

function validateAnnotations(annotations: StringMap | undefined, path: string): FieldError[] {
  let bytes = 0;
  const errors = Object.entries(annotations ?? {}).flatMap(([key, value]) => {
    bytes += utf8Length(key) + utf8Length(value);
    return checkQualifiedName(key.toLowerCase()).map((text) => invalidField(path, key, text));
  });
  return bytes > ANNOTATION_LIMIT ? [...errors, tooLongField(path, ANNOTATION_LIMIT)] : errors;
}

function validateOwners(meta: Partial<ObjectMeta>, path: string): FieldError[] {
  const owners = meta.ownerReferences ?? [];
  const errors = owners.flatMap((owner, i) => {
    const at = `${path}.ownerReferences[${i}]`;
    return [
      ...(owner.apiVersion
        ? []
        : [invalidField(`${at}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty')]),
      ...(owner.kind ? [] : [invalidField(`${at}.kind`, owner.kind ?? '', 'must not be empty')]),
      ...(owner.name ? [] : [invalidField(`${at}.name`, owner.name ?? '', 'must not be empty')]),
      ...(owner.uid ? [] : [invalidField(`${at}.uid`, owner.uid ?? '', 'must not be empty')]),
    ];
  });
  const controllers = owners.filter((o) => o.controller);
  const [first, second] = controllers;
  if (first && second)
    errors.push(
      invalidField(
        `${path}.ownerReferences`,
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${first.name} and ${second.name}`,
      ),
    );
  return errors;
}

/** What an update may not change in the metadata. */
export function validateMetaUpdate(meta: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  const immutable = (field: keyof ObjectMeta): void => {
    if (meta[field] !== old[field]) errors.push(invalidField(`metadata.${field}`, meta[field], 'field is immutable'));
  };
  immutable('name');
  immutable('namespace');
  immutable('uid');
  immutable('creationTimestamp');
  immutable('deletionTimestamp');
  immutable('deletionGracePeriodSeconds');
  if (old.deletionTimestamp) {
    const added = (meta.finalizers ?? []).filter((f) => !(old.finalizers ?? []).includes(f));
    if (added.length > 0)
      errors.push(
        forbiddenField(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(', ')}}`,
        ),
      );
  }
  return errors;
}

/** A metav1.LabelSelector. */
export function validateSelector(selector: LabelSelector, path: string): FieldError[] {
  const labels = Object.entries(selector.matchLabels ?? {}).flatMap(([key, value]) => [
    ...checkQualifiedName(key).map((text) => invalidField(`${path}.matchLabels`, key, text)),
    ...checkLabelValue(value).map((text) => invalidField(`${path}.matchLabels`, value, text)),
  ]);
  const expressions = (selector.matchExpressions ?? []).flatMap((e, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    const errors = checkQualifiedName(e.key ?? '').map((text) => invalidField(`${at}.key`, e.key, text));
    switch (e.operator) {
      case 'In':
      case 'NotIn':
        if ((e.values ?? []).length === 0)
          errors.push(requiredField(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
        break;
      case 'Exists':
      case 'DoesNotExist':
        if ((e.values ?? []).length > 0)
          errors.push(
            forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
          );
        break;
      default:
        errors.push(invalidField(`${at}.operator`, e.operator, 'not a valid selector operator'));
    }
    for (const [j, value] of (e.values ?? []).entries())
      for (const text of checkLabelValue(value)) errors.push(invalidField(`${at}.values[${j}]`, value, text));
    return errors;
  });
  return [...labels, ...expressions];
}

/** Refuses any change of a value. */
export function immutableField(next: unknown, old: unknown, path: string, detail = 'field is immutable'): FieldError[] {
  return jsonEqual(next, old) ? [] : [invalidField(path, next, detail)];
}

/** Checks a value against an enumeration; unset passes. */
export function oneOf(value: string | undefined, allowed: readonly string[], path: string): FieldError[] {
  return value === undefined || allowed.includes(value) ? [] : [unsupportedField(path, value, allowed)];
}

/** Refuses negative numbers; unset passes. */
export function notNegative(value: number | undefined, path: string): FieldError[] {
  return value === undefined || value >= 0 ? [] : [invalidField(path, value, 'must be greater than or equal to 0')];
}

/** Most kinds' names are RFC 1123 subdomains. */
export const subdomainName: NameCheck = checkDns1123Subdomain;
