/** What a create makes of the object a client sends. Source: k8s.io/apiserver `pkg/registry/rest/create.go`. */
import {
  type Clock,
  forbidden,
  type KubeObject,
  type Namespace,
  notFound,
  type ObjectMeta,
  type Random,
  RESOURCES,
} from '@svclab/core';
import { apiVersionOf, type Definition } from './definition.ts';
import { timestamp } from './finish.ts';

/** Where uids, times and generated names come from. */
export interface Makers {
  readonly clock: Pick<Clock, 'wall'>;
  readonly random: Random;
  readonly uuid: () => string;
}

const NAME_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** The object with a name, a uid and a time of its own; what a client may not decide is dropped. */
export function newObject(definition: Definition, given: KubeObject, { clock, random, uuid }: Makers): KubeObject {
  const { status: _status, ...rest } = given as KubeObject & { status?: unknown };
  const meta: Partial<ObjectMeta> = given.metadata ?? {};
  const { deletionTimestamp: _d, deletionGracePeriodSeconds: _g, resourceVersion: _r, ...kept } = meta;
  const name = meta.name || (meta.generateName ? `${meta.generateName.slice(0, 58)}${suffix(random)}` : '');
  const metadata: ObjectMeta = {
    ...kept,
    name,
    uid: uuid(),
    creationTimestamp: timestamp(clock.wall()),
    ...(definition.strategy.generation ? { generation: 1 } : {}),
  };
  const base = definition.status ? rest : given;
  return { ...base, apiVersion: apiVersionOf(definition), kind: definition.kind, metadata };
}

function suffix(random: Random): string {
  return Array.from({ length: 5 }, () => NAME_LETTERS[Math.floor(random.next() * NAME_LETTERS.length)]).join('');
}

/**
 * Refuses an object of a namespace that is not there or is going.
 * @param find reads a Namespace
 */
export function admitNamespace(
  definition: Definition,
  object: KubeObject,
  find: (name: string) => Namespace | undefined,
): void {
  const { namespace } = object.metadata;
  if (!definition.namespaced || !namespace) return;
  const found = find(namespace);
  if (!found) throw notFound(RESOURCES.namespaces, namespace);
  if (found.metadata.deletionTimestamp)
    throw forbidden(
      definition,
      object.metadata.name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
}
