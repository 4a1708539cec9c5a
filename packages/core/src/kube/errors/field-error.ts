/** Errors of single fields. Source of kinds and texts: k8s.io/apimachinery `pkg/util/validation/field/errors.go`. */

/** Kind of a field error; the value is the `reason` of its cause in a Status. */
export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError'
  | 'FieldValueTypeInvalid';

const TEXT: Readonly<Record<FieldErrorType, string>> = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  InternalError: 'Internal error',
  FieldValueTypeInvalid: 'Invalid value',
};

/** Kinds whose text does not repeat the value. */
const WITHOUT_VALUE: ReadonlySet<FieldErrorType> = new Set([
  'FieldValueRequired',
  'FieldValueForbidden',
  'FieldValueTooLong',
  'InternalError',
  'FieldValueTypeInvalid',
]);

/** What is wrong with one field. `field` is a path such as `spec.ports[0].name`. */
export interface FieldError {
  readonly type: FieldErrorType;
  readonly field: string;
  readonly value?: unknown;
  readonly detail: string;
}

/** The text without the path: `Invalid value: 0: must be between 1 and 65535, inclusive`. */
export function fieldErrorBody(error: FieldError): string {
  const head = WITHOUT_VALUE.has(error.type) ? TEXT[error.type] : `${TEXT[error.type]}: ${shown(error.value)}`;
  return error.detail === '' ? head : `${head}: ${error.detail}`;
}

/** A value as the API server prints it: texts quoted, lists and maps of texts as Go writes them, the rest as JSON. */
function shown(value: unknown): string {
  const isText = (v: unknown): boolean => typeof v === 'string';
  if (value === undefined || value === null) return 'null';
  if (Array.isArray(value) && value.every(isText)) return `[]string{${value.map((v) => JSON.stringify(v)).join(', ')}}`;
  if (typeof value === 'object' && !Array.isArray(value) && Object.values(value).every(isText))
    return `map[string]string{${Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)
      .join(', ')}}`;
  return JSON.stringify(value);
}

/** The text with the path. */
export function fieldErrorText(error: FieldError): string {
  return `${error.field}: ${fieldErrorBody(error)}`;
}

/** A field has a value that is not allowed. */
export const invalidField = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  value,
  detail,
});

/** A field that must be set is not. */
export const requiredField = (field: string, detail = ''): FieldError => ({
  type: 'FieldValueRequired',
  field,
  detail,
});

/** The same value twice where it must be unique. */
export const duplicateField = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  value,
  detail: '',
});

/** A field may not be set here, or not by this caller. */
export const forbiddenField = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  detail,
});

/** A value outside of an enumeration, which is listed in order. */
export const unsupportedField = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  value,
  detail: supported.length === 0 ? '' : `supported values: ${[...supported].map((s) => JSON.stringify(s)).join(', ')}`,
});

/** A text longer than `limit` bytes. */
export const tooLongField = (field: string, limit: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  detail: `may not be more than ${limit} bytes`,
});

/** A list with `actual` items where `limit` are allowed. */
export const tooManyField = (field: string, actual: number, limit: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  value: actual,
  detail: `must have at most ${limit} items`,
});

/** A reference to something that is not there. */
export const notFoundField = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  value,
  detail: '',
});
