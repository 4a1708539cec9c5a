import { evictIn, jsonEqual, type Node, type Pod, RESOURCES, type StoreEvent } from '@svclab/core';
import { isAbout, objectKey, type Reconciler, type ReconcilerContext, splitKey, unlessGone } from './reconciler.ts';

/** Removes pods that do not tolerate their node's taints any longer, and pods whose node is no more. */
export class PodEvictionReconciler implements Reconciler {
  readonly name = 'pod-eviction';
  readonly workers = 8;
  readonly #context: ReconcilerContext;
  /** Node that does not exist -> since when this was seen. */
  readonly #missing = new Map<string, number>();

  constructor(context: ReconcilerContext) {
    this.#context = context;
  }

  *keysFor(event: StoreEvent): Iterable<string> {
    if (isAbout(event, RESOURCES.pods)) {
      if (event.type !== 'DELETED' && this.#isConcerned(event.object as Pod)) yield objectKey(event.object);
    } else if (isAbout(event, RESOURCES.nodes)) {
      const node = event.object as Node;
      const before = event.previous as Node | undefined;
      if (event.type !== 'DELETED') this.#missing.delete(event.key.name);
      if (event.type === 'MODIFIED' && jsonEqual(node.spec?.taints, before?.spec?.taints)) return;
      for (const pod of this.#context.registry.list<Pod>(RESOURCES.pods))
        if (pod.spec.nodeName === event.key.name) yield objectKey(pod);
    }
  }

  *seed(): Iterable<string> {
    for (const pod of this.#context.registry.list<Pod>(RESOURCES.pods))
      if (this.#isConcerned(pod)) yield objectKey(pod);
  }

  #nodeOf(pod: Pod): Node | undefined {
    return this.#context.registry.get<Node>(RESOURCES.nodes, '', pod.spec.nodeName ?? '');
  }

  #isConcerned(pod: Pod): boolean {
    if (!pod.spec.nodeName) return false;
    const node = this.#nodeOf(pod);
    return !node || (node.spec?.taints ?? []).some((t) => t.effect === 'NoExecute');
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { registry, clock } = this.#context;
    const { namespace, name } = splitKey(key);
    const pod = registry.get<Pod>(RESOURCES.pods, namespace, name);
    if (!pod?.spec.nodeName) return undefined;
    const node = this.#nodeOf(pod);
    if (!node) return this.#collect(pod, pod.spec.nodeName);
    if (pod.metadata.deletionTimestamp) return undefined;
    const waitMs = evictIn(pod, node.spec?.taints ?? [], clock.wall());
    if (waitMs === undefined || waitMs > 0) return waitMs;
    this.#context.recorder.record(pod, 'taint-eviction-controller', {
      type: 'Normal',
      reason: 'TaintManagerEviction',
      message: `Marking for deletion Pod ${namespace}/${name}`,
    });
    await this.#remove(pod, undefined);
    return undefined;
  }

  /** A node that has just vanished may be about to register again: its pods stay for one grace period. Source: kubernetes `pkg/controller/podgc`. */
  async #collect(pod: Pod, node: string): Promise<number | undefined> {
    const { clock, knobs, registry } = this.#context;
    const since = this.#missing.get(node) ?? clock.now();
    this.#missing.set(node, since);
    const waitMs = since + knobs['node.monitorGracePeriod'] - clock.now();
    if (waitMs > 0) return waitMs;
    await this.#remove(pod, 0);
    if (!registry.list<Pod>(RESOURCES.pods).some((p) => p.spec.nodeName === node)) this.#missing.delete(node);
    return undefined;
  }

  async #remove(pod: Pod, gracePeriodSeconds: number | undefined): Promise<void> {
    const { namespace = '', name, uid } = pod.metadata;
    await unlessGone(
      this.#context.registry.delete(RESOURCES.pods, namespace, name, {
        actor: this.name,
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
        ...(uid ? { preconditions: { uid } } : {}),
      }),
    );
  }
}
