import type { Random } from '@svclab/core';

/** How frames of one way are delayed. */
export interface DelayLineOptions {
  readonly delayMs: number;
  /** Each frame's delay is drawn evenly from delay - jitter to delay + jitter. */
  readonly jitterMs: number;
  /** Lets a frame overtake another that drew a longer delay; otherwise it waits for those before it. */
  readonly reorder: boolean;
  /** Chance of the jitter. */
  readonly random: Random;
  /** Bytes it holds at most; what comes then is lost. */
  readonly limit?: number;
}

/** A second of a gigabit per second's worth, halved: far beyond what anybody delays here. */
const LIMIT = 64 << 20;

interface Held {
  readonly frame: Uint8Array;
  readonly due: number;
}

/** Frames on their way through a link that takes time. Pure: times are arguments, ms. */
export class DelayLine {
  readonly #options: DelayLineOptions;
  /** In the order they are due; the first `#head` have left. */
  #held: Held[] = [];
  #head = 0;
  #bytes = 0;
  #isOpen = false;

  constructor(options: DelayLineOptions) {
    this.#options = options;
  }

  /** When the next frame is due; undefined when none waits. */
  get next(): number | undefined {
    return this.#held[this.#head]?.due;
  }

  /** Takes a frame that arrives at `now`; false when the line is full and the frame is lost. */
  push(frame: Uint8Array, now: number): boolean {
    const { delayMs, jitterMs, limit = LIMIT, random, reorder } = this.#options;
    if (this.#bytes + frame.length > limit) return false;
    const drawn = jitterMs === 0 ? delayMs : Math.max(0, delayMs + (random.next() * 2 - 1) * jitterMs);
    const due = this.#isOpen ? now : now + drawn;
    this.#bytes += frame.length;
    const last = this.#held.at(-1);
    if (this.#head === this.#held.length || last === undefined || last.due <= due) this.#held.push({ frame, due });
    else if (!reorder) this.#held.push({ frame, due: last.due });
    else this.#insert({ frame, due });
    return true;
  }

  /** Takes out the next frame that is due at `now`; undefined when none is. */
  shift(now: number): Uint8Array | undefined {
    const first = this.#held[this.#head];
    if (!first || first.due > now) return undefined;
    this.#head += 1;
    this.#bytes -= first.frame.length;
    // What has left is forgotten from time to time, so that taking the first costs nothing.
    if (this.#head === this.#held.length || this.#head >= 1024) {
      this.#held = this.#held.slice(this.#head);
      this.#head = 0;
    }
    return first.frame;
  }

  /** From now on nothing waits: what is held is due at once, in its order. */
  open(now: number): void {
    this.#isOpen = true;
    this.#held = this.#held.slice(this.#head).map(({ frame, due }) => ({ frame, due: Math.min(due, now) }));
    this.#head = 0;
  }

  #insert(held: Held): void {
    let at = this.#held.length;
    while (at > this.#head && (this.#held[at - 1]?.due ?? 0) > held.due) at -= 1;
    this.#held.splice(at, 0, held);
  }
}
