/** Columns of pods. Source: kubernetes `pkg/printers/internalversion/printers.go` (printPod). */
import type { ContainerStatus, Pod } from '../../api/core.ts';
import { ageOf } from './duration.ts';
import { column, type TableCells } from './table.ts';

/** Columns of `kubectl get pods`. */
export const POD_COLUMNS = [
  column('Name', 'Name of the pod, unique within its namespace', { format: 'name' }),
  column('Ready', 'Containers that are ready, of all containers'),
  column('Status', 'Phase of the pod, or why it is not running'),
  column('Restarts', 'How often the containers have been restarted, and when last'),
  column('Age', 'Time since the pod was made'),
  column('IP', 'Address of the pod', { wide: true }),
  column('Node', 'Node the pod is on', { wide: true }),
  column('Nominated Node', 'Node the pod is to preempt others on', { wide: true }),
  column('Readiness Gates', 'Readiness gates that hold, of all gates', { wide: true }),
];

/** Reason a container gives the pod's status column. */
function containerReason(status: ContainerStatus): string | undefined {
  const { waiting, terminated } = status.state ?? {};
  if (waiting?.reason) return waiting.reason;
  if (terminated) {
    const signal = (terminated as { signal?: number }).signal ?? 0;
    return terminated.reason || (signal !== 0 ? `Signal:${signal}` : `ExitCode:${terminated.exitCode}`);
  }
  return undefined;
}

/** The STATUS column. */
export function podStatusText(pod: Pod): string {
  const statuses = pod.status?.containerStatuses ?? [];
  let reason: string = pod.status?.reason || (pod.status?.phase ?? 'Unknown');
  let running = false;
  for (const status of [...statuses].reverse()) {
    const own = containerReason(status);
    if (own) reason = own;
    else if (status.ready && status.state?.running) running = true;
  }
  if (reason === 'Completed' && running) {
    const ready = (pod.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');
    reason = ready ? 'Running' : 'NotReady';
  }
  if (pod.metadata.deletionTimestamp) {
    if (pod.status?.reason === 'NodeLost') return 'Unknown';
    if (pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed') return 'Terminating';
  }
  return reason;
}

/** Cells of one pod. */
export function podCells(pod: Pod, nowMs: number): TableCells {
  const statuses = pod.status?.containerStatuses ?? [];
  const ready = statuses.filter((s) => s.ready && s.state?.running).length;
  const restarts = statuses.reduce((sum, s) => sum + s.restartCount, 0);
  const last = statuses
    .map((s) => s.lastState?.terminated?.finishedAt)
    .filter((t): t is string => t !== undefined)
    .sort()
    .at(-1);
  const gates = pod.spec.readinessGates ?? [];
  const held = gates.filter((g) =>
    (pod.status?.conditions ?? []).some((c) => c.type === g.conditionType && c.status === 'True'),
  );
  return [
    pod.metadata.name,
    `${ready}/${pod.spec.containers.length}`,
    podStatusText(pod),
    restarts > 0 && last ? `${restarts} (${ageOf(last, nowMs)} ago)` : String(restarts),
    ageOf(pod.metadata.creationTimestamp, nowMs),
    pod.status?.podIP || '<none>',
    pod.spec.nodeName || '<none>',
    '<none>',
    gates.length > 0 ? `${held.length}/${gates.length}` : '<none>',
  ];
}
