import { rmSync } from 'node:fs';
import { type CompatServiceDefinition, createServer, type ServiceImplementation } from 'nice-grpc';
import { type CallContext, ServerError, type ServerMiddlewareCall, Status } from 'nice-grpc-common';
import type { Logger } from '../process/log.ts';
import { requireToken } from './auth.ts';
import { grpcTarget, KEEPALIVE, PATIENT_KEEPALIVE } from './target.ts';

/** Where and for whom to serve. */
export interface GrpcServerOptions {
  /** `unix:/path` or `ip:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Bearer token every call must carry. */
  readonly token: string;
  readonly log: Logger;
  /** Take a caller that is silent for less than 30 s for busy, not for gone. */
  readonly patient?: boolean;
}

/** A server that listens. */
export interface GrpcServer {
  /** The TCP port it listens on; 0 on a Unix socket. */
  readonly port: number;
  /** Stops taking calls, gives the running ones 300 ms, then cancels them. */
  close(): Promise<void>;
}

/** A service definition of `@svclab/wire` and what implements it. */
export type GrpcService<Definition extends CompatServiceDefinition> = readonly [
  definition: Definition,
  implementation: ServiceImplementation<Definition>,
];

/**
 * Serves gRPC on a Unix socket (a stale one is replaced) or a TCP port.
 * A handler's `ServerError` reaches the caller as it is; any other error is logged and becomes INTERNAL with its message.
 * Rejects when the address cannot be taken.
 */
export async function serveGrpc<const Definitions extends readonly CompatServiceDefinition[]>(
  options: GrpcServerOptions,
  services: { readonly [I in keyof Definitions]: GrpcService<Definitions[I]> },
): Promise<GrpcServer> {
  const server = createServer(options.patient ? PATIENT_KEEPALIVE : KEEPALIVE)
    .use(reportErrors(options.log))
    .use(requireToken(options.token));
  for (const [definition, implementation] of services as readonly GrpcService<CompatServiceDefinition>[])
    server.add(definition, implementation);
  if (options.listen.startsWith('unix:')) rmSync(options.listen.replace(/^unix:(\/\/)?/, ''), { force: true });
  const port = await server.listen(grpcTarget(options.listen));
  options.log.info({ event: 'grpc-listening', address: options.listen, port });
  return {
    port: options.listen.startsWith('unix:') ? 0 : port,
    async close() {
      const timer = setTimeout(() => server.forceShutdown(), 300);
      await server.shutdown().finally(() => clearTimeout(timer));
    },
  };
}

function reportErrors(log: Logger) {
  return async function* report<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | undefined, undefined> {
    try {
      return (yield* call.next(call.request, context)) as Response | undefined;
    } catch (error) {
      if (error instanceof ServerError || (error as Error)?.name === 'AbortError') throw error;
      log.error({ event: 'grpc-handler-failed', method: call.method.path, err: error });
      throw new ServerError(Status.INTERNAL, error instanceof Error ? error.message : String(error));
    }
  };
}
