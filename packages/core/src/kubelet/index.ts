export { rfc3339 } from '../reconcile/common/time.ts';
export * from './covers.ts';
export * from './environment.ts';
export * from './node-object.ts';
export * from './pod-addresses.ts';
export * from './pod-status.ts';
export * from './prober.ts';
export * from './restart-backoff.ts';
export * from './termination.ts';
