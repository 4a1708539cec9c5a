import { ServerError, Status } from '@svclab/runtime';
import { LabError } from '../state/errors.ts';

/** Bad input crosses the socket as INVALID_ARGUMENT, what the machine lacks as FAILED_PRECONDITION, other errors as they are. */
export async function asStatus<T>(fn: () => Promise<T> | T): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    throw statusOf(error);
  }
}

/** As {@link asStatus}, for a stream. */
export async function* execAsStatus<T>(stream: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* stream;
  } catch (error) {
    throw statusOf(error);
  }
}

function statusOf(error: unknown): unknown {
  if (!(error instanceof LabError)) return error;
  return new ServerError(error.exitCode === 4 ? Status.FAILED_PRECONDITION : Status.INVALID_ARGUMENT, error.message);
}
