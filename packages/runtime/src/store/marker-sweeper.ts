import type { Cancel, Clock } from '@svclab/core';
import type { Bus } from '../bus/bus.ts';
import type { Logger } from '../process/log.ts';
import { purgeBefore } from './bucket.ts';
import { RESUME_LIMIT_MS } from './watch-feed.ts';

/** Deletion markers live this long: twice as long as a reader may be out of touch and still resume. */
const KEEP_MS = 2 * RESUME_LIMIT_MS;
const SWEEP_MS = 30_000;
const REQUEST_MS = 2000;

/**
 * Drops old deletion markers from the bucket, so that it does not grow with every pod and Event that ever was.
 * Age counts from when this process saw the marker, by the monotonic clock: a restart only makes them live longer.
 */
export class MarkerSweeper {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** encoded key -> its marker */
  readonly #markers = new Map<string, { readonly sequence: number; readonly seenMs: number }>();
  readonly #cancel: Cancel;
  #sweeping = false;

  constructor(options: { bus: Bus; clock: Clock; log: Logger }) {
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#cancel = options.clock.every(SWEEP_MS, () => void this.sweep());
  }

  /** Takes note of a key's last message: a marker at `sequence`, or a value. */
  note(key: string, sequence: number | undefined): void {
    this.#markers.delete(key);
    if (sequence !== undefined) this.#markers.set(key, { sequence, seenMs: this.#clock.now() });
  }

  /** Drops the markers that are old enough, oldest first; the rest of them next time if the store does not answer. */
  async sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const dueMs = this.#clock.now() - KEEP_MS;
    try {
      for (const [key, { sequence, seenMs }] of this.#markers) {
        if (seenMs > dueMs) break;
        await purgeBefore(await this.#bus.connection(), key, sequence + 1, REQUEST_MS);
        if (this.#markers.get(key)?.sequence === sequence) this.#markers.delete(key);
      }
    } catch (err) {
      this.#log.warn({ event: 'marker-sweep-failed', err });
    } finally {
      this.#sweeping = false;
    }
  }

  close(): void {
    this.#cancel();
  }
}
