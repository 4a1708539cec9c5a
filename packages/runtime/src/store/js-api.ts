import { headers, type NatsConnection, RequestError, TimeoutError } from '@nats-io/transport-node';

/** JetStream's error codes that mean something here (nats-server `server/errors.json`). */
export const JS_ERROR = {
  /** Compare-and-set failed. */
  wrongLastSequence: 10071,
  /** The same, said by a server of a cluster about a write that follows one it has not stored yet. */
  wrongLastSequenceUnknown: 10164,
  streamNotFound: 10059,
  streamNameInUse: 10058,
  messageNotFound: 10037,
} as const;

/** JetStream refused a request. */
export class JsApiError extends Error {
  /** Like an HTTP status: 400, 404, 503. */
  readonly code: number;
  /** See {@link JS_ERROR}. */
  readonly errCode: number;

  constructor(subject: string, error: { code?: number; err_code?: number; description?: string }) {
    super(`JetStream refuses ${subject}: ${error.description ?? 'no description'} (${error.err_code ?? 0})`);
    this.name = 'JsApiError';
    this.code = error.code ?? 0;
    this.errCode = error.err_code ?? 0;
  }

  /** A compare-and-set failed. */
  get isConflict(): boolean {
    return this.errCode === JS_ERROR.wrongLastSequence || this.errCode === JS_ERROR.wrongLastSequenceUnknown;
  }

  /** The sequence a failed compare-and-set found ("wrong last sequence: 7"); undefined for other errors. */
  get lastSequence(): number | undefined {
    const match = this.isConflict ? /wrong last sequence: (\d+)/.exec(this.message) : null;
    return match ? Number(match[1]) : undefined;
  }
}

/** What the other side may do to a message sent to a stream. */
export interface PublishOptions {
  /** Sequence the subject's last message must have; 0: there must be none; undefined: any. */
  readonly expected?: number;
  /** Sequence the whole stream's last message must have; undefined: any. */
  readonly after?: number;
  /** The server stores one message per id (within two minutes) and answers repeats with the first one's sequence. */
  readonly id: string;
  /** Write a deletion marker. */
  readonly remove?: boolean;
  readonly timeoutMs: number;
}

/**
 * A server of a cluster has had a message of this id before and cannot say what became of it: up to nats-server 2.10 the id is noted
 * before the message is agreed on, and stays noted when that refuses it. The answer is then "duplicate, sequence 0".
 */
export class PendingError extends Error {
  constructor(subject: string) {
    super(`JetStream cannot say what became of an earlier try: ${subject}`);
    this.name = 'PendingError';
  }
}

/** A request to JetStream's API. Fails with {@link JsApiError}, or the client's time-out and no-responders errors. */
export async function jsRequest<T>(
  nats: NatsConnection,
  subject: string,
  request: unknown,
  timeoutMs: number,
): Promise<T> {
  const reply = await nats.request(subject, JSON.stringify(request), { timeout: timeoutMs });
  return parse<T>(subject, reply.json());
}

/** Sends a message to a stream; resolves when it is stored. `duplicate`: the server had stored it before, at that sequence. Fails also with {@link PendingError}. */
export async function jsPublish(
  nats: NatsConnection,
  stream: string,
  subject: string,
  data: string,
  options: PublishOptions,
): Promise<{ sequence: number; duplicate: boolean }> {
  const h = headers();
  h.set('Nats-Expected-Stream', stream);
  if (options.expected !== undefined) h.set('Nats-Expected-Last-Subject-Sequence', String(options.expected));
  if (options.after !== undefined) h.set('Nats-Expected-Last-Sequence', String(options.after));
  h.set('Nats-Msg-Id', options.id);
  if (options.remove) h.set('KV-Operation', 'DEL');
  const reply = await nats.request(subject, data, { headers: h, timeout: options.timeoutMs });
  const ack = parse<{ seq: number; duplicate?: boolean }>(subject, reply.json());
  if (ack.duplicate && ack.seq === 0) throw new PendingError(subject);
  return { sequence: ack.seq, duplicate: ack.duplicate ?? false };
}

/**
 * Whether trying again can help: nobody answers (an election, a restart), no answer in time, or "temporarily unavailable".
 * The outcome of such a request is unknown.
 */
export function isTransient(error: unknown): boolean {
  if (isNobodyThere(error) || error instanceof PendingError) return true;
  if (error instanceof JsApiError) return error.code === 503;
  if (error instanceof TimeoutError) return true;
  return error instanceof RequestError && error.cause instanceof TimeoutError;
}

/** True when no server took a request (no leader, no stream yet): it has had no effect. */
export function isNobodyThere(error: unknown): boolean {
  if (error instanceof RequestError) return error.isNoResponders();
  return error instanceof Error && error.name === 'NoRespondersError';
}

function parse<T>(subject: string, answer: unknown): T {
  const { error } = answer as { error?: ConstructorParameters<typeof JsApiError>[1] };
  if (error) throw new JsApiError(subject, error);
  return answer as T;
}
