/** Deciders of the reconcilers: what is there and the time in, what is to be done out. */
export * from './common/condition.ts';
export * from './common/hash.ts';
export * from './common/owner.ts';
export * from './common/pod.ts';
export * from './common/time.ts';
export * from './deployment/annotations.ts';
export * from './deployment/decide.ts';
export * from './deployment/template.ts';
export * from './endpoints/decide.ts';
export {
  MANAGED_BY,
  MANAGER,
  MAX_ENDPOINTS,
  type ReadyDifference,
  readyDifference,
  type SlicePlan,
} from './endpoints/slices.ts';
export { LAST_CHANGE_TRIGGER_TIME, TriggerTimes, withTriggerTime } from './endpoints/trigger-times.ts';
export * from './event/event.ts';
export * from './garbage/decide.ts';
export * from './loadbalancer/decide.ts';
export { ALLOCATED_FROM } from './loadbalancer/request.ts';
export * from './node/lifecycle.ts';
export * from './node/monitor.ts';
export * from './node/report.ts';
export * from './replicaset/decide.ts';
export * from './scheduler/decide.ts';
