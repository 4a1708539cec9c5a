import {
  controllerOf,
  controllerRef,
  type Deployment,
  type DeploymentAction,
  decideDeployment,
  hasReason,
  type Pod,
  RESOURCES,
  REVISION,
  type ReplicaSet,
  type StoreEvent,
  sameTemplate,
  selectorMatches,
  withOwner,
  withoutOwners,
} from '@svclab/core';
import { isAbout, objectKey, type Reconciler, type ReconcilerContext, splitKey, unlessGone } from './reconciler.ts';

const ACTOR = { actor: 'deployment-controller' } as const;

/** Deployments: one ReplicaSet for each template, sizes moved from the old ones to the new one. */
export class DeploymentReconciler implements Reconciler {
  readonly name = 'deployment';
  readonly workers = 5;
  readonly #context: ReconcilerContext;

  constructor(context: ReconcilerContext) {
    this.#context = context;
  }

  *keysFor(event: StoreEvent): Iterable<string> {
    if (isAbout(event, RESOURCES.deployments)) yield objectKey(event.object);
    else if (isAbout(event, RESOURCES.replicasets)) yield* this.#ownersOfSet(event);
    else if (isAbout(event, RESOURCES.pods) && event.type === 'DELETED') yield* this.#ownersOfPod(event.object as Pod);
  }

  *seed(): Iterable<string> {
    for (const deployment of this.#context.registry.list(RESOURCES.deployments)) yield objectKey(deployment);
  }

  *#ownersOfSet(event: StoreEvent): Iterable<string> {
    for (const set of [event.object, event.previous]) {
      const owner = set && controllerOf(set);
      if (owner?.kind === 'Deployment') yield `${event.key.namespace}/${owner.name}`;
    }
    if (controllerOf(event.object)) return;
    for (const d of this.#context.registry.list<Deployment>(RESOURCES.deployments, event.key.namespace))
      if (selectorMatches(d.spec.selector, event.object.metadata.labels)) yield objectKey(d);
  }

  /** A Deployment that recreates waits for the last pod of the old template. */
  *#ownersOfPod(pod: Pod): Iterable<string> {
    const setName = controllerOf(pod)?.name;
    const namespace = pod.metadata.namespace ?? '';
    const set = this.#context.registry.get<ReplicaSet>(RESOURCES.replicasets, namespace, setName ?? '');
    const owner = set && controllerOf(set);
    if (owner?.kind === 'Deployment') yield `${namespace}/${owner.name}`;
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { registry, clock } = this.#context;
    const { namespace, name } = splitKey(key);
    const deployment = registry.get<Deployment>(RESOURCES.deployments, namespace, name);
    if (!deployment) return undefined;
    const decision = decideDeployment(
      {
        deployment,
        sets: registry.list<ReplicaSet>(RESOURCES.replicasets, namespace),
        podsOf: (uid) => registry.list<Pod>(RESOURCES.pods, namespace).filter((p) => controllerOf(p)?.uid === uid),
      },
      clock.wall(),
    );
    for (const action of decision.actions) await this.#apply(deployment, action);
    return decision.againInMs;
  }

  async #apply(deployment: Deployment, action: DeploymentAction): Promise<void> {
    const { registry } = this.#context;
    const { namespace = '', name } = deployment.metadata;
    switch (action.kind) {
      case 'create-set':
        return this.#create(deployment, action.set);
      case 'scale-set':
        return this.#scale(deployment, action);
      case 'update-set':
        await registry.update<ReplicaSet>(RESOURCES.replicasets, {
          ...action.set,
          metadata: { ...action.set.metadata, annotations: action.annotations },
          spec: { ...action.set.spec, minReadySeconds: action.minReadySeconds },
        });
        return;
      case 'adopt':
        await registry.update(RESOURCES.replicasets, withOwner(action.set, controllerRef(deployment)), ACTOR);
        return;
      case 'release': {
        const uids = new Set([deployment.metadata.uid ?? '']);
        await unlessGone(registry.update(RESOURCES.replicasets, withoutOwners(action.set, uids), ACTOR));
        return;
      }
      case 'delete-set':
        await unlessGone(
          registry.delete(RESOURCES.replicasets, namespace, action.set.metadata.name, {
            ...ACTOR,
            preconditions: preconditions(action.set),
          }),
        );
        return;
      case 'set-revision':
        await unlessGone(
          registry.modify<Deployment>(RESOURCES.deployments, namespace, name, (current) => ({
            ...current,
            metadata: {
              ...current.metadata,
              annotations: { ...current.metadata.annotations, [REVISION]: action.revision },
            },
          })),
        );
        return;
      case 'update-status':
        await this.#writeStatus(deployment, action.status);
    }
  }

  async #create(deployment: Deployment, set: ReplicaSet): Promise<void> {
    const { registry } = this.#context;
    const { namespace = '', name } = set.metadata;
    try {
      await registry.create(RESOURCES.replicasets, set, ACTOR);
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
      const present = registry.get<ReplicaSet>(RESOURCES.replicasets, namespace, name);
      const ours =
        present !== undefined &&
        controllerOf(present)?.uid === deployment.metadata.uid &&
        sameTemplate(present.spec.template, deployment.spec.template);
      if (ours) return;
      const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
      await this.#writeStatus(deployment, { ...deployment.status, collisionCount });
      throw error;
    }
    this.#scaled(deployment, name, 0, set.spec.replicas ?? 0);
  }

  async #scale(deployment: Deployment, action: DeploymentAction & { readonly kind: 'scale-set' }): Promise<void> {
    const { set, replicas, annotations } = action;
    await this.#context.registry.update<ReplicaSet>(
      RESOURCES.replicasets,
      { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas } },
      ACTOR,
    );
    this.#scaled(deployment, set.metadata.name, set.spec.replicas ?? 1, replicas);
  }

  #scaled(deployment: Deployment, set: string, from: number, to: number): void {
    if (from === to) return;
    this.#context.recorder.record(deployment, 'deployment-controller', {
      type: 'Normal',
      reason: 'ScalingReplicaSet',
      message: `Scaled ${to > from ? 'up' : 'down'} replica set ${set} from ${from} to ${to}`,
    });
  }

  async #writeStatus(deployment: Deployment, status: NonNullable<Deployment['status']>): Promise<void> {
    const { namespace = '', name, uid } = deployment.metadata;
    await unlessGone(
      this.#context.registry.modify<Deployment>(
        RESOURCES.deployments,
        namespace,
        name,
        (current) => (current.metadata.uid === uid ? { ...current, status } : undefined),
        { ...ACTOR, subresource: 'status' },
      ),
    );
  }
}

function preconditions(object: ReplicaSet): { readonly uid: string; readonly resourceVersion: string } {
  const { uid = '', resourceVersion = '' } = object.metadata;
  return { uid, resourceVersion };
}
