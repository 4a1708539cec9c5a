/** The pods of one node under virtual time: a store and a pod-host in memory, and a controller that writes what is reported. */
import {
  type EndpointSlice,
  type KubeEvent,
  type KubeObject,
  type LabConfig,
  type Node,
  nodeObject,
  type ObjectKey,
  type Pod,
  PodAddresses,
  type PodStatus,
  RESOURCES,
  rfc3339,
} from '@svclab/core';
import { createLogger } from '@svclab/runtime';
import { type FakeClock, FakePodHost, fakeClock, memoryStore } from '@svclab/testkit';
import { NodeReport, ReportReply } from '@svclab/wire';
import type { NodeSettings } from '../src/config.ts';
import { followPods } from '../src/pods/pod-host-link.ts';
import { PodManager } from '../src/pods/pod-manager.ts';
import { EventRecorder } from '../src/report/events.ts';
import { Reporter } from '../src/report/reporter.ts';

const NODE = 'node-1';
const SETTINGS: NodeSettings = {
  name: NODE,
  lanIP: '172.30.0.11',
  controlIP: '172.30.1.11',
  podCIDR: '10.244.1.0/24',
  proxy: {
    name: NODE,
    ip: '172.30.0.11',
    podCIDR: '10.244.1.0/24',
    clusterPodCIDR: '10.244.0.0/16',
    serviceCIDR: '10.96.0.0/16',
  },
};
const log = createLogger({ component: 'node-agent', host: NODE, level: 'silent' });
const podKey = (name: string): ObjectKey => ({ ...RESOURCES.pods, namespace: 'shop', name });

/** A node with its pod-host and the control plane; `startAgent` gives it an agent. */
export class OneNode {
  readonly clock: FakeClock = fakeClock();
  readonly host = new FakePodHost(this.clock);
  readonly memory = memoryStore({ clock: this.clock });
  /** Node -> revision its rules contain. */
  readonly programmed = new Map<string, number>();
  /** `pod.ready shop/web`, with the cause if there is one. */
  readonly stamps: string[] = [];
  /** `Unhealthy: Readiness probe failed: ...`. */
  readonly events: string[] = [];
  /** Statuses in the order in which the controller was told them. */
  readonly told: { readonly name: string; readonly status: PodStatus; readonly finished: boolean }[] = [];
  /** What the controller does with a report: writes it, takes it and forgets it, or does not answer. */
  controller: 'writes' | 'forgets' | 'is away' = 'writes';
  /** Requests that arrived. */
  requests = 0;
  #agents = 0;
  #stopAgent: (() => void) | undefined;
  #manager: PodManager | undefined;

  /** Starts the agent. */
  startAgent(): void {
    const { clock, memory, host } = this;
    const abort = new AbortController();
    const recorder = new EventRecorder(NODE, String(this.#agents++));
    const manager: PodManager = new PodManager({
      cache: memory.cache,
      settings: SETTINGS,
      lab: { domain: 'cluster.local', dnsIP: '10.96.0.10' } as LabConfig,
      podHost: host,
      addresses: new PodAddresses(SETTINGS.podCIDR),
      mtu: () => 1500,
      clock,
      log,
      backoff: { baseMs: 10_000, maxMs: 300_000 },
      programmed: this.programmed,
      stamp: (type, pod, cause) => void this.stamps.push(`${type} ${pod}${cause === '' ? '' : ` ${cause}`}`),
      event: (pod, text) => reporter.event(recorder.record(pod, text, clock.wall())),
      onChange: () => reporter.kick(),
    });
    const reporter: Reporter = new Reporter({
      node: NODE,
      bus: { request: (_, payload) => this.#take(payload) },
      clock,
      log,
      nodeWanted: () => {
        const stored = memory.cache.get<Node>({ ...RESOURCES.nodes, namespace: '', name: NODE });
        const facts = { name: NODE, ip: SETTINGS.lanIP, podCIDR: SETTINGS.podCIDR, cpus: 2, memoryKiB: 1, info: {} };
        return { wanted: nodeObject({ ...facts, nowMs: clock.wall() }, stored), stored };
      },
      pods: () => manager.reports(),
    });
    manager.start();
    void followPods(host, manager, { clock, log, signal: abort.signal });
    reporter.kick();
    this.#manager = manager;
    this.#stopAgent = () => {
      abort.abort();
      manager.stop();
      reporter.stop();
    };
  }

  /** Its pods, as the gRPC service sees them. */
  get pods(): PodManager {
    if (!this.#manager) throw new Error('Agent has not been started');
    return this.#manager;
  }

  /** Ends the agent; its pods run on. */
  stopAgent(): void {
    this.#stopAgent?.();
  }

  /** Lets time pass. */
  async pass(seconds: number): Promise<void> {
    await this.clock.advanceAsync(seconds * 1000);
  }

  /** A pod bound to the node, with one container. */
  async bind(name: string, change: { container?: object; spec?: object; annotations?: Record<string, string> } = {}) {
    await this.memory.store.create<Pod>(podKey(name), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'shop', uid: `uid-${name}`, annotations: change.annotations ?? {} },
      spec: {
        nodeName: NODE,
        containers: [{ name: 'app', image: 'nginx', ...change.container }],
        ...change.spec,
      },
    } as Pod);
    await this.pass(0.1);
  }

  /** Changes an object. */
  async modify<T extends KubeObject>(key: ObjectKey, change: (object: T) => T): Promise<void> {
    const object = this.memory.cache.get<T>(key);
    if (!object) throw new Error(`Object ${key.name} is not in the store`);
    await this.memory.store.update(key, change(object), Number(object.metadata.resourceVersion));
  }

  /** Changes a pod's annotations. */
  annotate(name: string, annotations: Record<string, string>): Promise<void> {
    return this.modify<Pod>(podKey(name), (pod) => ({ ...pod, metadata: { ...pod.metadata, annotations } }));
  }

  /** What DELETE of the API does. */
  async delete(name: string, graceSeconds = 30): Promise<void> {
    const deletionTimestamp = rfc3339(this.clock.wall() + graceSeconds * 1000);
    await this.modify<Pod>(podKey(name), (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds },
    }));
    await this.pass(0.1);
  }

  /** Takes the object away without asking the node. */
  async forceDelete(name: string): Promise<void> {
    await this.memory.store.delete(podKey(name));
    await this.pass(0.1);
  }

  /** Writes the slice of the Service `web` with one endpoint; returns its revision. */
  async slice(pod: string, conditions: { ready: boolean; serving: boolean; terminating: boolean }): Promise<number> {
    const key = { ...RESOURCES.endpointslices, namespace: 'shop', name: 'web-1' };
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web-1', namespace: 'shop' },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.244.1.2'], conditions, targetRef: { kind: 'Pod', name: pod, uid: `uid-${pod}` } }],
    } as unknown as EndpointSlice;
    if (this.memory.cache.get(key)) await this.modify<EndpointSlice>(key, () => slice);
    else await this.memory.store.create(key, slice);
    await this.pass(0.1);
    return this.memory.cache.revision;
  }

  /** Registers another node. */
  async addNode(name: string, ready: boolean): Promise<void> {
    await this.memory.store.create<Node>({ ...RESOURCES.nodes, namespace: '', name }, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }] },
    } as unknown as Node);
  }

  /** A node's rules contain a revision now. */
  async program(node: string, revision: number): Promise<void> {
    this.programmed.set(node, revision);
    this.#manager?.reconsider();
    await this.pass(0.1);
  }

  /** The stored pod. */
  pod(name: string): Pod | undefined {
    return this.memory.cache.get<Pod>(podKey(name));
  }

  /** Phase, readiness and the first container of the stored pod, on one line: `Running ready running restarts=0`. */
  line(name: string): string {
    const status = this.pod(name)?.status;
    const container = status?.containerStatuses?.[0];
    const ready = status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True';
    const { running, waiting, terminated } = container?.state ?? {};
    const state = running ? 'running' : (waiting?.reason ?? `${terminated?.reason}:${terminated?.exitCode}`);
    return `${status?.phase} ${ready ? 'ready' : 'unready'} ${state} restarts=${container?.restartCount}`;
  }

  /** Calls of pod-host of one kind. */
  calls(method: string): string[] {
    return this.host.calls.filter((call) => call.startsWith(method));
  }

  async #take(payload: Uint8Array): Promise<Uint8Array> {
    this.requests++;
    if (this.controller === 'is away') throw new Error('No responders');
    const report = NodeReport.decode(payload);
    for (const json of report.eventsJson) {
      const { reason, message } = JSON.parse(Buffer.from(json).toString()) as KubeEvent;
      this.events.push(`${reason}: ${message}`);
    }
    for (const { name, statusJson, finished } of report.pods)
      this.told.push({ name, status: JSON.parse(Buffer.from(statusJson).toString()), finished });
    if (this.controller === 'writes') await this.#write(report);
    return ReportReply.encode({ error: '' }).finish();
  }

  async #write(report: NodeReport): Promise<void> {
    const { store, cache } = this.memory;
    if (report.nodeJson.length > 0) {
      const node = JSON.parse(Buffer.from(report.nodeJson).toString()) as Node;
      const key = { ...RESOURCES.nodes, namespace: '', name: NODE };
      if (cache.get(key)) await this.modify<Node>(key, () => node);
      else await store.create(key, node);
    }
    for (const { name, uid, statusJson, finished } of report.pods) {
      if (this.pod(name)?.metadata.uid !== uid) continue;
      const status = JSON.parse(Buffer.from(statusJson).toString()) as PodStatus;
      await this.modify<Pod>(podKey(name), (pod) => ({ ...pod, status }));
      if (finished) await store.delete(podKey(name));
    }
  }
}
