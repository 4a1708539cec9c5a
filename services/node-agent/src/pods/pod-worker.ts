/** One pod bound to this node, from its creation to its end: the role of the kubelet's pod worker. */
import {
  AddressesExhaustedError,
  type Cancel,
  type ContainerRun,
  type ContainerStatus,
  type ObservedContainer,
  type Pod,
  type PodStatus,
  podStatus,
  type ReadinessFlap,
} from '@svclab/core';
import type { HostedPod } from '@svclab/wire';
import { ContainerWorker } from './container-worker.ts';
import type { PodContext } from './pod-context.ts';
import { execInContainer } from './pod-host-link.ts';
import { podRequest } from './pod-request.ts';
import { endedRun, hasEnded, isReady, lostRuns, restartsBeforeHost } from './pod-runs.ts';
import { PodTermination } from './pod-termination.ts';
import { attemptProbe } from './probe-attempt.ts';
import { ReadinessFlaps } from './readiness-flaps.ts';

const RETRY_MS = 1000;

/** Drives one pod. Inputs are `update`, `observe` and `reconcile`; each looks at the whole state and may come at any time. */
export class PodWorker {
  readonly #context: PodContext;
  readonly #startMs: number;
  readonly #flaps: ReadinessFlaps;
  #pod: Pod;
  #hosted: HostedPod | undefined;
  #hostKnown = false;
  #containers = new Map<string, ContainerWorker>();
  #createErrors: ReadonlyMap<string, string> = new Map();
  #ip = '';
  /** Restarts by container that pod-host does not count, once this agent has asked for the pod. */
  #bases: ReadonlyMap<string, number> | undefined;
  /** How the runs ended that pod-host has lost. */
  #lostRuns: ReadonlyMap<string, ContainerRun> = new Map();
  /** pod-host has been asked for the pod and has not shown it yet. */
  #requested = false;
  /** The annotations pod-host has, as JSON; undefined when that is not known. */
  #sentAnnotations: string | undefined;
  #busy = false;
  #retry: Cancel | undefined;
  #termination: PodTermination | undefined;
  #finished = false;
  /** Nothing is to be done any more: the object is gone, or the agent stops. */
  #disposed = false;
  #observing = false;
  #wasReady: boolean | undefined;
  #conditions: PodStatus['conditions'];

  constructor(context: PodContext, pod: Pod) {
    this.#context = context;
    this.#pod = pod;
    this.#flaps = new ReadinessFlaps(context.clock, () => this.#flapped());
    this.#startMs = pod.status?.startTime ? Date.parse(pod.status.startTime) : context.clock.wall();
    if (isReady(pod.status)) this.#wasReady = true;
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
    this.#pod = pod;
    this.reconcile();
  }

  /** Holds the pod back from being ready, from time to time; undefined ends what `source` asked for. */
  flap(source: string, flap: ReadinessFlap | undefined): void {
    if (!this.#disposed && !this.#finished) this.#flaps.set(source, flap);
  }

  /** Ends all that holds the pod back. */
  endFlaps(): void {
    this.#flaps.clear();
  }

  /** What pod-host has of this pod; undefined: nothing. */
  observe(hosted: HostedPod | undefined): void {
    this.#hostKnown = true;
    this.#requested = false;
    if (hosted) this.#adopt(hosted);
    else if (this.#hosted) this.#lost();
    else if (!this.#bases) this.#lostRuns = lostRuns(this.#pod.status, this.#context.clock.wall());
    if (!hosted) this.#sentAnnotations = undefined;
    this.#hosted = hosted;
    // A pod is ready or not as a whole, not while some of its containers are still to be looked at.
    this.#observing = true;
    for (const container of hosted?.containers ?? []) this.#containers.get(container.name)?.observe(container);
    this.#observing = false;
    this.reconcile();
    this.#changed();
  }

  /** Does what the present state asks for. */
  reconcile(): void {
    if (this.#disposed || this.#finished || !this.#hostKnown) return;
    if (this.#pod.metadata.deletionTimestamp) this.#terminate();
    else if (this.#hosted ? annotationsOf(this.#pod) !== this.#sentAnnotations : this.#isToBegin()) this.#ensure();
  }

  /** The object is gone: the pod ends now. */
  async remove(): Promise<void> {
    this.#disposed = true;
    this.#dispose();
    this.#context.addresses.release(this.uid);
    if (this.#finished || !(this.#hosted || this.#requested)) return;
    await this.#context.podHost.stopPod({ uid: this.uid });
    this.#context.stamp('pod.stopped', this.label, 'object is gone');
  }

  /** Ends timers and probes and leaves the pod running: the agent stops. */
  dispose(): void {
    this.#disposed = true;
    this.#dispose();
  }

  /** The status to report; undefined while pod-host's view of the pod is not known. */
  status(): PodStatus | undefined {
    if (!this.#hostKnown || (!this.#hosted && hasEnded(this.#pod))) return undefined;
    const { settings, clock } = this.#context;
    const status = podStatus({
      pod: this.#pod,
      containers: this.#pod.spec.containers.map(({ name }) =>
        this.#flaps.heldBy === undefined ? this.#observed(name) : { ...this.#observed(name), ready: false },
      ),
      podIP: this.#hosted ? this.#podIP() : (this.#endsWithItsRuns() && this.#pod.status?.podIP) || '',
      hostIP: settings.lanIP,
      startMs: this.#startMs,
      lastConditions: this.#conditions,
      nowMs: clock.wall(),
    });
    this.#conditions = status.conditions;
    return status;
  }

  /** Containers that pod-host does not have any more are not made again: how they ended is what there is to say. */
  #endsWithItsRuns(): boolean {
    return this.#pod.metadata.deletionTimestamp !== undefined || this.#pod.spec.restartPolicy === 'Never';
  }

  /** It is to be made: it has neither ended nor, with restartPolicy Never, been lost. */
  #isToBegin(): boolean {
    if (this.#requested || hasEnded(this.#pod)) return false;
    return this.#lostRuns.size === 0 || !this.#endsWithItsRuns();
  }

  #podIP(): string {
    return this.#pod.spec.hostNetwork ? this.#context.settings.lanIP : this.#ip;
  }

  #observed(name: string): ObservedContainer {
    const error = this.#createErrors.get(name);
    const waiting = error === undefined ? undefined : { reason: 'CreateContainerConfigError', message: error };
    const keeps = this.#endsWithItsRuns();
    const observed = this.#containers.get(name)?.observed();
    if (observed && (this.#hosted || keeps)) return observed;
    const stored = this.#pod.status?.containerStatuses?.find((c) => c.name === name);
    const lost = this.#lostRuns.get(name);
    const common = { name, ready: false, started: false, waiting };
    if (keeps && lost) return { ...common, run: lost, lastRun: undefined, restartCount: stored?.restartCount ?? 0 };
    // Shown as it was until the new run begins.
    const restartCount = this.#bases?.get(name) ?? stored?.restartCount ?? 0;
    return { ...common, run: undefined, lastRun: lost, restartCount };
  }

  #flapped(): void {
    const source = this.#flaps.heldBy;
    const message = `Readiness probe failed: held back by fault ${source}`;
    if (source !== undefined) this.#context.event(this.#pod, { type: 'Warning', reason: 'Unhealthy', message });
    this.#changed();
  }

  #changed(): void {
    if (this.#observing) return;
    const ready = isReady(this.status());
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
          this.#lostRuns.get(container.name) ?? endedRun(stored?.lastState, stored?.containerID),
        ),
      );
    }
  }

  #containerWorker(
    container: Pod['spec']['containers'][number],
    restartBase: number,
    adopted: ContainerStatus | undefined,
    lastRun: ContainerRun | undefined,
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
      lastRun,
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
    const runs = [...this.#containers].map(([name, worker]) => [name, worker.lose()] as const);
    this.#lostRuns = new Map(runs.flatMap(([name, run]) => (run ? [[name, run] as const] : [])));
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
      if (this.#disposed) return;
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
      const { request, errors } = podRequest(pod, ip, addresses.gateway, this.#context);
      if (errors.size > 0 && !this.#hosted) {
        this.#createErrors = errors;
        for (const [container, message] of errors)
          this.#context.event(pod, { type: 'Warning', reason: 'Failed', message: `Error: ${message}`, container });
        return false;
      }
      this.#createErrors = new Map();
      if (!this.#hosted) this.#bases = new Map(pod.spec.containers.map((c) => [c.name, this.#restartsBefore(c.name)]));
      this.#requested = !this.#hosted;
      await podHost.ensurePod(request);
      this.#sentAnnotations = annotationsOf(pod);
      return true;
    } catch (error) {
      this.#requested = false;
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
    const termination = this.#beginTermination();
    if (this.#hosted) termination.killWhenOver(this.#pod);
    if (this.#busy || this.#retry) return;
    if (!this.#hosted && !this.#requested) {
      this.#finish();
      return;
    }
    const cause = termination.decide(this.#pod);
    if (cause) this.#stop(cause);
  }

  #beginTermination(): PodTermination {
    if (this.#termination) return this.#termination;
    this.#retry?.();
    this.#retry = undefined;
    this.#termination = new PodTermination(this.#context, this.#pod, () => this.reconcile());
    for (const worker of this.#containers.values()) worker.terminate();
    this.#context.stamp('pod.terminating', this.label, '');
    if (this.#hosted) this.#termination.announce(this.#pod);
    return this.#termination;
  }

  #stop(cause: string): void {
    this.#busy = true;
    this.#context.podHost.stopPod({ uid: this.uid }).then(
      () => {
        this.#busy = false;
        if (this.#disposed) return;
        this.#requested = false;
        this.#context.stamp('pod.stopped', this.label, cause);
        this.#hosted = undefined;
        this.#finish();
      },
      (error: unknown) => {
        this.#busy = false;
        if (this.#disposed) return;
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
    this.#flaps.dispose();
    this.#termination?.dispose();
    for (const worker of this.#containers.values()) worker.dispose();
  }
}

function annotationsOf({ metadata }: Pod): string {
  return JSON.stringify(metadata.annotations ?? {});
}
