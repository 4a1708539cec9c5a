/** The store over NATS JetStream: one writer, and a fresh copy in every process. */
export { type CacheOptions, type ClosableCache, openCache, openStore } from './open.ts';
