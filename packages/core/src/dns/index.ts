/** Cluster DNS: what is known, and what is answered. */
export * from './address.ts';
export * from './answer.ts';
export * from './fault.ts';
export * from './held-changes.ts';
export * from './index-of-records.ts';
export * from './record.ts';
