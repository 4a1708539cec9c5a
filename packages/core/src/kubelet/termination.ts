/** When a pod that is being deleted may end: not before no node sends it new connections. */
import type { Node, Pod, Service } from '../api/core.ts';
import type { EndpointSlice } from '../api/discovery.ts';

/** What is known about a terminating pod. */
export interface TerminationView {
  readonly pod: Pod;
  /** The slices of the pod's namespace. */
  readonly slices: readonly EndpointSlice[];
  /** The Services of the pod's namespace. */
  readonly services: readonly Service[];
  readonly nodes: readonly Node[];
  /** Node -> store revision its rules contain. */
  readonly programmed: ReadonlyMap<string, number>;
  /** Revision at which all slices were first seen to have let the pod go; undefined until then. */
  readonly releasedRevision: number | undefined;
  /** An earlier look has found the pod in a slice. */
  readonly wasHeld: boolean;
  /** Revision of what is seen now. */
  readonly revision: number;
  readonly nowMs: number;
  /** End of the grace period, on the clock of `nowMs`. */
  readonly deadlineMs: number;
}

/** What to do with it. */
export type TerminationDecision =
  /** Serve on. `releasedRevision` and `wasHeld` are to be handed in next time. */
  | {
      readonly kind: 'serve';
      readonly releasedRevision: number | undefined;
      readonly wasHeld: boolean;
      readonly waitingFor: readonly string[];
    }
  /** End it: all nodes know, or the grace period is over. */
  | { readonly kind: 'stop'; readonly reason: 'programmed' | 'grace-period-over' };

/**
 * Decides whether a terminating pod goes on serving. It stops when every slice says that it is not ready any more and the rules of every
 * Ready node contain the revision that says so, or when its grace period is over. Real pods buy this with a `preStop` sleep.
 */
export function decideTermination(view: TerminationView): TerminationDecision {
  if (view.nowMs >= view.deadlineMs) return { kind: 'stop', reason: 'grace-period-over' };
  if (view.slices.some((slice) => holdsReady(slice, view.pod)))
    return { kind: 'serve', releasedRevision: undefined, wasHeld: true, waitingFor: ['endpointslice'] };
  const released = view.releasedRevision ?? view.revision;
  if (!view.wasHeld && !view.slices.some((slice) => holds(slice, view.pod)))
    // In no slice when its deletion was seen: no rule leads to it, unless the slices are still to be written that hold it.
    return view.services.some((service) => isSelected(view.pod, service))
      ? { kind: 'serve', releasedRevision: undefined, wasHeld: false, waitingFor: ['endpointslice'] }
      : { kind: 'stop', reason: 'programmed' };
  const waitingFor = view.nodes
    .filter(isReady)
    .map((node) => node.metadata.name)
    .filter((name) => (view.programmed.get(name) ?? 0) < released);
  return waitingFor.length === 0
    ? { kind: 'stop', reason: 'programmed' }
    : { kind: 'serve', releasedRevision: released, wasHeld: true, waitingFor };
}

/** A slice of the service must come to hold the pod, were it only as terminating. */
function isSelected({ metadata, status }: Pod, { spec }: Service): boolean {
  const selector = Object.entries(spec.selector ?? {});
  return (
    Boolean(status?.podIP) &&
    !['Succeeded', 'Failed'].includes(status?.phase ?? '') &&
    spec.type !== 'ExternalName' &&
    selector.length > 0 &&
    selector.every(([key, value]) => metadata.labels?.[key] === value)
  );
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
}

function endpointsOf(slice: EndpointSlice, { metadata }: Pod) {
  return (slice.endpoints ?? []).filter((e) =>
    e.targetRef?.uid
      ? e.targetRef.uid === metadata.uid
      : e.targetRef?.kind === 'Pod' && e.targetRef.name === metadata.name,
  );
}

function holds(slice: EndpointSlice, pod: Pod): boolean {
  return endpointsOf(slice, pod).length > 0;
}

function holdsReady(slice: EndpointSlice, pod: Pod): boolean {
  return endpointsOf(slice, pod).some((e) => e.conditions?.terminating !== true);
}
