import type { FieldError, KubeObject } from '@svclab/core';
import type { Allocated, Strategy, StrategyContext } from '../strategy.ts';

/** A {@link Strategy} written for one kind. */
export interface TypedStrategy<T extends KubeObject> {
  defaults?(object: T): T;
  prepareForCreate?(object: T): T;
  prepareForUpdate?(object: T, old: T): T;
  validate?(object: T): readonly FieldError[];
  validateUpdate?(object: T, old: T): readonly FieldError[];
  validateStatus?(object: T, old: T): readonly FieldError[];
  admit?(object: T, old: T | undefined, context: StrategyContext): void;
  allocate?(object: T, old: T | undefined, context: StrategyContext): Promise<Allocated<T>>;
  release?(object: T, context: StrategyContext): Promise<void>;
  graceOnDelete?(object: T, asked: number | undefined): number | undefined;
  checkDelete?(object: T): void;
  readonly generation?: boolean;
  readonly checkName?: Strategy['checkName'];
}

/** A strategy of one kind as the registry calls it: the registry hands each strategy objects of its own kind only. */
export function typed<T extends KubeObject>(strategy: TypedStrategy<T>): Strategy {
  return strategy as unknown as Strategy;
}
