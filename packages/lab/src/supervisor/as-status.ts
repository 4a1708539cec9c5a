import { ServerError, Status } from '@svclab/runtime';
import { LabError } from '../state/errors.ts';

/** Errors a user can mend cross the socket as INVALID_ARGUMENT, others as they are. */
export async function asStatus<T>(fn: () => Promise<T> | T): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    if (error instanceof LabError) throw new ServerError(Status.INVALID_ARGUMENT, error.message);
    throw error;
  }
}

/** As {@link asStatus}, for a stream. */
export async function* execAsStatus<T>(stream: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* stream;
  } catch (error) {
    if (error instanceof LabError) throw new ServerError(Status.INVALID_ARGUMENT, error.message);
    throw error;
  }
}
