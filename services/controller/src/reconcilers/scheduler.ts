import {
  conditionOf,
  hasReason,
  type Node,
  needsPlacement,
  type Pod,
  placePod,
  RESOURCES,
  type StoreEvent,
  withCondition,
} from '@svclab/core';
import { isAbout, objectKey, type Reconciler, type ReconcilerContext, splitKey, unlessGone } from './reconciler.ts';

const COMPONENT = 'default-scheduler';
const ACTOR = { actor: COMPONENT } as const;

/** Gives each pod a node. One at a time: each decision sees the ones before it. */
export class Scheduler implements Reconciler {
  readonly name = 'scheduler';
  readonly workers = 1;
  readonly #context: ReconcilerContext;

  constructor(context: ReconcilerContext) {
    this.#context = context;
  }

  *keysFor(event: StoreEvent): Iterable<string> {
    if (isAbout(event, RESOURCES.nodes)) yield* this.seed();
    else if (isAbout(event, RESOURCES.pods) && event.type !== 'DELETED' && needsPlacement(event.object as Pod))
      yield objectKey(event.object);
  }

  *seed(): Iterable<string> {
    for (const pod of this.#context.registry.list<Pod>(RESOURCES.pods)) if (needsPlacement(pod)) yield objectKey(pod);
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { registry, recorder } = this.#context;
    const { namespace, name } = splitKey(key);
    const pod = registry.get<Pod>(RESOURCES.pods, namespace, name);
    if (!pod || !needsPlacement(pod)) return undefined;
    const placement = placePod(pod, registry.list<Node>(RESOURCES.nodes), registry.list<Pod>(RESOURCES.pods));
    if (placement.node === undefined) {
      await this.#explain(pod, placement.message);
      return undefined;
    }
    try {
      await unlessGone(registry.bind(namespace, name, placement.node, ACTOR));
    } catch (error) {
      // Bound or deleted meanwhile: either way it is no longer ours to place.
      if (hasReason(error, 'Conflict')) return undefined;
      throw error;
    }
    recorder.record(pod, COMPONENT, {
      type: 'Normal',
      reason: 'Scheduled',
      message: `Successfully assigned ${namespace}/${name} to ${placement.node}`,
    });
    return undefined;
  }

  async #explain(pod: Pod, message: string): Promise<void> {
    const { registry, recorder, clock } = this.#context;
    const { namespace = '', name, uid } = pod.metadata;
    if (conditionOf(pod.status?.conditions, 'PodScheduled')?.message === message) return;
    await unlessGone(
      registry.modify<Pod>(
        RESOURCES.pods,
        namespace,
        name,
        (current) => {
          if (current.metadata.uid !== uid || !needsPlacement(current)) return undefined;
          const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message } as const;
          const conditions = withCondition(current.status?.conditions, condition, clock.wall());
          return { ...current, status: { ...current.status, conditions } };
        },
        { ...ACTOR, subresource: 'status' },
      ),
    );
    recorder.record(pod, COMPONENT, { type: 'Warning', reason: 'FailedScheduling', message });
  }
}
