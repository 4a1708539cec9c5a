/** One pod bound to this node, from its creation to its end: the role of the kubelet's pod worker. */
import {
  AddressesExhaustedError,
  type BackoffLimits,
  type Cache,
  type Cancel,
  type Clock,
  type ContainerStatus,
  decideTermination,
  type EndpointSlice,
  type LabConfig,
  type Node,
  type ObservedContainer,
  type Pod,
  type PodAddresses,
  type PodStatus,
  podStatus,
  RESOURCES,
  type TimelineType,
} from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import type { HostedPod } from '@svclab/wire';
import type { NodeSettings } from '../config.ts';
import type { EventText } from '../report/events.ts';
import { ContainerWorker } from './container-worker.ts';
import { execInContainer, type PodHostClient } from './pod-host-link.ts';
import { podRequest } from './pod-request.ts';
import { attemptProbe } from './probe-attempt.ts';

/** What all pod workers of a node share. */
export interface PodWorkerContext {
  readonly cache: Cache;
  readonly settings: NodeSettings;
  readonly lab: LabConfig;
  readonly podHost: Pick<PodHostClient, 'ensurePod' | 'stopPod' | 'restartContainer' | 'stopContainer' | 'exec'>;
  readonly addresses: PodAddresses;
  readonly clock: Clock;
  readonly log: Logger;
  readonly backoff: BackoffLimits;
  /** Node -> store revision its rules contain. */
  readonly programmed: ReadonlyMap<string, number>;
  readonly stamp: (type: TimelineType, pod: string, cause: string) => void;
  readonly event: (pod: Pod, text: EventText) => void;
  /** A status, or `finished`, may have changed. */
  readonly onChange: () => void;
}

const RETRY_MS = 1000;
const DEFAULT_GRACE_SECONDS = 30;

/** Drives one pod. Inputs are `update`, `observe` and `reconcile`; each looks at the whole state and may come at any time. */
export class PodWorker {
  readonly #context: PodWorkerContext;
  readonly #startMs: number;
  #pod: Pod;
  #hosted: HostedPod | undefined;
  #hostKnown = false;
  #containers = new Map<string, ContainerWorker>();
  #createErrors: ReadonlyMap<string, string> = new Map();
  #ip = '';
  /** Restarts by container that pod-host does not count, once this agent has asked for the pod. */
  #bases: ReadonlyMap<string, number> | undefined;
  #busy = false;
  #retry: Cancel | undefined;
  #deadlineMs: number | undefined;
  #releasedRevision: number | undefined;
  #wasHeld = false;
  #deadline: Cancel | undefined;
  #signalled = false;
  #finished = false;
  #wasReady: boolean | undefined;

  constructor(context: PodWorkerContext, pod: Pod) {
    this.#context = context;
    this.#pod = pod;
    this.#startMs = pod.status?.startTime ? Date.parse(pod.status.startTime) : context.clock.wall();
    if (pod.status?.podIP && !pod.spec.hostNetwork) context.addresses.pass(pod.status.podIP);
  }

  get pod(): Pod {
    return this.#pod;
  }

  get uid(): string {
    return this.#pod.metadata.uid ?? '';
  }

  /** `namespace/name`. */
  get label(): string {
    return `${this.#pod.metadata.namespace ?? ''}/${this.#pod.metadata.name}`;
  }

  /** The pod was being deleted and has ended: its object may go. */
  get finished(): boolean {
    return this.#finished;
  }

  /** A newer version of the object. */
  update(pod: Pod): void {
    const annotations = JSON.stringify(pod.metadata.annotations) !== JSON.stringify(this.#pod.metadata.annotations);
    this.#pod = pod;
    if (annotations && this.#hosted) this.#ensure();
    this.reconcile();
  }

  /** What pod-host has of this pod; undefined: nothing. */
  observe(hosted: HostedPod | undefined): void {
    this.#hostKnown = true;
    if (hosted) this.#adopt(hosted);
    else if (this.#hosted) this.#lost();
    this.#hosted = hosted;
    for (const container of hosted?.containers ?? []) this.#containers.get(container.name)?.observe(container);
    this.reconcile();
    this.#changed();
  }

  /** Does what the present state asks for. */
  reconcile(): void {
    if (this.#finished || !this.#hostKnown) return;
    if (this.#pod.metadata.deletionTimestamp) this.#terminate();
    else if (!this.#hosted && !hasEnded(this.#pod)) this.#ensure();
  }

  /** The object is gone: the pod ends now. */
  async remove(): Promise<void> {
    this.#dispose();
    this.#context.addresses.release(this.uid);
    if (!this.#hosted) return;
    await this.#context.podHost.stopPod({ uid: this.uid });
    this.#context.stamp('pod.stopped', this.label, 'object is gone');
  }

  /** Ends timers and probes and leaves the pod running: the agent stops. */
  dispose(): void {
    this.#dispose();
  }

  /** The status to report; undefined while pod-host's view of the pod is not known. */
  status(): PodStatus | undefined {
    if (!this.#hostKnown || (!this.#hosted && hasEnded(this.#pod))) return undefined;
    const { settings, clock } = this.#context;
    return podStatus({
      pod: this.#pod,
      containers: this.#pod.spec.containers.map((c) => this.#observed(c.name)),
      podIP: this.#hosted ? this.#podIP() : '',
      hostIP: settings.lanIP,
      startMs: this.#startMs,
      nowMs: clock.wall(),
    });
  }

  #podIP(): string {
    return this.#pod.spec.hostNetwork ? this.#context.settings.lanIP : this.#ip;
  }

  #observed(name: string): ObservedContainer {
    const error = this.#createErrors.get(name);
    const waiting = error === undefined ? undefined : { reason: 'CreateContainerConfigError', message: error };
    const observed = this.#containers.get(name)?.observed();
    if (observed && this.#hosted) return observed;
    // Shown as it was until the new run begins.
    const stored = this.#pod.status?.containerStatuses?.find((c) => c.name === name);
    const restartCount = this.#bases?.get(name) ?? stored?.restartCount ?? 0;
    return { name, run: undefined, lastRun: undefined, restartCount, ready: false, started: false, waiting };
  }

  #changed(): void {
    const ready = this.status()?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
    if (ready !== (this.#wasReady ?? false) && this.#hostKnown) {
      if (this.#wasReady !== undefined || ready)
        this.#context.stamp(ready ? 'pod.ready' : 'pod.not-ready', this.label, '');
    }
    this.#wasReady = ready;
    this.#context.onChange();
  }

  /** Takes on a pod that pod-host has, whether this agent asked for it or an earlier run did. */
  #adopt(hosted: HostedPod): void {
    if (this.#hosted) return;
    this.#createErrors = new Map();
    if (hosted.ip !== '') {
      this.#ip = hosted.ip;
      this.#context.addresses.adopt(this.uid, hosted.ip);
    }
    if (this.#bases) this.#context.stamp('pod.started', this.label, '');
    for (const container of this.#pod.spec.containers) {
      const stored = this.#pod.status?.containerStatuses?.find((c) => c.name === container.name);
      const seen = hosted.containers.find((c) => c.name === container.name);
      const base = this.#bases?.get(container.name);
      this.#containers.get(container.name)?.dispose();
      this.#containers.set(
        container.name,
        this.#containerWorker(
          container,
          base ?? restartsBeforeHost(stored, seen?.restartCount ?? 0, seen?.containerId),
          base === undefined ? stored : undefined,
        ),
      );
    }
  }

  #containerWorker(
    container: Pod['spec']['containers'][number],
    restartBase: number,
    adopted: ContainerStatus | undefined,
  ): ContainerWorker {
    const { clock, backoff, podHost } = this.#context;
    const { namespace = '', name } = this.#pod.metadata;
    const uid = this.uid;
    return new ContainerWorker({
      pod: this.#pod,
      container,
      clock,
      backoff,
      restartBase,
      adopted,
      attempt: (target, probe, timeoutMs) =>
        attemptProbe(
          probe,
          {
            podIP: this.#podIP(),
            container: target,
            exec: (command, signal) =>
              execInContainer(podHost, { namespace, pod: name, container: target.name }, command, signal),
          },
          timeoutMs,
        ),
      restart: async (which, reason) => void (await podHost.restartContainer({ uid, container: which, reason })),
      stop: async (which) => void (await podHost.stopContainer({ uid, container: which })),
      event: (text) => this.#context.event(this.#pod, text),
      onChange: () => this.#changed(),
    });
  }

  /** pod-host has lost the pod (it was restarted): the pod begins anew, elsewhere in the address range. */
  #lost(): void {
    this.#bases = new Map([...this.#containers].map(([name, worker]) => [name, worker.restartCount + 1]));
    for (const worker of this.#containers.values()) worker.dispose();
    this.#context.addresses.release(this.uid);
    this.#ip = '';
  }

  /** Restarts of a container that is to be made: a run that is known from its status has been lost with its pod-host. */
  #restartsBefore(name: string): number {
    const base = this.#bases?.get(name);
    if (base !== undefined) return base;
    const stored = this.#pod.status?.containerStatuses?.find((c) => c.name === name);
    return (stored?.restartCount ?? 0) + (stored?.containerID ? 1 : 0);
  }

  #ensure(): void {
    if (this.#busy || this.#retry) return;
    this.#busy = true;
    void this.#create().then((ok) => {
      this.#busy = false;
      if (!ok) this.#retryLater();
      this.#changed();
      this.reconcile();
    });
  }

  async #create(): Promise<boolean> {
    const { addresses, podHost, log } = this.#context;
    const pod = this.#pod;
    try {
      const ip = pod.spec.hostNetwork ? '' : addresses.allocate(this.uid);
      const result = podRequest(pod, ip, addresses.gateway, this.#context);
      if ('errors' in result) {
        this.#createErrors = result.errors;
        for (const [container, message] of result.errors)
          this.#context.event(pod, { type: 'Warning', reason: 'Failed', message: `Error: ${message}`, container });
        return false;
      }
      this.#createErrors = new Map();
      if (!this.#hosted) this.#bases = new Map(pod.spec.containers.map((c) => [c.name, this.#restartsBefore(c.name)]));
      await podHost.ensurePod(result.request);
      return true;
    } catch (error) {
      log.warn({ event: 'pod-not-created', pod: this.label, err: error });
      const why = error instanceof AddressesExhaustedError ? 'FailedCreatePodSandBox' : 'FailedCreatePodContainer';
      this.#context.event(pod, {
        type: 'Warning',
        reason: why,
        message: `Failed to create pod sandbox: ${(error as Error).message}`,
      });
      return false;
    }
  }

  #retryLater(): void {
    this.#retry = this.#context.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      this.reconcile();
    });
  }

  #terminate(): void {
    this.#beginTermination();
    if (this.#busy || this.#retry) return;
    if (!this.#hosted) {
      this.#finish();
      return;
    }
    const { cache, programmed, clock, log } = this.#context;
    const decision = decideTermination({
      pod: this.#pod,
      slices: cache.list<EndpointSlice>(RESOURCES.endpointslices, this.#pod.metadata.namespace),
      nodes: cache.list<Node>(RESOURCES.nodes),
      programmed,
      releasedRevision: this.#releasedRevision,
      wasHeld: this.#wasHeld,
      revision: cache.revision,
      nowMs: clock.now(),
      deadlineMs: this.#deadlineMs ?? clock.now(),
    });
    if (decision.kind === 'serve') {
      this.#releasedRevision = decision.releasedRevision;
      this.#wasHeld = true;
      return;
    }
    if (decision.reason === 'grace-period-over') log.info({ event: 'grace-period-over', pod: this.label });
    this.#stop(decision.reason);
  }

  #beginTermination(): void {
    if (this.#deadlineMs !== undefined) return;
    const { clock, stamp, event, podHost } = this.#context;
    const { metadata, spec } = this.#pod;
    const graceMs =
      (metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000;
    // The timestamp is when the grace period ends; the clocks of different hosts may differ, so never longer than the period.
    const leftMs = Date.parse(metadata.deletionTimestamp ?? '') - clock.wall();
    const waitMs = Math.min(Math.max(0, leftMs), graceMs);
    this.#deadlineMs = clock.now() + waitMs;
    this.#deadline = clock.after(waitMs, () => this.reconcile());
    for (const worker of this.#containers.values()) worker.terminate();
    stamp('pod.terminating', this.label, '');
    if (!this.#hosted) return;
    for (const { name } of spec.containers)
      event(this.#pod, { type: 'Normal', reason: 'Killing', message: `Stopping container ${name}`, container: name });
    if (this.#signalled) return;
    this.#signalled = true;
    // Only a hint to the clients that keep connections: the pod ends at the next step in any case.
    podHost.stopPod({ uid: this.uid, signalOnly: true }).catch(() => undefined);
  }

  #stop(cause: string): void {
    this.#busy = true;
    this.#context.podHost.stopPod({ uid: this.uid }).then(
      () => {
        this.#busy = false;
        this.#context.stamp('pod.stopped', this.label, cause);
        this.#hosted = undefined;
        this.#finish();
      },
      (error: unknown) => {
        this.#busy = false;
        this.#context.log.warn({ event: 'pod-not-stopped', pod: this.label, err: error });
        this.#retryLater();
      },
    );
  }

  #finish(): void {
    this.#dispose();
    this.#context.addresses.release(this.uid);
    this.#finished = true;
    this.#context.onChange();
  }

  #dispose(): void {
    this.#retry?.();
    this.#deadline?.();
    for (const worker of this.#containers.values()) worker.dispose();
  }
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/**
 * Restarts that pod-host does not know of, for a pod that an earlier run of the agent made. When the container is another run than the
 * one reported, one restart has happened unreported.
 */
function restartsBeforeHost(stored: ContainerStatus | undefined, hosted: number, hostedID: string | undefined): number {
  if (!stored) return 0;
  const unreported = stored.containerID !== undefined && stored.containerID !== hostedID ? 1 : 0;
  return Math.max(0, stored.restartCount + unreported - hosted);
}
