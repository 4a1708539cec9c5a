import { encodeKey, type KubeObject, type ObjectKey, STORE_OBJECT_LIMIT, TooLargeError } from '@svclab/core';

/** One try of a write waits this long for its answer. */
export const TRY_MS = 1000;
/** A write as a whole gives up after this long; its outcome is then unknown. */
export const WRITE_MS = 5000;
/** A write that no server has even taken is given up after this long: it is certain not to be stored. */
export const UNTAKEN_MS = 2000;
/** Longest wait for this process's own copy to contain a write. */
export const SEEN_MS = 5000;
export const RETRY_MS = 100;

/** An object as it is stored. Fails with {@link TooLargeError}. */
export function serialize(key: ObjectKey, object: KubeObject): string {
  const json = JSON.stringify(object);
  const bytes = Buffer.byteLength(json);
  if (bytes > STORE_OBJECT_LIMIT) throw new TooLargeError(encodeKey(key), bytes, STORE_OBJECT_LIMIT);
  return json;
}
