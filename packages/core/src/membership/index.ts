/** Membership: who is there, by gossip. */
export * from './broadcast-queue.ts';
export * from './membership.ts';
export * from './messages.ts';
export * from './suspicion.ts';
