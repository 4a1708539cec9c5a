import type { Clock, Pod as PodObject, Random } from '@svclab/core';
import { currentNetns, type Logger, type Netns } from '@svclab/runtime';
import type { EnsurePodRequest, WatchPodsResponse } from '@svclab/wire';
import { IpBatcher } from '../network/ip-batch.ts';
import { hostInterfaceName } from '../network/plan.ts';
import { attachPod, hostNetwork, type PodNetwork } from '../network/pod-network.ts';
import { AsyncQueue } from './async-queue.ts';
import type { Container } from './container.ts';
import { Pod } from './pod.ts';

/** What the pods of a node stand on. */
export interface PodTableOptions {
  readonly node: string;
  readonly domain: string;
  readonly startupDelay: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Who hears of changes. */
type Watcher = AsyncQueue<WatchPodsResponse>;

/** All pods of this node, by uid. Work on one pod happens in the order asked; different pods do not wait for each other. */
export class PodTable {
  readonly #options: PodTableOptions;
  readonly #node: Netns = currentNetns();
  readonly #batcher = new IpBatcher(this.#node);
  readonly #pods = new Map<string, Pod>();
  /** uid -> the last piece of work asked for it. */
  readonly #work = new Map<string, Promise<unknown>>();
  readonly #watchers = new Set<Watcher>();

  constructor(options: PodTableOptions) {
    this.#options = options;
  }

  /** All pods. */
  list(): Pod[] {
    return [...this.#pods.values()];
  }

  byUid(uid: string): Pod | undefined {
    return this.#pods.get(uid);
  }

  /** By name; of two with the same name (one ending, one beginning) the younger. */
  byName(namespace: string, name: string): Pod | undefined {
    return this.list().findLast((pod) => pod.namespace === namespace && pod.name === name);
  }

  /** Makes the pod unless it is there, starts its containers, and takes its annotations over. */
  ensure(request: EnsurePodRequest, object: PodObject): Promise<Pod> {
    return this.#inOrder(request.uid, async () => {
      const existing = this.#pods.get(request.uid);
      if (existing) {
        existing.update(object);
        return existing;
      }
      const pod = await this.#create(request, object);
      this.#pods.set(pod.uid, pod);
      pod.start();
      this.#publish({ pod: pod.describe(), removed: false, synced: false });
      this.#options.log.info({ event: 'pod-started', pod: `${pod.namespace}/${pod.name}`, ip: request.ip });
      return pod;
    });
  }

  /** Ends the pod politely and removes it. Nothing happens when it is not there. */
  stop(uid: string): Promise<void> {
    return this.#inOrder(uid, async () => {
      const pod = this.#pods.get(uid);
      if (!pod) return;
      await pod.stop();
      this.#pods.delete(uid);
      this.#publish({ pod: pod.describe(), removed: true, synced: false });
      this.#options.log.info({ event: 'pod-stopped', pod: `${pod.namespace}/${pod.name}` });
    });
  }

  /** Ends a container if it runs and starts it again. Fails with a RangeError when pod or container is not there. */
  restartContainer(uid: string, name: string): Promise<void> {
    return this.#withContainer(uid, name, (pod, container) => pod.restartContainer(container));
  }

  /** Ends a container if it runs. Fails with a RangeError when pod or container is not there. */
  stopContainer(uid: string, name: string): Promise<void> {
    return this.#withContainer(uid, name, (pod, container) => pod.stopContainer(container));
  }

  /** Every pod now, then each change, until `signal` aborts. */
  async *watch(signal: AbortSignal): AsyncGenerator<WatchPodsResponse, void, undefined> {
    const watcher: Watcher = new AsyncQueue();
    const end = (): void => watcher.end();
    signal.addEventListener('abort', end, { once: true });
    this.#watchers.add(watcher);
    const snapshot = this.list().map((pod) => pod.describe());
    try {
      if (snapshot.length === 0) yield { pod: undefined, removed: false, synced: true };
      for (const [i, pod] of snapshot.entries()) yield { pod, removed: false, synced: i === snapshot.length - 1 };
      yield* watcher;
    } finally {
      signal.removeEventListener('abort', end);
      this.#watchers.delete(watcher);
    }
  }

  #withContainer(uid: string, name: string, act: (pod: Pod, container: Container) => Promise<void>): Promise<void> {
    return this.#inOrder(uid, async () => {
      const pod = this.#pods.get(uid);
      const container = pod?.container(name);
      if (!pod || !container) throw new RangeError(`Container "${name}" of pod uid ${uid} is not on this node`);
      await act(pod, container);
    });
  }

  async #create(request: EnsurePodRequest, object: PodObject): Promise<Pod> {
    const { node, domain, startupDelay, clock, random, log } = this.#options;
    const network = await this.#attach(request, object);
    const label = `${request.namespace}/${request.name}`;
    const pod: Pod = new Pod({
      object,
      ip: request.ip,
      nameservers: request.nameservers,
      searches: request.searches,
      env: new Map(Object.entries(request.env).map(([name, { env }]) => [name, env])),
      network,
      node,
      domain,
      startupDelay,
      clock,
      random,
      onChange: () => this.#publish({ pod: pod.describe(), removed: false, synced: false }),
      onProblem: (problem) => log.warn({ event: 'annotation-not-usable', pod: label, reason: problem }),
    });
    return pod;
  }

  #attach(request: EnsurePodRequest, object: PodObject): Promise<PodNetwork> | PodNetwork {
    if (object.spec.hostNetwork) return hostNetwork(this.#node);
    return attachPod({
      node: this.#node,
      batcher: this.#batcher,
      hostInterface: request.hostInterface || hostInterfaceName(request.uid),
      ip: request.ip,
      gateway: request.gateway,
      mtu: request.mtu,
    });
  }

  #publish(response: WatchPodsResponse): void {
    for (const watcher of this.#watchers) watcher.push(response);
  }

  /** Runs `fn` after the work asked before for the same pod. */
  #inOrder<T>(uid: string, fn: () => Promise<T>): Promise<T> {
    const before = this.#work.get(uid) ?? Promise.resolve();
    const work = before.then(fn, fn);
    const settled = work
      .catch(() => undefined)
      .finally(() => {
        if (this.#work.get(uid) === settled) this.#work.delete(uid);
      });
    this.#work.set(uid, settled);
    return work;
  }
}
