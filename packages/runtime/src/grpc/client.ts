import { Channel, ChannelCredentials } from '@grpc/grpc-js';
import { type Client, type CompatServiceDefinition, createClientFactory } from 'nice-grpc';
import { type CallOptions, ClientError, type ClientMiddlewareCall, Metadata, Status } from 'nice-grpc-common';
import { grpcTarget, KEEPALIVE, PATIENT_KEEPALIVE } from './target.ts';

/** What every call of a client carries. */
export interface GrpcClientOptions {
  /** Bearer token of the lab. */
  readonly token: string;
  /** Who calls; shown in the user agent. */
  readonly service?: string;
  /** Take a peer that is silent for less than 30 s for busy, not for gone. */
  readonly patient?: boolean;
}

/** Options one call may have besides `signal` and `metadata`. */
export interface GrpcCallOptions {
  /** The call fails with DEADLINE_EXCEEDED after this long. Without it a call to a silent peer waits for the keepalive to give up (3 s). */
  readonly timeoutMs?: number;
}

/** A client and the end of its connection. */
export type GrpcClient<Definition extends CompatServiceDefinition> = Client<Definition, GrpcCallOptions> & {
  close(): void;
};

/**
 * A client of one service. Connects at the first call and again after a loss, waiting 50 ms at first and 1 s at most between tries;
 * a call made meanwhile fails with UNAVAILABLE. Errors are nice-grpc's `ClientError` with `code` and `details`.
 * @param address `unix:/path` or `ip:port`
 */
export function grpcClient<Definition extends CompatServiceDefinition>(
  definition: Definition,
  address: string,
  options: GrpcClientOptions,
): GrpcClient<Definition> {
  const channel = new Channel(grpcTarget(address), ChannelCredentials.createInsecure(), {
    ...(options.patient ? PATIENT_KEEPALIVE : KEEPALIVE),
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 1000,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.primary_user_agent': options.service ?? 'svclab',
  });
  const client = createClientFactory().use(attachToken(options.token)).create(definition, channel);
  return Object.assign(client, { close: () => channel.close() }) as GrpcClient<Definition>;
}

function attachToken(token: string) {
  return async function* attach<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions & Partial<GrpcCallOptions>,
  ): AsyncGenerator<Response, Response | undefined, undefined> {
    const { timeoutMs, ...rest } = options;
    const metadata = Metadata(options.metadata).set('authorization', `Bearer ${token}`);
    if (timeoutMs === undefined) return (yield* call.next(call.request, { ...rest, metadata })) as Response | undefined;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = rest.signal ? AbortSignal.any([rest.signal, timeout]) : timeout;
    try {
      return (yield* call.next(call.request, { ...rest, metadata, signal })) as Response | undefined;
    } catch (error) {
      if (!timeout.aborted || rest.signal?.aborted) throw error;
      throw new ClientError(call.method.path, Status.DEADLINE_EXCEEDED, `No answer within ${timeoutMs} ms`);
    }
  };
}
