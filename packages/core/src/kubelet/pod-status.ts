/** A PodStatus from what a node sees. Source: kubernetes `pkg/kubelet/kubelet_pods.go`, `status/generate.go`. */
import type { ContainerStatus, Pod, PodStatus } from '../api/core.ts';
import type { Condition } from '../api/meta.ts';
import { qosClass } from '../kube/defaults/pod.ts';
import { rfc3339 } from '../reconcile/common/time.ts';

/** State of a container's run. */
export interface ContainerRun {
  readonly state: 'waiting' | 'running' | 'terminated';
  readonly reason: string;
  readonly message: string;
  readonly exitCode: number;
  /** Milliseconds since the epoch; 0 when not. */
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly containerID: string;
}

/** One container as the node sees it. */
export interface ObservedContainer {
  readonly name: string;
  /** Undefined: not created. */
  readonly run: ContainerRun | undefined;
  /** The run before, when that has ended. */
  readonly lastRun: ContainerRun | undefined;
  readonly restartCount: number;
  readonly ready: boolean;
  readonly started: boolean;
  /** Why it does not run although it should (CrashLoopBackOff, CreateContainerConfigError ...). */
  readonly waiting: { readonly reason: string; readonly message: string } | undefined;
}

/** One pod as the node sees it. */
export interface ObservedPod {
  readonly pod: Pod;
  readonly containers: readonly ObservedContainer[];
  /** "" until it has one. */
  readonly podIP: string;
  readonly hostIP: string;
  /** When the node took it on, milliseconds since the epoch. */
  readonly startMs: number;
  /** Conditions as computed last, which the stored pod may not show yet; without them the stored ones count. */
  readonly lastConditions?: readonly Condition[] | undefined;
  /** Now, milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Computes the status. Times of conditions that did not change are kept. */
export function podStatus(observed: ObservedPod): PodStatus {
  const { pod, podIP, hostIP } = observed;
  const containerStatuses = observed.containers.map((c) => containerStatus(pod, c));
  const phase = podPhase(pod, observed.containers);
  return {
    phase,
    conditions: conditions(observed, phase),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(podIP === '' ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: rfc3339(observed.startMs),
    containerStatuses,
    qosClass: qosClass(pod.spec),
  };
}

/** Where a pod is in its life (kubelet `getPhase`). */
export function podPhase(pod: Pod, containers: readonly ObservedContainer[]): NonNullable<PodStatus['phase']> {
  const waiting = containers.filter((c) => (!c.run || c.run.state === 'waiting') && !c.lastRun);
  if (waiting.length > 0) return 'Pending';
  const stopped = containers.filter((c) => c.run?.state === 'terminated');
  if (stopped.length < containers.length) return 'Running';
  const policy = pod.spec.restartPolicy ?? 'Always';
  if (policy === 'Always' && !pod.metadata.deletionTimestamp) return 'Running';
  if (stopped.every((c) => c.run?.exitCode === 0)) return 'Succeeded';
  return policy === 'OnFailure' && !pod.metadata.deletionTimestamp ? 'Running' : 'Failed';
}

function containerStatus(pod: Pod, container: ObservedContainer): ContainerStatus {
  const image = pod.spec.containers.find((c) => c.name === container.name)?.image ?? '';
  const { run, waiting } = container;
  // While it waits to start again, its last end is the last state.
  const last = waiting && run?.state === 'terminated' ? run : container.lastRun;
  return {
    name: container.name,
    ready: container.ready,
    started: container.started,
    restartCount: container.restartCount,
    image,
    imageID: image === '' ? '' : `svclab/${image}`,
    ...(run?.containerID ? { containerID: run.containerID } : {}),
    state: waiting
      ? { waiting: { reason: waiting.reason, ...(waiting.message ? { message: waiting.message } : {}) } }
      : runState(run),
    ...(last ? { lastState: runState(last) } : {}),
  };
}

function runState(run: ContainerRun | undefined): NonNullable<ContainerStatus['state']> {
  if (!run) return { waiting: { reason: 'ContainerCreating' } };
  if (run.state === 'running') return { running: { startedAt: rfc3339(run.startedMs) } };
  if (run.state === 'waiting')
    return { waiting: { reason: run.reason || 'ContainerCreating', ...(run.message ? { message: run.message } : {}) } };
  return {
    terminated: {
      exitCode: run.exitCode,
      reason: run.reason,
      startedAt: rfc3339(run.startedMs),
      finishedAt: rfc3339(run.finishedMs),
    },
  };
}

function conditions(observed: ObservedPod, phase: string): Condition[] {
  const { pod, containers, podIP, nowMs } = observed;
  const before = pod.status?.conditions ?? [];
  const condition = (type: string, ok: boolean, why?: { reason: string; message?: string }): Condition => {
    const status = ok ? 'True' : 'False';
    const known = (observed.lastConditions ?? before).find((c) => c.type === type);
    const same = known?.status === status && known.lastTransitionTime !== undefined;
    return {
      type,
      status,
      ...(ok || !why ? {} : why),
      lastProbeTime: null,
      lastTransitionTime: (same && known.lastTransitionTime) || rfc3339(nowMs),
    };
  };
  const unready = containers.filter((c) => !c.ready).map((c) => c.name);
  const done = phase === 'Succeeded' || phase === 'Failed';
  const why = done
    ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const containersReady = unready.length === 0 && !done;
  const gate = (pod.spec.readinessGates ?? []).find(
    (g) => !before.some((c) => c.type === g.conditionType && c.status === 'True'),
  );
  const gateWhy = gate && {
    reason: 'ReadinessGatesNotMet',
    message: `the status of pod readiness gate "${gate.conditionType}" is not "True", but ${before.find((c) => c.type === gate.conditionType)?.status ?? 'False'}`,
  };
  return [
    condition('PodReadyToStartContainers', podIP !== ''),
    condition('Initialized', true),
    condition('Ready', containersReady && !gate, containersReady ? gateWhy : why),
    condition('ContainersReady', containersReady, why),
    condition('PodScheduled', true),
  ];
}
