import type { NatsConnection } from '@nats-io/transport-node';
import { BUCKET } from '@svclab/core';
import { JS_ERROR, JsApiError, jsRequest } from './js-api.ts';

/** Name of the bucket's stream. */
export const STREAM = `KV_${BUCKET}`;
/** What the bucket's subjects start with. */
export const SUBJECT_PREFIX = `$KV.${BUCKET}.`;

/** What a stream says about itself. */
export interface StreamInfo {
  /** When it was made: two streams of one name differ in it. It survives restarts of the server. */
  readonly created: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Servers that keep it. */
  readonly replicas: number;
}

interface StreamInfoReply {
  readonly created: string;
  readonly config: { readonly num_replicas?: number };
  readonly state: { readonly first_seq: number; readonly last_seq: number };
}

/** The stream as it is now; undefined when there is none. Fails when the server does not answer in time. */
export async function readStream(nats: NatsConnection, timeoutMs: number): Promise<StreamInfo | undefined> {
  try {
    return toInfo(await jsRequest<StreamInfoReply>(nats, `$JS.API.STREAM.INFO.${STREAM}`, {}, timeoutMs));
  } catch (error) {
    if (error instanceof JsApiError && error.errCode === JS_ERROR.streamNotFound) return undefined;
    throw error;
  }
}

/**
 * Makes the bucket's stream: the layout of a NATS KV bucket (ADR-8 of nats-architecture-and-design) with one value per key, on the disks
 * of `replicas` servers. A stream that another made meanwhile is as good. Fails while too few servers are there or they have no leader.
 */
export async function createStream(nats: NatsConnection, replicas: number, timeoutMs: number): Promise<StreamInfo> {
  const config = {
    name: STREAM,
    subjects: [`${SUBJECT_PREFIX}>`],
    retention: 'limits',
    discard: 'new',
    storage: 'file',
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msg_size: -1,
    max_consumers: -1,
    duplicate_window: 120_000_000_000,
    deny_delete: true,
    allow_rollup_hdrs: true,
    allow_direct: true,
  };
  try {
    return toInfo(await jsRequest<StreamInfoReply>(nats, `$JS.API.STREAM.CREATE.${STREAM}`, config, timeoutMs));
  } catch (error) {
    const present = error instanceof JsApiError && error.errCode === JS_ERROR.streamNameInUse;
    const info = present ? await readStream(nats, timeoutMs) : undefined;
    if (!info) throw error;
    return info;
  }
}

/** Drops everything stored for a key before `sequence`: with the deletion marker's sequence plus one, the marker, and never a newer value. */
export async function purgeBefore(
  nats: NatsConnection,
  key: string,
  sequence: number,
  timeoutMs: number,
): Promise<void> {
  const request = { filter: SUBJECT_PREFIX + key, seq: sequence };
  await jsRequest(nats, `$JS.API.STREAM.PURGE.${STREAM}`, request, timeoutMs);
}

/** The last message of a key: its sequence and the id it was written with. Undefined when there is none. */
export async function readLast(
  nats: NatsConnection,
  key: string,
  timeoutMs: number,
): Promise<{ sequence: number; id: string | undefined } | undefined> {
  try {
    const { message } = await jsRequest<{ message: { seq: number; hdrs?: string } }>(
      nats,
      `$JS.API.STREAM.MSG.GET.${STREAM}`,
      { last_by_subj: SUBJECT_PREFIX + key },
      timeoutMs,
    );
    const text = Buffer.from(message.hdrs ?? '', 'base64').toString();
    return { sequence: message.seq, id: /^Nats-Msg-Id: *(.+?)\r?$/im.exec(text)?.[1] };
  } catch (error) {
    if (error instanceof JsApiError && error.errCode === JS_ERROR.messageNotFound) return undefined;
    throw error;
  }
}

function toInfo(reply: StreamInfoReply): StreamInfo {
  return {
    created: reply.created,
    firstSequence: reply.state.first_seq,
    lastSequence: reply.state.last_seq,
    replicas: reply.config.num_replicas ?? 1,
  };
}
