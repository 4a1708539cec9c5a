/** The readiness flaps of one pod, by who asked for them. */
import { type Cancel, type Clock, flapPhase, type ReadinessFlap } from '@svclab/core';

/** A flap under way. */
interface Running {
  readonly flap: ReadinessFlap;
  /** Monotonic, ms. */
  readonly sinceMs: number;
}

/** Says whether a pod is held back now, and tells when that has changed. */
export class ReadinessFlaps {
  readonly #clock: Pick<Clock, 'now' | 'after'>;
  readonly #onChange: () => void;
  readonly #running = new Map<string, Running>();
  #heldBy: string | undefined;
  #timer: Cancel = () => undefined;

  constructor(clock: Pick<Clock, 'now' | 'after'>, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** The source that holds the pod back now; undefined: none does. */
  get heldBy(): string | undefined {
    return this.#heldBy;
  }

  /** Begins a flap, in place of one of that source; undefined ends it. */
  set(source: string, flap: ReadinessFlap | undefined): void {
    if (flap) this.#running.set(source, { flap, sinceMs: this.#clock.now() });
    else this.#running.delete(source);
    this.#look();
  }

  /** Ends all. */
  clear(): void {
    this.#running.clear();
    this.#look();
  }

  /** Changes nothing any more: the pod stays as it is. */
  dispose(): void {
    this.#timer();
    this.#running.clear();
  }

  #look(): void {
    this.#timer();
    const now = this.#clock.now();
    let heldBy: string | undefined;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [source, { flap, sinceMs }] of this.#running) {
      const { heldBack, changesInMs } = flapPhase(flap, now - sinceMs);
      if (heldBack) heldBy ??= source;
      nextMs = Math.min(nextMs, changesInMs ?? nextMs);
    }
    if (Number.isFinite(nextMs)) this.#timer = this.#clock.after(nextMs, () => this.#look());
    const changed = (heldBy === undefined) !== (this.#heldBy === undefined);
    this.#heldBy = heldBy;
    if (changed) this.#onChange();
  }
}
