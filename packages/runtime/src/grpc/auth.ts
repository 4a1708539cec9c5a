import { createHash, timingSafeEqual } from 'node:crypto';
import { type CallContext, ServerError, type ServerMiddlewareCall, Status } from 'nice-grpc-common';

/** Server middleware: a call without the right `authorization: Bearer` token ends with UNAUTHENTICATED. The comparison takes the same time for every token. */
export function requireToken(token: string) {
  const expected = digest(`Bearer ${token}`);
  return async function* authenticate<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | undefined, undefined> {
    const given = context.metadata.get('authorization');
    if (given === undefined) throw new ServerError(Status.UNAUTHENTICATED, 'Bearer token is missing');
    if (!timingSafeEqual(digest(given), expected))
      throw new ServerError(Status.UNAUTHENTICATED, 'Bearer token is not the one of this lab');
    return (yield* call.next(call.request, context)) as Response | undefined;
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
