/** What a lab is: the one file every process of it reads (`lab.json`). */
import type { Knobs } from './knobs.ts';

/** What a host of the lab is for. */
export type HostRole = 'nats' | 'controller' | 'dns' | 'node' | 'client';

/** One host: a network namespace (netns driver) or a container (docker driver). */
export interface HostSpec {
  /** `node-1`, `dns-1`, `controller-1`, `nats-1`, `client-1`. */
  readonly name: string;
  readonly role: HostRole;
  /** Address on the node LAN, without prefix length; absent on hosts that are not on it (nats, controller). */
  readonly lanIP?: string;
  /** Address on the control network; absent on clients of the netns driver, where the supervisor needs none to reach them. */
  readonly controlIP?: string;
  /** The node's share of the pod network, for nodes. */
  readonly podCIDR?: string;
}

/** The lab as all its processes know it. Holds no secret. */
export interface LabConfig {
  readonly name: string;
  readonly driver: 'netns' | 'docker';
  readonly profile: 'realistic' | 'fast';
  /** Cluster domain, `cluster.local`. */
  readonly domain: string;
  /** Node LAN, CIDR. */
  readonly lanCIDR: string;
  /** Control network, CIDR. */
  readonly controlCIDR: string;
  readonly podCIDR: string;
  /**
   * How packets to pods of other nodes travel: `direct` by routes over the LAN (kindnet, `host-gw`), `vxlan` inside UDP between the nodes'
   * LAN addresses (flannel's default; RFC 7348), so that the LAN sees node addresses alone.
   */
  readonly podNetwork: 'direct' | 'vxlan';
  readonly serviceCIDR: string;
  /** ClusterIP of kube-dns. */
  readonly dnsIP: string;
  /** Inclusive range of node ports. */
  readonly nodePorts: { readonly min: number; readonly max: number };
  readonly hosts: readonly HostSpec[];
  /** Highest number a node of this lab ever had, where nodes were removed: a number is not given twice. Absent: that of the highest node there is. */
  readonly lastNode?: number;
  /** `nats://172.30.1.2:4222` ... */
  readonly natsServers: readonly string[];
  /** Every knob, resolved. */
  readonly knobs: Knobs;
  /** Whether each process serves its metrics on the control network ({@link METRICS_PORTS}). */
  readonly metrics: boolean;
}

/** Ports: gRPC ones on the control network (`lab` is the supervisor's, `host` that of a container's first process), the HTTP one of a lab in one container (`endpoint`), VXLAN's (RFC 7348) on the LAN. */
export const PORTS = {
  host: 7700,
  nodeAgent: 7701,
  announcer: 7702,
  lab: 7703,
  endpoint: 7704,
  dns: 7705,
  nats: 4222,
  natsCluster: 6222,
  gossip: 7946,
  vxlan: 4789,
} as const;

/** Ports of the processes' metrics on the control network (`http://ADDRESS:PORT/metrics`), by component. */
export const METRICS_PORTS = {
  controller: 9101,
  'node-agent': 9102,
  'pod-host': 9103,
  'l2-announcer': 9104,
  dns: 9105,
  supervisor: 9106,
} as const;

/** A component that serves metrics. */
export type MetricsComponent = keyof typeof METRICS_PORTS;

/** Environment variables a process is started with. */
export const ENV = {
  /** Path of lab.json. */
  config: 'SVCLAB_CONFIG',
  /** Name of the host it runs on. */
  host: 'SVCLAB_HOST',
  /** User and password on the bus. */
  busUser: 'SVCLAB_BUS_USER',
  busPassword: 'SVCLAB_BUS_PASSWORD',
  /** Bearer token of the lab's gRPC services. */
  token: 'SVCLAB_TOKEN',
  /** Directory of this host for Unix sockets and `<component>.ready` files. */
  runDir: 'SVCLAB_RUN_DIR',
  /** pino level: trace, debug, info (default), warn, error. */
  logLevel: 'SVCLAB_LOG_LEVEL',
  /** Directory that holds `api.key`, `api.crt`, `ca.crt`, `token` for the controller. */
  pkiDir: 'SVCLAB_PKI_DIR',
  /** Number of an inherited, listening TCP socket for the API. The controller listens on `SVCLAB_API_LISTEN` (host:port) besides, or instead. */
  apiFd: 'SVCLAB_API_FD',
  apiListen: 'SVCLAB_API_LISTEN',
} as const;
