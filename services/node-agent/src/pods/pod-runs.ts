/** What the stored status of a pod says about its containers' runs, for an agent that did not see them. */
import type { ContainerRun, ContainerStatus, Pod, PodStatus } from '@svclab/core';

/** The pod has ended for good: nothing of it is started again. */
export function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Condition Ready. */
export function isReady(status: PodStatus | undefined): boolean {
  return status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
}

/** A run that was lost with its pod-host: containerd's exit code and reason for a container whose task it does not find any more. */
export function lostRun(run: ContainerRun, finishedMs: number): ContainerRun {
  return { ...run, state: 'terminated', reason: 'Unknown', message: '', exitCode: 255, finishedMs };
}

/** How the runs of a pod ended that its status knows and pod-host does not: container -> run. @param nowMs since the epoch */
export function lostRuns(status: PodStatus | undefined, nowMs: number): ReadonlyMap<string, ContainerRun> {
  const runs = new Map<string, ContainerRun>();
  for (const { name, state, lastState, containerID = '' } of status?.containerStatuses ?? []) {
    const startedMs = Date.parse(state?.running?.startedAt ?? '');
    const run = state?.running
      ? lostRun({ ...BLANK, startedMs: startedMs || nowMs, containerID }, nowMs)
      : (endedRun(state, containerID) ?? endedRun(lastState, containerID));
    if (run) runs.set(name, run);
  }
  return runs;
}

/** The run that a status shows as terminated; undefined when it shows none. */
export function endedRun(state: ContainerStatus['state'], containerID = ''): ContainerRun | undefined {
  if (!state?.terminated) return undefined;
  const { exitCode, reason = '', startedAt = '', finishedAt = '' } = state.terminated;
  return {
    ...BLANK,
    reason,
    exitCode,
    startedMs: Date.parse(startedAt) || 0,
    finishedMs: Date.parse(finishedAt) || 0,
    containerID,
  };
}

/**
 * Restarts that pod-host does not know of, for a pod that an earlier run of the agent made. When the container is another run than the
 * one reported, one restart has happened unreported.
 */
export function restartsBeforeHost(
  stored: ContainerStatus | undefined,
  hosted: number,
  hostedID: string | undefined,
): number {
  if (!stored) return 0;
  const unreported = stored.containerID !== undefined && stored.containerID !== hostedID ? 1 : 0;
  return Math.max(0, stored.restartCount + unreported - hosted);
}

const BLANK: ContainerRun = {
  state: 'terminated',
  reason: '',
  message: '',
  exitCode: 0,
  startedMs: 0,
  finishedMs: 0,
  containerID: '',
};
