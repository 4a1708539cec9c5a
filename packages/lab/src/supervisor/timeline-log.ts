import { createWriteStream, readFileSync, type WriteStream } from 'node:fs';
import type { Clock, TimelineEvent, TimelineType } from '@svclab/core';

/** Most events kept in memory; the file keeps all. */
const LIMIT = 200_000;

/** How many events are remembered to tell a repetition. */
const KNOWN = 20_000;

function keyOf(e: TimelineEvent): string {
  return `${e.atNs} ${e.node} ${e.component} ${e.type} ${JSON.stringify(e.attrs)}`;
}

/** One event as JSON: `at_ns` as decimal text, since it does not fit a double. */
export function timelineJson(event: TimelineEvent): Record<string, unknown> {
  return {
    at_ns: String(event.atNs),
    time: new Date(event.wallMs).toISOString(),
    node: event.node,
    component: event.component,
    type: event.type,
    cause: event.cause,
    attrs: event.attrs,
  };
}

/** The event a line of the file holds; undefined for one that was cut short. */
function eventOf(line: string): TimelineEvent | undefined {
  try {
    const { at_ns, time, ...rest } = JSON.parse(line) as Omit<TimelineEvent, 'atNs' | 'wallMs'> & {
      at_ns: string;
      time: string;
    };
    return { ...rest, atNs: BigInt(at_ns), wallMs: Date.parse(time) };
  } catch {
    return undefined;
  }
}

/** Keeps the lab's timeline: in memory for questions, in a file for later, and for whoever follows it. */
export class TimelineLog {
  readonly #events: TimelineEvent[] = [];
  readonly #file: WriteStream;
  readonly #listeners = new Set<(event: TimelineEvent) => void>();
  readonly #counts = new Map<TimelineType, number>();
  readonly #clock: Clock;
  /** The latest events, by what makes one different from another. */
  readonly #known = new Set<string>();

  constructor(path: string, clock: Clock) {
    this.#file = createWriteStream(path, { flags: 'a' });
    this.#clock = clock;
  }

  /** Takes in again what the file holds, of this run of the machine: its monotonic clock begins anew with each. */
  restore(): void {
    let text = '';
    try {
      text = readFileSync(String(this.#file.path), 'utf8');
    } catch {
      return;
    }
    const now = this.#clock.nowNs();
    const events = text.split('\n').flatMap((line) => eventOf(line) ?? []);
    const lastReset = events.findLastIndex((e) => e.atNs > now);
    this.#events.unshift(...events.slice(lastReset + 1).slice(-LIMIT));
  }

  /** Takes in an event; one that came before is not taken twice, for processes send again what may have been lost. */
  add(event: TimelineEvent): void {
    const key = keyOf(event);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    if (this.#known.size > KNOWN) for (const old of [...this.#known].slice(0, KNOWN / 10)) this.#known.delete(old);
    this.#counts.set(event.type, (this.#counts.get(event.type) ?? 0) + 1);
    this.#events.push(event);
    if (this.#events.length > LIMIT) this.#events.splice(0, LIMIT / 10);
    this.#file.write(`${JSON.stringify(timelineJson(event))}\n`);
    for (const listener of this.#listeners) listener(event);
  }

  /** Adds a step the supervisor itself took now, or at `atNs`. */
  stamp(
    type: TimelineType,
    options: { cause?: string; attrs?: Record<string, string>; atNs?: bigint } = {},
  ): TimelineEvent {
    const now = this.#clock.nowNs();
    const atNs = options.atNs ?? now;
    const event: TimelineEvent = {
      atNs,
      wallMs: this.#clock.wall() - Number((now - atNs) / 1_000_000n),
      node: 'lab',
      component: 'supervisor',
      type,
      cause: options.cause ?? '',
      attrs: options.attrs ?? {},
    };
    this.add(event);
    return event;
  }

  /** Events at or after `sinceNs` (CLOCK_MONOTONIC), in the order they happened. */
  since(sinceNs: bigint): TimelineEvent[] {
    return this.#events
      .filter((e) => e.atNs >= sinceNs)
      .sort((a, b) => (a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0));
  }

  /** How many events of each type there have been. */
  get counts(): ReadonlyMap<TimelineType, number> {
    return this.#counts;
  }

  subscribe(listener: (event: TimelineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(() => resolve()));
  }
}
