import { hasReason, type KubeObject, type Namespace, RESOURCES, type StoreEvent } from '@svclab/core';
import type { Definition } from '../registry/definition.ts';
import { isAbout, isNamespaceEnding, type Reconciler, type ReconcilerContext, unlessGone } from './reconciler.ts';

const ACTOR = { actor: 'namespace-controller' } as const;

/** Namespaces: a default service account while they live; when they end, everything in them goes, then they. Source: kubernetes `pkg/controller/namespace`. */
export class NamespaceReconciler implements Reconciler {
  readonly name = 'namespace';
  readonly workers = 4;
  readonly #context: ReconcilerContext;

  constructor(context: ReconcilerContext) {
    this.#context = context;
  }

  *keysFor(event: StoreEvent): Iterable<string> {
    if (isAbout(event, RESOURCES.namespaces)) yield event.key.name;
    else if (event.key.namespace !== '' && event.type !== 'MODIFIED') {
      const isAccount = isAbout(event, RESOURCES.serviceaccounts);
      if (isAccount || this.#get(event.key.namespace)?.metadata.deletionTimestamp) yield event.key.namespace;
    }
  }

  *seed(): Iterable<string> {
    for (const namespace of this.#context.registry.list(RESOURCES.namespaces)) yield namespace.metadata.name;
  }

  #get(name: string): Namespace | undefined {
    return this.#context.registry.get<Namespace>(RESOURCES.namespaces, '', name);
  }

  async reconcile(name: string): Promise<number | undefined> {
    const namespace = this.#get(name);
    if (!namespace) return undefined;
    if (!namespace.metadata.deletionTimestamp) await this.#ensureAccount(name);
    else if (await this.#empty(name)) await this.#finalize(namespace);
    return undefined;
  }

  async #ensureAccount(namespace: string): Promise<void> {
    const { registry } = this.#context;
    if (registry.get(RESOURCES.serviceaccounts, namespace, 'default')) return;
    const account: KubeObject = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } };
    try {
      await registry.create(RESOURCES.serviceaccounts, account, ACTOR);
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists') && !isNamespaceEnding(error)) throw error;
    }
  }

  /** Deletes what is in the namespace. True when nothing is left; what has finalizers or a grace period takes its time. */
  async #empty(namespace: string): Promise<boolean> {
    const { registry } = this.#context;
    const kinds = registry.definitions.all.filter((d) => d.namespaced && !d.view);
    for (const definition of kinds)
      await Promise.all(registry.list(definition, namespace).map((object) => this.#remove(definition, object)));
    return kinds.every((definition) => registry.list(definition, namespace).length === 0);
  }

  async #remove(definition: Definition, object: KubeObject): Promise<void> {
    const { namespace = '', name, uid, deletionTimestamp } = object.metadata;
    if (deletionTimestamp) return;
    await unlessGone(
      this.#context.registry.delete(definition, namespace, name, {
        ...ACTOR,
        propagationPolicy: 'Background',
        ...(uid ? { preconditions: { uid } } : {}),
      }),
    );
  }

  async #finalize({ metadata: { name, uid } }: Namespace): Promise<void> {
    await unlessGone(
      this.#context.registry.modify<Namespace>(
        RESOURCES.namespaces,
        '',
        name,
        (current) =>
          current.metadata.uid === uid
            ? {
                ...current,
                spec: {
                  ...current.spec,
                  finalizers: (current.spec?.finalizers ?? []).filter((f) => f !== 'kubernetes'),
                },
              }
            : undefined,
        { ...ACTOR, subresource: 'finalize' },
      ),
    );
  }
}
