/** Election of a VIP's owner. */
export * from './election.ts';
export * from './sha256.ts';
