import {
  AlreadyExistsError,
  ApiError,
  alreadyExists,
  ConflictError,
  conflict,
  internalError,
  NotFoundError,
  notFound,
  type ResourceRef,
  StoreError,
  serviceUnavailable,
  TimeoutError,
  TooLargeError,
  timedOut,
  tooLarge,
  UnavailableError,
} from '@svclab/core';

/** True when a write was refused because another writer came first: read again and repeat. */
export function isStale(error: unknown): boolean {
  return error instanceof ConflictError || (error instanceof ApiError && error.cause instanceof ConflictError);
}

/** The answer to a failed store operation. */
export function toApiError(error: unknown, ref: ResourceRef, name: string): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof AlreadyExistsError) return alreadyExists(ref, name);
  if (error instanceof NotFoundError) return notFound(ref, name);
  if (error instanceof ConflictError) return new ApiError(conflict(ref, name).status, { cause: error });
  if (error instanceof TooLargeError) return tooLarge(3 * 1024 * 1024);
  if (error instanceof TimeoutError) return timedOut(`the store did not answer in time: ${error.message}`);
  if (error instanceof UnavailableError) return serviceUnavailable(`nothing was written: ${error.message}`, 1);
  if (error instanceof StoreError) return serviceUnavailable(`the store cannot be used: ${error.message}`);
  return internalError((error as Error).message ?? String(error), error);
}
