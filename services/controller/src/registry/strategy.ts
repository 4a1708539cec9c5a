/** What differs between kinds: a registry asks a strategy, as upstream's generic registry does. */
import type { Cache, FieldError, KubeObject } from '@svclab/core';
import type { Allocations } from './allocators/allocations.ts';

/** What a strategy may look at when it decides about one object. */
export interface StrategyContext {
  readonly cache: Cache;
  readonly allocations: Allocations;
  readonly dryRun: boolean;
}

/** An object with the values that were allocated to it, and how to give them back when the write fails. */
export interface Allocated<T extends KubeObject = KubeObject> {
  readonly object: T;
  /** After the write: give back what the object no longer uses. */
  commit(): Promise<void>;
  /** The write failed: give back what was taken for it. */
  revert(): Promise<void>;
}

/** The rules of one kind. Pure unless said otherwise; every member may be left out. */
export interface Strategy {
  /** Fills in defaults. */
  defaults?(object: KubeObject): KubeObject;
  /** Sets or clears what a client may not decide at creation. The registry has cleared the status. */
  prepareForCreate?(object: KubeObject): KubeObject;
  /** Carries over what an update may not change. The registry has put the old status back. */
  prepareForUpdate?(object: KubeObject, old: KubeObject): KubeObject;
  validate?(object: KubeObject): readonly FieldError[];
  /** Only what concerns the change; `validate` runs as well. */
  validateUpdate?(object: KubeObject, old: KubeObject): readonly FieldError[];
  validateStatus?(object: KubeObject, old: KubeObject): readonly FieldError[];
  /** Rules that need other objects. Throws an ApiError to refuse. */
  admit?(object: KubeObject, old: KubeObject | undefined, context: StrategyContext): void;
  /** Takes addresses and ports; with `dryRun` it only picks them. Fails with an ApiError after giving back what it took. */
  allocate?(object: KubeObject, old: KubeObject | undefined, context: StrategyContext): Promise<Allocated>;
  /** Gives back everything a removed object held. */
  release?(object: KubeObject, context: StrategyContext): Promise<void>;
  /** Seconds of grace before an object that is deleted may go; undefined: it goes at once. */
  graceOnDelete?(object: KubeObject, asked: number | undefined): number | undefined;
  /** Refuses a deletion by throwing an ApiError, as for the `default` namespace. */
  checkDelete?(object: KubeObject): void;
  /** The kind counts changes of its spec in `metadata.generation`. */
  readonly generation?: boolean;
  /** What is wrong with a name; the default is the RFC 1123 subdomain rule. */
  checkName?(name: string): readonly string[];
}
