/** Faults: targets, verbs. */
export * from './fault.ts';
export * from './target.ts';
