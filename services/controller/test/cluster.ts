/** A cluster in one process: the registry, the control loops and agents that play their nodes, on a store, a clock and a bus of the test's. */
import {
  type Cache,
  type Clock,
  conditionOf,
  covers,
  type Deployment,
  type KubeObject,
  type Node,
  nodeObject,
  type Pod,
  type PodStatus,
  RESOURCES,
  resolveKnobs,
  rfc3339,
  type Service,
  type Store,
  SUBJECTS,
  type TimelineType,
} from '@svclab/core';
import { createLogger, seededRandom, type Timeline } from '@svclab/runtime';
import { DnsHeartbeat, NodeHeartbeat, NodeReport, ReportReply } from '@svclab/wire';
import { type Reconcilers, startReconcilers } from '../src/reconcilers/start.ts';
import { openRegistry } from '../src/registry/open-registry.ts';
import type { Registry } from '../src/registry/registry.ts';
import { type ServedReports, serveReports } from '../src/reports/serve.ts';

/** A clock that the test moves. */
export interface TestClock extends Clock {
  advanceAsync(ms: number): Promise<void>;
}

/** What a cluster stands on. */
export interface ClusterOptions {
  readonly store: Store;
  readonly cache: Cache;
  readonly clock: TestClock;
}

type Serve = (payload: Uint8Array, subject: string) => Promise<Uint8Array | undefined>;

/** A bus whose messages arrive at once. */
export class TestBus {
  connected = true;
  readonly #handlers = new Set<{ readonly pattern: RegExp; readonly handler: (p: Uint8Array, s: string) => void }>();
  readonly #servers = new Set<{ readonly pattern: RegExp; readonly serve: Serve }>();

  subscribe(subject: string, handler: (payload: Uint8Array, subject: string) => void): () => void {
    const entry = { pattern: toPattern(subject), handler };
    this.#handlers.add(entry);
    return () => void this.#handlers.delete(entry);
  }

  serve(subject: string, serve: Serve): () => void {
    const entry = { pattern: toPattern(subject), serve };
    this.#servers.add(entry);
    return () => void this.#servers.delete(entry);
  }

  publish(subject: string, payload: Uint8Array): void {
    for (const { pattern, handler } of this.#handlers) if (pattern.test(subject)) handler(payload, subject);
  }

  async request(subject: string, payload: Uint8Array): Promise<Uint8Array> {
    const server = [...this.#servers].find(({ pattern }) => pattern.test(subject));
    if (!server) throw new Error(`Nobody serves ${subject}`);
    const reply = await server.serve(payload, subject);
    if (!reply) throw new Error(`Nobody answers ${subject}`);
    return reply;
  }
}

function toPattern(subject: string): RegExp {
  return new RegExp(`^${subject.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`);
}

/** A stamp of the timeline. */
export interface Stamp {
  readonly type: TimelineType;
  readonly attrs: Readonly<Record<string, string>>;
}

/** The cluster. */
export class Cluster {
  readonly bus = new TestBus();
  readonly stamps: Stamp[] = [];
  readonly agents = new Map<string, Agent>();
  readonly knobs = resolveKnobs('fast', { 'node.evictionToleration': '2s' });
  readonly clock: TestClock;
  readonly #options: ClusterOptions;
  #registry: Registry | undefined;
  #reconcilers: Reconcilers | undefined;
  #reports: ServedReports | undefined;
  #dns: (() => void) | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.clock = options.clock;
  }

  get registry(): Registry {
    if (!this.#registry) throw new Error('Cluster is not started');
    return this.#registry;
  }

  get owners(): ServedReports['owners'] | undefined {
    return this.#reports?.owners;
  }

  /** Starts the controller; `store` replaces the store for this run, to let writes fail. */
  async start(store: Store = this.#options.store): Promise<void> {
    const { cache, clock } = this.#options;
    this.#registry = await openRegistry({
      store,
      cache,
      clock,
      random: seededRandom(7),
      uuid: () => crypto.randomUUID(),
      lab: {
        serviceCIDR: '10.96.0.0/16',
        nodePorts: { min: 30000, max: 32767 },
        dnsIP: '10.96.0.10',
        knobs: this.knobs,
      },
    });
    const log = createLogger({ component: 'controller', host: 'controller-1', level: 'silent' });
    const timeline = { stamp: this.#stamp } as Pick<Timeline, 'stamp'>;
    const { registry, bus, knobs } = this;
    this.#reconcilers = startReconcilers({ registry, bus, clock, log, timeline, knobs, apiAddresses: ['172.30.1.3'] });
    this.#reports = serveReports({ registry, bus, log, ...this.#reconcilers });
  }

  readonly #stamp = (type: TimelineType, options: { attrs?: Readonly<Record<string, string>> } = {}): void => {
    this.stamps.push({ type, attrs: options.attrs ?? {} });
  };

  /** Stops the controller; nodes go on. */
  async stop(): Promise<void> {
    this.#reports?.stop();
    await this.#reconcilers?.stop();
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.#dns?.();
    for (const agent of this.agents.values()) agent.stop();
    await this.stop();
  }

  /** Adds nodes and waits until they are ready. */
  async addNodes(...names: string[]): Promise<void> {
    for (const name of names) {
      const agent = new Agent(name, this.agents.size + 1, this);
      this.agents.set(name, agent);
      agent.start();
    }
    await this.until('nodes ready', () => names.every((n) => this.isReady(n)));
  }

  /** Starts the heartbeats of a DNS server; returns the function that ends them. */
  addDns(host: string, ip: string): () => void {
    const beat = (): void =>
      this.bus.publish(
        SUBJECTS.dnsHeartbeat(host),
        DnsHeartbeat.encode({ host, ip, ready: true, atNs: this.clock.nowNs() }).finish(),
      );
    beat();
    const end = this.clock.every(this.knobs['dns.heartbeatInterval'], beat);
    const before = this.#dns;
    this.#dns = () => {
      before?.();
      end();
    };
    return end;
  }

  isReady(node: string): boolean {
    const found = this.registry.get<Node>(RESOURCES.nodes, '', node);
    return conditionOf(found?.status?.conditions, 'Ready')?.status === 'True';
  }

  pods(namespace = 'default'): readonly Pod[] {
    return this.registry.list<Pod>(RESOURCES.pods, namespace);
  }

  /** Moves time on until `holds`; fails when it does not within `limitMs` of virtual time. */
  async until(what: string, holds: () => boolean, limitMs = 20_000): Promise<void> {
    for (let ms = 0; ms <= limitMs; ms += 10) {
      if (holds()) return;
      await this.clock.advanceAsync(10);
    }
    throw new Error(`Not reached within ${limitMs} ms of virtual time: ${what}`);
  }

  /** Lets everything settle: `ms` of virtual time pass. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) await this.clock.advanceAsync(10);
  }
}

/** Plays a node-agent: registers its node, sends heartbeats, runs its pods at once, ends those that are deleted. */
export class Agent {
  readonly name: string;
  readonly #cluster: Cluster;
  readonly #index: number;
  /** uid -> last byte of its address. */
  readonly #addresses = new Map<string, number>();
  #next = 2;
  #ends: (() => void)[] = [];
  /** Names of pods that shall not be ready. */
  readonly unready = new Set<string>();
  /** False keeps terminating pods running. */
  finishes = true;

  constructor(name: string, index: number, cluster: Cluster) {
    this.name = name;
    this.#index = index;
    this.#cluster = cluster;
  }

  /** Begins, or begins again after a stop. */
  start(): void {
    const { clock, knobs } = this.#cluster;
    this.#ends = [
      clock.every(knobs['node.heartbeatInterval'], () => this.#beat()),
      clock.every(20, () => void this.#report().catch(() => undefined)),
    ];
    this.#beat();
  }

  /** Falls silent. */
  stop(): void {
    for (const end of this.#ends) end();
  }

  #beat(): void {
    const { bus, clock } = this.#cluster;
    const beat = { node: this.name, atNs: clock.nowNs(), programmedRevision: 0n, instance: '1' };
    bus.publish(SUBJECTS.heartbeat(this.name), NodeHeartbeat.encode(beat).finish());
  }

  async #report(): Promise<void> {
    const { bus, registry, clock } = this.#cluster;
    const stored = registry.get<Node>(RESOURCES.nodes, '', this.name);
    const wanted = nodeObject(
      {
        name: this.name,
        ip: `172.30.0.${10 + this.#index}`,
        podCIDR: `10.244.${this.#index}.0/24`,
        controlIP: `172.30.1.${10 + this.#index}`,
        cpus: 2,
        memoryKiB: 1024,
        info: {},
        nowMs: clock.wall(),
      },
      stored,
    );
    const pods = registry.list<Pod>(RESOURCES.pods).filter((p) => p.spec.nodeName === this.name);
    const reports = pods.flatMap((pod) => this.#podReport(pod) ?? []);
    const sendNode = !covers(stored, wanted);
    if (!sendNode && reports.length === 0) return;
    const report = NodeReport.encode({
      node: this.name,
      nodeJson: sendNode ? Buffer.from(JSON.stringify(wanted)) : Buffer.alloc(0),
      pods: reports,
      eventsJson: [],
    }).finish();
    const reply = ReportReply.decode(await bus.request(SUBJECTS.report(this.name), report));
    if (reply.error !== '') throw new Error(reply.error);
  }

  #podReport(pod: Pod): NodeReport['pods'][number] | undefined {
    const { name, namespace = '', uid = '' } = pod.metadata;
    const finished = pod.metadata.deletionTimestamp !== undefined && this.finishes;
    const status = this.#status(pod);
    if (!finished && covers(pod.status, status)) return undefined;
    return { namespace, name, uid, statusJson: Buffer.from(JSON.stringify(status)), finished };
  }

  #status(pod: Pod): PodStatus {
    const uid = pod.metadata.uid ?? '';
    const byte = this.#addresses.get(uid) ?? this.#next++;
    this.#addresses.set(uid, byte);
    const podIP = `10.244.${this.#index}.${byte}`;
    const status = this.unready.has(pod.metadata.name) ? 'False' : 'True';
    const before = conditionOf(pod.status?.conditions, 'Ready');
    const since = before?.status === status ? before.lastTransitionTime : undefined;
    return {
      phase: 'Running',
      podIP,
      podIPs: [{ ip: podIP }],
      conditions: [{ type: 'Ready', status, lastTransitionTime: since ?? rfc3339(this.#cluster.clock.wall()) }],
    };
  }
}

/** A Deployment of pods labelled `app: <name>` that listen on the port `http`. */
export function deployment(name: string, replicas: number, more: Partial<Deployment['spec']> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: template(name, 'nginx:1.27'),
      ...more,
    },
  };
}

/** A pod template with one container. */
export function template(app: string, image: string): Deployment['spec']['template'] {
  return {
    metadata: { labels: { app } },
    spec: { containers: [{ name: 'main', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
  };
}

/** A Service in front of the pods labelled `app: <name>`. */
export function service(name: string, more: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...more },
  };
}

/** A pool of addresses. */
export function pool(name: string, ...addresses: string[]): KubeObject & { readonly spec: unknown } {
  return {
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name, namespace: 'metallb-system' },
    spec: { addresses },
  };
}
