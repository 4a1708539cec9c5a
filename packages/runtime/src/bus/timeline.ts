import { type Clock, type TimelineEvent as CoreEvent, SUBJECTS, type TimelineType } from '@svclab/core';
import { TimelineEvent } from '@svclab/wire';
import type { Bus } from './bus.ts';

/** Stamps this process's steps and publishes them. */
export class Timeline {
  readonly #bus: Pick<Bus, 'publish'>;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #component: string;

  constructor(options: { bus: Pick<Bus, 'publish'>; clock: Clock; node: string; component: string }) {
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#node = options.node;
    this.#component = options.component;
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
    this.#bus.publish(SUBJECTS.timeline(this.#node, this.#component), encodeTimelineEvent(event));
    return event;
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
