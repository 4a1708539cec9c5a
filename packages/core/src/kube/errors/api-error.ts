/** API errors as metav1.Status. Source of codes, reasons and texts: k8s.io/apimachinery `pkg/api/errors/errors.go`. */
import type { ResourceRef } from '../../store/key.ts';
import { type FieldError, fieldErrorBody, fieldErrorText } from './field-error.ts';

/** One part of what is wrong. */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** metav1.Status, the body of every answer that is no object. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly causes?: readonly StatusCause[];
    readonly retryAfterSeconds?: number;
  };
  /** HTTP status code. */
  readonly code?: number;
}

/** A request failed; `status` is the whole answer. */
export class ApiError extends Error {
  readonly status: Status;
  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? 'Request failed', options);
    this.name = 'ApiError';
    this.status = status;
  }
  /** HTTP status code. */
  get code(): number {
    return this.status.code ?? 500;
  }
  /** `NotFound`, `Conflict`, `Invalid` ... */
  get reason(): string {
    return this.status.reason ?? '';
  }
}

/** True when `error` is an {@link ApiError} with this reason. */
export function hasReason(error: unknown, reason: string): error is ApiError {
  return error instanceof ApiError && error.reason === reason;
}

function failure(
  code: number,
  reason: string,
  message: string,
  details?: Status['details'],
  cause?: unknown,
): ApiError {
  return new ApiError(
    {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details ? { details } : {}),
      code,
    },
    cause === undefined ? undefined : { cause },
  );
}

/** `pods`, `deployments.apps`: a resource or kind with its group, as error texts name it. */
export function qualified(group: string, name: string): string {
  return group === '' ? name : `${name}.${group}`;
}

const detailsOf = (ref: ResourceRef, name: string): NonNullable<Status['details']> => ({
  ...(name === '' ? {} : { name }),
  ...(ref.group === '' ? {} : { group: ref.group }),
  kind: ref.resource,
});

/** 404: the object does not exist. */
export const notFound = (ref: ResourceRef, name: string): ApiError =>
  failure(404, 'NotFound', `${qualified(ref.group, ref.resource)} "${name}" not found`, detailsOf(ref, name));

/** 404: the server has no such resource or path. */
export const unknownPath = (): ApiError =>
  failure(404, 'NotFound', 'the server could not find the requested resource', {});

/** 409: the name is taken. */
export const alreadyExists = (ref: ResourceRef, name: string): ApiError =>
  failure(409, 'AlreadyExists', `${qualified(ref.group, ref.resource)} "${name}" already exists`, detailsOf(ref, name));

/** 409: the object changed since it was read, or a precondition does not hold. */
export const conflict = (
  ref: ResourceRef,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
): ApiError =>
  failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(ref.group, ref.resource)} "${name}": ${why}`,
    detailsOf(ref, name),
  );

/** 409: server-side apply would take fields that others manage. */
export const applyConflict = (message: string, causes: readonly StatusCause[]): ApiError =>
  failure(409, 'Conflict', message, { causes });

/** 422: fields are wrong; one cause for each. */
export const invalid = (
  kind: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): ApiError => {
  const texts = [...new Set(errors.map(fieldErrorText))];
  return failure(
    422,
    'Invalid',
    `${qualified(kind.group, kind.kind)} ${JSON.stringify(name)} is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`,
    {
      ...(name === '' ? {} : { name }),
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.kind,
      causes: errors.map((e) => ({ reason: e.type, message: fieldErrorBody(e), field: e.field })),
    },
  );
};

/** 400: the request makes no sense. */
export const badRequest = (message: string): ApiError => failure(400, 'BadRequest', message);

/** 401: no token, or a wrong one. */
export const unauthorized = (): ApiError => failure(401, 'Unauthorized', 'Unauthorized');

/** 403: the caller is known and may not do this. `message` replaces the usual text. */
export const forbidden = (ref: ResourceRef, name: string, why: string, message?: string): ApiError =>
  failure(
    403,
    'Forbidden',
    message ??
      `${qualified(ref.group, ref.resource)}${name === '' ? '' : ` ${JSON.stringify(name)}`} is forbidden: ${why}`,
    detailsOf(ref, name),
  );

/** 405: the resource does not know the verb. */
export const methodNotSupported = (): ApiError =>
  failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

/** 406: none of the representations asked for can be had. */
export const notAcceptable = (supported: readonly string[]): ApiError =>
  failure(406, 'NotAcceptable', `only the following media types are accepted: ${supported.join(', ')}`);

/** 408: the body did not arrive in time. */
export const requestTimeout = (message: string): ApiError => failure(408, 'Timeout', message);

/** 410: the resourceVersion, or the continue token, is older than what is kept. */
export const expired = (message: string): ApiError => failure(410, 'Expired', message);

/** 413: the body, or the object, is too large. */
export const tooLarge = (limit: number): ApiError =>
  failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);

/** 415: the body's media type is not understood. */
export const unsupportedMediaType = (accepted: readonly string[]): ApiError =>
  failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

/** 429: too many at once; try again. */
export const tooManyRequests = (message: string, retryAfterSeconds = 1): ApiError =>
  failure(429, 'TooManyRequests', message, { retryAfterSeconds });

/** 500: what should not happen; `cause` keeps the error for the log. */
export const internalError = (message: string, cause?: unknown): ApiError =>
  failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] }, cause);

/** 503: the store cannot be reached. `retryAfterSeconds`: it may soon be. */
export const serviceUnavailable = (message: string, retryAfterSeconds?: number): ApiError =>
  failure(503, 'ServiceUnavailable', message, retryAfterSeconds === undefined ? undefined : { retryAfterSeconds });

/** 504: a resourceVersion of the future has been asked for. */
export const tooLargeResourceVersion = (asked: number, current: number): ApiError =>
  failure(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });

/** 504: the operation took too long; its outcome is unknown. */
export const timedOut = (message: string): ApiError => failure(504, 'Timeout', message, { retryAfterSeconds: 1 });

/** A successful Status, the answer to a delete that is complete. */
export const success = (details?: Status['details']): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...(details ? { details } : {}),
});
