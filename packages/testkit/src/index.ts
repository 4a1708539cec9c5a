/** Verified fakes and helpers for tests. Never imported by what ships. */
export { type FakeClock, fakeClock } from './fake-clock.ts';
export type { FakePod } from './fake-pod.ts';
export { type FakeExecResult, FakePodHost, type PodHostCalls } from './fake-pod-host.ts';
export { type MemoryStore, memoryStore } from './memory-store.ts';
export {
  type NatsClusterTestOptions,
  type NatsTestOptions,
  type NatsTestServer,
  startNats,
  startNatsCluster,
} from './nats-server.ts';
export { asOrdinaryUser } from './ordinary-user.ts';
export { describePodHostContract } from './pod-host-contract.ts';
export { type RecordedMetrics, recordedMetrics } from './recorded-metrics.ts';
export { describeStoreContract, type StoreUnderTest } from './store-contract.ts';
