import { type Cancel, type Clock, hasReason, type Knobs, type StoreEvent } from '@svclab/core';
import type { Logger, Timeline } from '@svclab/runtime';
import type { Registry } from '../registry/registry.ts';
import type { EventRecorder } from './recorder.ts';
import type { SliceIndex } from './slice-index.ts';

export { isAbout, isNamespaceEnding, objectKey, splitKey } from './keys.ts';

/** One control loop: the level of the cluster in, writes out. Knows which keys a change concerns. */
export interface Reconciler {
  readonly name: string;
  /** Keys worked on at the same time. */
  readonly workers?: number;
  /** Keys to look at after a change of the store. */
  keysFor(event: StoreEvent): Iterable<string>;
  /** Keys to look at when it starts. */
  seed(): Iterable<string>;
  /** Brings what a key names to where it should be. Returns after how many milliseconds to look again, or nothing. */
  reconcile(key: string): Promise<number | undefined>;
  /** Starts what is not driven by the store, such as timers; `add` asks for a key. Returns the function that ends it. */
  begin?(add: (key: string) => void): Cancel;
  /** Milliseconds between a change and the work on it, to gather changes. */
  readonly delayMs?: number;
}

/** What reconcilers stand on. */
export interface ReconcilerContext {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly timeline: Pick<Timeline, 'stamp'>;
  readonly recorder: EventRecorder;
  readonly slices: Pick<SliceIndex, 'of'>;
  readonly knobs: Knobs;
}

/** The promise's value; undefined when the object is gone, which is no failure for a control loop. */
export async function unlessGone<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
