import {
  type EndpointSlice,
  type Endpoints,
  type EndpointsDecision,
  type EndpointsPresent,
  hasReason,
  RESOURCES,
  type ReadyDifference,
  readyDifference,
  type Service,
} from '@svclab/core';
import { type ReconcilerContext, unlessGone } from './reconciler.ts';

const ACTOR = { actor: 'endpointslice-controller' } as const;

/** The slices and Endpoints of a Service as they are now. */
export function presentEndpoints(
  { registry, slices }: Pick<ReconcilerContext, 'registry' | 'slices'>,
  namespace: string,
  name: string,
): EndpointsPresent {
  return {
    slices: slices.of(namespace, name),
    endpoints: registry.get<Endpoints>(RESOURCES.endpoints, namespace, name),
  };
}

/** Writes a decision. The slices come first, because nodes act on them, and the timeline is told as soon as they are stored. */
export async function writeEndpoints(
  context: ReconcilerContext,
  service: Service,
  present: EndpointsPresent,
  decision: EndpointsDecision,
): Promise<void> {
  await writeSlices(context, service, present, decision);
  const { endpoints } = decision;
  if (!endpoints) return;
  const { registry } = context;
  if (present.endpoints) await unlessGone(registry.update(RESOURCES.endpoints, endpoints, ACTOR));
  else await registry.create(RESOURCES.endpoints, endpoints, ACTOR);
}

async function writeSlices(
  context: ReconcilerContext,
  service: Service,
  present: EndpointsPresent,
  { slices: { create, update, remove } }: EndpointsDecision,
): Promise<void> {
  const { registry } = context;
  if (create.length + update.length + remove.length === 0) return;
  const written = await Promise.all([
    ...update.map((slice) => registry.update(RESOURCES.endpointslices, slice, ACTOR)),
    ...create.map((slice) => registry.create(RESOURCES.endpointslices, slice, ACTOR)),
  ]);
  const revisions = written.map((slice) => Number(slice.metadata.resourceVersion));
  for (const slice of remove) revisions.push(await removeSlice(context, slice));
  const replaced = new Set([...update, ...remove].map((s) => s.metadata.name));
  const after = [...present.slices.filter((s) => !replaced.has(s.metadata.name)), ...update, ...create];
  stamp(context, service.metadata, Math.max(...revisions), readyDifference(present.slices, after));
}

/** Removes what belonged to a Service that is gone. Endpoints of others stay. */
export async function removeEndpoints(context: ReconcilerContext, namespace: string, name: string): Promise<void> {
  const { registry } = context;
  const { slices, endpoints } = presentEndpoints(context, namespace, name);
  const revisions: number[] = [];
  for (const slice of slices) revisions.push(await removeSlice(context, slice));
  if (slices.length > 0) stamp(context, { namespace, name }, Math.max(...revisions), readyDifference(slices, []));
  if (endpoints?.metadata.labels?.['endpoints.kubernetes.io/managed-by'] !== undefined)
    await unlessGone(registry.delete(RESOURCES.endpoints, namespace, name, ACTOR));
}

/** Removes a slice; returns the revision of that, as the nodes see it. 0 when somebody else had removed it or put another in its place. */
async function removeSlice({ registry }: ReconcilerContext, slice: EndpointSlice): Promise<number> {
  const { namespace = '', name, uid } = slice.metadata;
  try {
    const gone = await unlessGone(
      registry.delete(RESOURCES.endpointslices, namespace, name, {
        ...ACTOR,
        ...(uid ? { preconditions: { uid } } : {}),
      }),
    );
    return gone?.revision ?? 0;
  } catch (error) {
    // Another object under the name: that one is not ours to remove.
    if (!hasReason(error, 'Conflict')) throw error;
    return 0;
  }
}

function stamp(
  { timeline }: ReconcilerContext,
  service: { readonly namespace?: string; readonly name: string },
  revision: number,
  { added, removed, places }: ReadyDifference,
): void {
  timeline.stamp('endpoints.changed', {
    attrs: {
      service: `${service.namespace ?? ''}/${service.name}`,
      revision: String(revision),
      added: added.join(','),
      removed: removed.join(','),
      ...(places.length > 0 ? { places: places.join(',') } : {}),
    },
  });
}
