import {
  controllerOf,
  controllerRef,
  decideReplicaSet,
  type Pod,
  podFromTemplate,
  RESOURCES,
  type ReplicaSet,
  type StoreEvent,
  selectorMatches,
  withOwner,
  withoutOwners,
} from '@svclab/core';
import {
  isAbout,
  isNamespaceEnding,
  objectKey,
  type Reconciler,
  type ReconcilerContext,
  splitKey,
  unlessGone,
} from './reconciler.ts';

const COMPONENT = 'replicaset-controller';
const ACTOR = { actor: COMPONENT } as const;

/** ReplicaSets: as many pods as asked for. */
export class ReplicaSetReconciler implements Reconciler {
  readonly name = 'replicaset';
  readonly workers = 5;
  readonly #context: ReconcilerContext;

  constructor(context: ReconcilerContext) {
    this.#context = context;
  }

  *keysFor(event: StoreEvent): Iterable<string> {
    if (isAbout(event, RESOURCES.replicasets)) yield objectKey(event.object);
    if (!isAbout(event, RESOURCES.pods)) return;
    for (const pod of [event.object, event.previous]) {
      const owner = pod && controllerOf(pod);
      if (owner?.kind === 'ReplicaSet') yield `${event.key.namespace}/${owner.name}`;
    }
    if (controllerOf(event.object)) return;
    for (const set of this.#context.registry.list<ReplicaSet>(RESOURCES.replicasets, event.key.namespace))
      if (selectorMatches(set.spec.selector, event.object.metadata.labels)) yield objectKey(set);
  }

  *seed(): Iterable<string> {
    for (const set of this.#context.registry.list(RESOURCES.replicasets)) yield objectKey(set);
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { registry, clock } = this.#context;
    const { namespace, name } = splitKey(key);
    const set = registry.get<ReplicaSet>(RESOURCES.replicasets, namespace, name);
    if (!set) return undefined;
    const pods = registry.list<Pod>(RESOURCES.pods, namespace);
    const decision = decideReplicaSet(set, pods, this.#siblings(set, pods), clock.wall());
    for (const pod of decision.release)
      await unlessGone(registry.update(RESOURCES.pods, withoutOwners(pod, new Set([set.metadata.uid ?? ''])), ACTOR));
    for (const pod of decision.adopt) await registry.update(RESOURCES.pods, withOwner(pod, controllerRef(set)), ACTOR);
    // The status first: it describes what was seen, and a failure below must not keep it from being told.
    const { status } = decision;
    if (status)
      await unlessGone(
        registry.modify<ReplicaSet>(
          RESOURCES.replicasets,
          namespace,
          name,
          (current) => (current.metadata.uid === set.metadata.uid ? { ...current, status } : undefined),
          { ...ACTOR, subresource: 'status' },
        ),
      );
    await this.#create(set, decision.create);
    await Promise.all(decision.remove.map((pod) => this.#remove(set, pod)));
    return decision.againInMs;
  }

  /** Pods of the other ReplicaSets under the same owner. */
  #siblings(set: ReplicaSet, pods: readonly Pod[]): readonly Pod[] {
    const owner = controllerOf(set)?.uid;
    if (owner === undefined) return [];
    const uids = new Set(
      this.#context.registry
        .list<ReplicaSet>(RESOURCES.replicasets, set.metadata.namespace)
        .filter((other) => other !== set && controllerOf(other)?.uid === owner)
        .map((other) => other.metadata.uid),
    );
    return pods.filter((pod) => uids.has(controllerOf(pod)?.uid));
  }

  /** Makes pods in batches of 1, 2, 4 ..., so that what is refused is not asked for a hundred times. Source: kubernetes slowStartBatch. */
  async #create(set: ReplicaSet, count: number): Promise<void> {
    let batch = 1;
    for (let left = count; left > 0; batch *= 2) {
      const size = Math.min(batch, left);
      await Promise.all(Array.from({ length: size }, () => this.#createOne(set)));
      left -= size;
    }
  }

  async #createOne(set: ReplicaSet): Promise<void> {
    const { registry, recorder } = this.#context;
    try {
      const pod = await registry.create(RESOURCES.pods, podFromTemplate(set), ACTOR);
      recorder.record(set, COMPONENT, {
        type: 'Normal',
        reason: 'SuccessfulCreate',
        message: `Created pod: ${pod.metadata.name}`,
      });
    } catch (error) {
      if (!isNamespaceEnding(error))
        recorder.record(set, COMPONENT, {
          type: 'Warning',
          reason: 'FailedCreate',
          message: `Error creating: ${(error as Error).message}`,
        });
      throw error;
    }
  }

  async #remove(set: ReplicaSet, pod: Pod): Promise<void> {
    const { namespace = '', name, uid } = pod.metadata;
    const gone = await unlessGone(
      this.#context.registry.delete(RESOURCES.pods, namespace, name, {
        ...ACTOR,
        ...(uid ? { preconditions: { uid } } : {}),
      }),
    );
    if (gone)
      this.#context.recorder.record(set, COMPONENT, {
        type: 'Normal',
        reason: 'SuccessfulDelete',
        message: `Deleted pod: ${name}`,
      });
  }
}
