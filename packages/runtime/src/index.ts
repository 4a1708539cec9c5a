/** Effects shared by the processes: the bus, the store, gRPC, time, logs, configuration, namespaces, packets. */
export { Bus, type BusHandler, type BusOptions, type BusState, connectBus } from './bus/bus.ts';
export {
  type BusRole,
  type BusUser,
  busPermissions,
  type NatsClusterOptions,
  type NatsConfigOptions,
  natsConfig,
} from './bus/permissions.ts';
export { decodeTimelineEvent, encodeTimelineEvent, Timeline } from './bus/timeline.ts';
export {
  ClientError,
  type GrpcCallOptions,
  type GrpcClient,
  type GrpcClientOptions,
  type GrpcServer,
  type GrpcServerOptions,
  type GrpcService,
  grpcClient,
  ServerError,
  Status,
  serveGrpc,
} from './grpc/index.ts';
export { interfaceIndex } from './links/interface-index.ts';
export { type LinkChange, type LinkWatch, watchLinks } from './links/link-watch.ts';
export { busMetrics } from './metrics/bus-metrics.ts';
export {
  type Count,
  exponentialBuckets,
  type HistogramSpec,
  type Labels,
  linearBuckets,
  type MetricSpec,
  type Metrics,
  NO_METRICS,
  type Observe,
  type ReadSpec,
  type Sample,
  single,
} from './metrics/metrics.ts';
export { type MetricsOptions, type ServedMetrics, serveMetrics } from './metrics/serve.ts';
export {
  connectIn,
  createNetns,
  currentNetns,
  listenIn,
  listeningFd,
  type Netns,
  NetnsError,
  openNetns,
  readSysctl,
  SyscallError,
  setInterfaceDown,
  setInterfaceUp,
  spawnIn,
  udpSocketIn,
  withNetns,
  writeSysctl,
} from './netns/index.ts';
export {
  type FrameSink,
  type FrameSource,
  openFrameSink,
  openFrameSource,
  waitReadable,
  wakeOnTime,
} from './packet/frame-socket.ts';
export { openPacketSocket, type PacketSocket, type PacketSocketOptions } from './packet/packet-socket.ts';
export { createPki, type PkiOptions, writeKubeconfig } from './pki/pki.ts';
export { seededRandom, systemClock, systemRandom } from './process/clock.ts';
export { ConfigError, type ProcessConfig, readProcessConfig } from './process/config.ts';
export { createLogger, type Logger } from './process/log.ts';
export { reapOrphans } from './process/reap.ts';
export { type ProcessContext, runProcess } from './process/run.ts';
export { type CacheOptions, type ClosableCache, openCache, openStore } from './store/index.ts';
