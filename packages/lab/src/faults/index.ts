/** Faults: targets, verbs. */
export * from './fault.ts';
export * from './partition.ts';
export * from './target.ts';
