import {
  adoptEvent,
  type Clock,
  countedEvent,
  type EventDetail,
  hasReason,
  isCounted,
  type KubeEvent,
  type KubeObject,
  makeEvent,
  type ObjectReference,
  RESOURCES,
  recountedEvent,
  referenceTo,
} from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import type { Registry } from '../registry/registry.ts';
import { isNamespaceEnding, objectKey, splitKey } from './keys.ts';
import { WorkQueue } from './queue.ts';

/** Different events that wait to be written; more are dropped. */
const MAX_PENDING = 1000;
/** Tries of one write before it is dropped: events are best effort. */
const MAX_TRIES = 8;

interface Pending {
  readonly event: KubeEvent;
  /** How often it happened since the last write; undefined when the event carries its own count. */
  readonly times: number | undefined;
  readonly tries: number;
}

/** What the recorder needs of the registry. */
export type EventRegistry = Pick<Registry, 'get' | 'create' | 'modify' | 'cache'>;

/** Writes Events in the background: the same thing said again raises a count. Never fails its caller. */
export class EventRecorder {
  readonly #registry: EventRegistry;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #pending = new Map<string, Pending>();
  readonly #queue: WorkQueue;

  constructor(options: { readonly registry: EventRegistry; readonly clock: Clock; readonly log: Logger }) {
    this.#registry = options.registry;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#queue = new WorkQueue({ clock: options.clock, workers: 4, handle: (key) => this.#write(key) });
    this.#queue.start();
  }

  /** Records that something happened to an object. `component` is the name `kubectl describe` shows as From. */
  record(about: KubeObject | ObjectReference, component: string, detail: EventDetail): void {
    const reference = 'metadata' in about ? referenceTo(about as KubeObject) : (about as ObjectReference);
    this.#add(makeEvent(reference, detail, { component }, this.#clock.wall()), 1);
  }

  /** Records an event that another process has seen on `host`. */
  take(reported: KubeEvent, host: string): void {
    this.#add(adoptEvent(reported, host, this.#clock.wall()), isCounted(reported) ? undefined : 1);
  }

  #add(event: KubeEvent, times: number | undefined): void {
    const key = objectKey(event);
    const waiting = this.#pending.get(key);
    if (!waiting && this.#pending.size >= MAX_PENDING) return;
    this.#pending.set(key, { event, times: sum(times, waiting?.times), tries: 0 });
    this.#queue.add(key);
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }

  async #write(key: string): Promise<number | undefined> {
    const pending = this.#pending.get(key);
    if (!pending) return undefined;
    if (!this.#registry.cache.fresh) return 50;
    this.#pending.delete(key);
    try {
      await this.#store(key, pending);
    } catch (error) {
      if (isNamespaceEnding(error) || hasReason(error, 'NotFound') || pending.tries + 1 >= MAX_TRIES) {
        this.#log.debug({ event: 'event-dropped', key, err: error });
        return undefined;
      }
      const newer = this.#pending.get(key);
      this.#pending.set(key, {
        event: newer?.event ?? pending.event,
        times: sum(pending.times, newer?.times),
        tries: pending.tries + 1,
      });
      throw error;
    }
    return undefined;
  }

  async #store(key: string, { event, times }: Pending): Promise<void> {
    const { namespace, name } = splitKey(key);
    if (this.#registry.get(RESOURCES.events, namespace, name))
      await this.#registry.modify<KubeEvent>(RESOURCES.events, namespace, name, (stored) =>
        times === undefined ? recountedEvent(stored, event) : countedEvent(stored, event, times),
      );
    else await this.#registry.create(RESOURCES.events, times === undefined ? event : { ...event, count: times });
  }
}

/** Occurrences together; an event that counts itself has none to add. */
function sum(times: number | undefined, more: number | undefined): number | undefined {
  return times === undefined ? undefined : times + (more ?? 0);
}
