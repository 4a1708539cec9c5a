import type { StoreEvent } from './store.ts';

/** How much of the past is kept. An event stays while either of the first two bounds wants it, and never beyond the third. */
export interface WindowLimits {
  /** Events kept however old they are. */
  readonly minEvents: number;
  /** Age in milliseconds up to which events are kept however many they are. */
  readonly minAgeMs: number;
  /** Events kept at most. */
  readonly maxEvents: number;
}

/** The bounds of kube-apiserver's watch cache: events of the last 75 s, and up to 102,400 of them. */
export const DEFAULT_WINDOW: WindowLimits = { minEvents: 1000, minAgeMs: 75_000, maxEvents: 102_400 };

/** The changes of one resource, oldest first, and the revision before which nothing is known. */
export class EventWindow {
  readonly #limits: WindowLimits;
  #events: { readonly event: StoreEvent; readonly atMs: number }[] = [];
  #head = 0;
  #floor: number;

  constructor(limits: WindowLimits, floor: number) {
    this.#limits = limits;
    this.#floor = floor;
  }

  /** Changes after this revision are complete; asking for older ones is an error (HTTP 410). */
  get floor(): number {
    return this.#floor;
  }

  /** Appends a change seen at `nowMs` and forgets what no bound wants any more. */
  push(event: StoreEvent, nowMs: number): void {
    this.#events.push({ event, atMs: nowMs });
    const { minEvents, minAgeMs, maxEvents } = this.#limits;
    for (;;) {
      const length = this.#events.length - this.#head;
      const oldest = this.#events[this.#head];
      if (!oldest || length <= minEvents) break;
      if (length <= maxEvents && nowMs - oldest.atMs < minAgeMs) break;
      this.#floor = oldest.event.revision;
      this.#head += 1;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The changes after `revision`, which must not be below {@link floor}. */
  after(revision: number): StoreEvent[] {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.event.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low).map((e) => e.event);
  }

  /** Forgets everything up to `revision`, because what happened before it is not known in full. */
  reset(revision: number): void {
    this.#events = [];
    this.#head = 0;
    this.#floor = revision;
  }
}
