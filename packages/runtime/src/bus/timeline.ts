import { type Clock, type TimelineEvent as CoreEvent, SUBJECTS, type TimelineType } from '@svclab/core';
import { TimelineEvent } from '@svclab/wire';
import type { Bus } from './bus.ts';

/** Events kept for sending again. */
const KEPT = 1000;
/** A connection that is gone is noticed up to 1.5 s late (see Bus); what was sent meanwhile may be lost. */
const UNNOTICED_MS = 2000;
/** After a reconnection, ms: at once, and again, for the supervisor may come back to the bus later than this process. */
const AGAIN_MS = [0, 1000, 3000] as const;

/**
 * Stamps this process's steps and publishes them. What was stamped while the bus was away is sent again when it is back; the supervisor knows
 * what it has already.
 */
export class Timeline {
  readonly #bus: Pick<Bus, 'publish'>;
  readonly #kept: CoreEvent[] = [];
  #lostNs: bigint | undefined;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #component: string;

  constructor(options: {
    bus: Pick<Bus, 'publish'> & Partial<Pick<Bus, 'onState'>>;
    clock: Clock;
    node: string;
    component: string;
  }) {
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#node = options.node;
    this.#component = options.component;
    options.bus.onState?.((state) => {
      if (state === 'lost') this.#lostNs ??= this.#clock.nowNs();
      else this.#sendAgain();
    });
  }

  /** Publishes a step that happened now, or at `atNs` (CLOCK_MONOTONIC). Returns what was published. */
  stamp(
    type: TimelineType,
    options: { cause?: string; attrs?: Readonly<Record<string, string>>; atNs?: bigint } = {},
  ): CoreEvent {
    const now = this.#clock.nowNs();
    const atNs = options.atNs ?? now;
    const event: CoreEvent = {
      atNs,
      wallMs: this.#clock.wall() - Number((now - atNs) / 1_000_000n),
      node: this.#node,
      component: this.#component,
      type,
      cause: options.cause ?? '',
      attrs: options.attrs ?? {},
    };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.splice(0, KEPT / 10);
    this.#publish(event);
    return event;
  }

  #publish(event: CoreEvent): void {
    this.#bus.publish(SUBJECTS.timeline(this.#node, this.#component), encodeTimelineEvent(event));
  }

  #sendAgain(): void {
    if (this.#lostNs === undefined) return;
    const sinceNs = this.#lostNs - BigInt(UNNOTICED_MS * 1_000_000);
    this.#lostNs = undefined;
    const missed = this.#kept.filter((e) => e.atNs >= sinceNs);
    for (const ms of AGAIN_MS)
      this.#clock.after(ms, () => {
        for (const event of missed) this.#publish(event);
      });
  }
}

/** To the wire. */
export function encodeTimelineEvent(event: CoreEvent): Uint8Array {
  return TimelineEvent.encode({
    ...event,
    wallMs: BigInt(Math.round(event.wallMs)),
    attrs: { ...event.attrs },
  }).finish();
}

/** From the wire. */
export function decodeTimelineEvent(bytes: Uint8Array): CoreEvent {
  const m = TimelineEvent.decode(bytes);
  return { ...m, wallMs: Number(m.wallMs), type: m.type as TimelineType };
}
