/** The end of one pod that is being deleted: how long it serves on, and what cuts it off. */
import {
  type Cancel,
  decideTermination,
  type EndpointSlice,
  type Node,
  type Pod,
  RESOURCES,
  type Service,
} from '@svclab/core';
import type { PodContext } from './pod-context.ts';

const DEFAULT_GRACE_SECONDS = 30;

/** Begins when the deletion is first seen. */
export class PodTermination {
  readonly #context: PodContext;
  readonly #deadlineMs: number;
  readonly #deadline: Cancel;
  #releasedRevision: number | undefined;
  #wasHeld = false;
  #killed = false;

  /** @param onDeadline called when the grace period is over */
  constructor(context: PodContext, { metadata, spec }: Pod, onDeadline: () => void) {
    const { clock } = context;
    const graceMs =
      (metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000;
    // The timestamp is when the grace period ends; the clocks of different hosts may differ, so never longer than the period.
    const leftMs = Date.parse(metadata.deletionTimestamp ?? '') - clock.wall();
    const waitMs = Math.min(Math.max(0, leftMs), graceMs);
    this.#context = context;
    this.#deadlineMs = clock.now() + waitMs;
    this.#deadline = clock.after(waitMs, onDeadline);
  }

  /** Tells the containers that the end is near. */
  announce(pod: Pod): void {
    const { event, podHost } = this.#context;
    for (const { name } of pod.spec.containers)
      event(pod, { type: 'Normal', reason: 'Killing', message: `Stopping container ${name}`, container: name });
    // Only a hint to the clients that keep connections: the pod ends at the next step in any case.
    podHost.stopPod({ uid: pod.metadata.uid ?? '', signalOnly: true }).catch(() => undefined);
  }

  /** Cuts off what is still in flight once the grace period is over, as SIGKILL does. */
  killWhenOver({ metadata }: Pod): void {
    if (this.#killed || this.#context.clock.now() < this.#deadlineMs) return;
    this.#killed = true;
    // Only makes the end sooner: the pod is stopped in any case.
    this.#context.podHost.killPod({ namespace: metadata.namespace ?? '', pod: metadata.name }).catch(() => undefined);
  }

  /** Why it is to stop now; undefined: it serves on. */
  decide(pod: Pod): 'programmed' | 'grace-period-over' | undefined {
    const { cache, programmed, clock, log } = this.#context;
    const { namespace = '', name } = pod.metadata;
    const decision = decideTermination({
      pod,
      slices: cache.list<EndpointSlice>(RESOURCES.endpointslices, namespace),
      services: cache.list<Service>(RESOURCES.services, namespace),
      nodes: cache.list<Node>(RESOURCES.nodes),
      programmed,
      releasedRevision: this.#releasedRevision,
      wasHeld: this.#wasHeld,
      revision: cache.revision,
      nowMs: clock.now(),
      deadlineMs: this.#deadlineMs,
    });
    if (decision.kind === 'serve') {
      this.#releasedRevision = decision.releasedRevision;
      this.#wasHeld = decision.wasHeld;
      return undefined;
    }
    if (decision.reason === 'grace-period-over') log.info({ event: 'grace-period-over', pod: `${namespace}/${name}` });
    return decision.reason;
  }

  dispose(): void {
    this.#deadline();
  }
}
