/** All pods of this node. */
import { type Cancel, type Pod, RESOURCES, type ReadinessFlap, type StoreEvent } from '@svclab/core';
import type { HostedPod } from '@svclab/wire';
import type { PodReport } from '../report/reporter.ts';
import type { PodContext } from './pod-context.ts';
import type { PodHostListener } from './pod-host-link.ts';
import { PodWorker } from './pod-worker.ts';

const RETRY_MS = 1000;

/** Joins the pods of the store with those of pod-host and gives each a worker. */
export class PodManager implements PodHostListener {
  readonly #context: PodContext;
  readonly #workers = new Map<string, PodWorker>();
  readonly #hosted = new Map<string, HostedPod>();
  readonly #stopping = new Set<string>();
  #hostKnown = false;
  #unsubscribe: Cancel = () => undefined;

  constructor(context: PodContext) {
    this.#context = context;
  }

  /** Begins with the pods that exist. */
  start(): void {
    const { cache } = this.#context;
    for (const pod of cache.list<Pod>(RESOURCES.pods)) this.#put(pod);
    this.#unsubscribe = cache.subscribe((event) => this.#onEvent(event));
  }

  /** Ends; the pods run on. */
  stop(): void {
    this.#unsubscribe();
    for (const worker of this.#workers.values()) worker.dispose();
  }

  /** What is to be reported. */
  reports(): PodReport[] {
    return [...this.#workers.values()].flatMap((worker) => {
      const status = worker.status();
      return status || worker.finished
        ? [{ pod: worker.pod, status: status ?? worker.pod.status ?? {}, finished: worker.finished }]
        : [];
    });
  }

  /** What pod-host runs, as far as known. */
  hosted(): Iterable<HostedPod> {
    return this.#hosted.values();
  }

  /** `namespace/name` of the pods. */
  names(): string[] {
    return [...this.#workers.values()].map((worker) => worker.label).sort();
  }

  /** Holds a pod back from being ready, from time to time; without a flap ends what `source` asked for. False: the pod is not on this node. */
  flap(namespace: string, name: string, source: string, flap: ReadinessFlap | undefined): boolean {
    // Of two with the same name (one ending, one beginning) the younger.
    const worker = [...this.#workers.values()].findLast((w) => w.label === `${namespace}/${name}`);
    worker?.flap(source, flap);
    return worker !== undefined;
  }

  /** Ends all that holds pods back. */
  endFlaps(): void {
    for (const worker of this.#workers.values()) worker.endFlaps();
  }

  /** Something that terminating pods wait for has changed. */
  reconsider(): void {
    for (const worker of this.#workers.values()) {
      if (worker.pod.metadata.deletionTimestamp) worker.reconcile();
    }
  }

  onSnapshot(pods: readonly HostedPod[]): void {
    this.#hostKnown = true;
    this.#hosted.clear();
    for (const pod of pods) this.#hosted.set(pod.uid, pod);
    for (const [uid, worker] of this.#workers) worker.observe(this.#hosted.get(uid));
    this.#stopStrays();
  }

  onPod(pod: HostedPod): void {
    this.#hosted.set(pod.uid, pod);
    const worker = this.#workers.get(pod.uid);
    if (worker) worker.observe(pod);
    // Its object went while it was being made.
    else this.#stopStrays();
  }

  onRemoved({ uid }: HostedPod): void {
    this.#hosted.delete(uid);
    this.#workers.get(uid)?.observe(undefined);
  }

  #onEvent(event: StoreEvent): void {
    const { group, resource } = event.key;
    if (resource === 'pods' && group === '') {
      const pod = event.object as Pod;
      const uid = (event.previous as Pod | undefined)?.metadata.uid;
      if (uid !== undefined && (event.type === 'DELETED' || uid !== pod.metadata.uid)) this.#remove(uid);
      if (event.type !== 'DELETED') this.#put(pod);
      this.#context.onChange();
    } else if ((resource === 'endpointslices' && group === 'discovery.k8s.io') || resource === 'nodes') {
      this.reconsider();
      if (resource === 'nodes') this.#context.onChange();
    } else if (resource === 'configmaps' || resource === 'secrets') {
      for (const worker of this.#workers.values()) worker.reconcile();
    }
  }

  #put(pod: Pod): void {
    const uid = pod.metadata.uid;
    if (pod.spec.nodeName !== this.#context.settings.name || uid === undefined) return;
    const known = this.#workers.get(uid);
    if (known) {
      known.update(pod);
      return;
    }
    const worker = new PodWorker(this.#context, pod);
    this.#workers.set(uid, worker);
    if (this.#hostKnown) worker.observe(this.#hosted.get(uid));
  }

  #remove(uid: string): void {
    const worker = this.#workers.get(uid);
    if (!worker) return;
    this.#workers.delete(uid);
    this.#stopping.add(uid);
    worker
      .remove()
      .catch((err: unknown) => {
        this.#context.log.warn({ event: 'pod-not-stopped', pod: worker.label, err });
        this.#context.clock.after(RETRY_MS, () => this.#stopStrays());
      })
      .finally(() => this.#stopping.delete(uid));
  }

  /** Ends what pod-host runs and the store does not know (any more). */
  #stopStrays(): void {
    if (!this.#context.cache.fresh) {
      // An unreachable store says nothing about which pods should be.
      this.#context.clock.after(RETRY_MS, () => this.#stopStrays());
      return;
    }
    for (const [uid, pod] of this.#hosted) {
      if (this.#workers.has(uid) || this.#stopping.has(uid)) continue;
      this.#stopping.add(uid);
      this.#context.log.info({ event: 'stray-pod-stopped', pod: `${pod.namespace}/${pod.name}` });
      this.#context.podHost
        .stopPod({ uid })
        .catch((err: unknown) => {
          this.#context.log.warn({ event: 'pod-not-stopped', pod: pod.name, err });
          this.#context.clock.after(RETRY_MS, () => this.#stopStrays());
        })
        .finally(() => this.#stopping.delete(uid));
    }
  }
}
