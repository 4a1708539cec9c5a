/** The Node object an agent registers. Source: kubernetes `pkg/kubelet/nodestatus/setters.go`. */
import type { Node } from '../api/core.ts';
import type { Condition } from '../api/meta.ts';
import { rfc3339 } from '../reconcile/common/time.ts';

/** What a node says of itself. */
export interface NodeFacts {
  readonly name: string;
  readonly ip: string;
  readonly podCIDR: string;
  /** Address at which the node's agent serves exec and logs. */
  readonly controlIP: string;
  readonly cpus: number;
  readonly memoryKiB: number;
  /** nodeInfo: kernelVersion, osImage, architecture ... */
  readonly info: Readonly<Record<string, string>>;
  /** Seconds in which the agent started; conditions that were not there before carry it. */
  readonly nowMs: number;
}

/** Where a node's agent serves: the counterpart of the kubelet's address, on the network of the control plane. */
export const CONTROL_IP_ANNOTATION = 'svclab.dev/control-ip';

/** Pods a node takes (the kubelet's default). */
export const MAX_PODS = 110;

/** The Node to register; times of conditions that stay are kept from what is stored. */
export function nodeObject(facts: NodeFacts, stored: Node | undefined): Node {
  const architecture = facts.info.architecture ?? 'amd64';
  const capacity = {
    cpu: String(facts.cpus),
    memory: `${facts.memoryKiB}Ki`,
    pods: String(MAX_PODS),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: facts.name,
      labels: {
        'kubernetes.io/hostname': facts.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': architecture,
      },
      annotations: { [CONTROL_IP_ANNOTATION]: facts.controlIP },
    },
    spec: { podCIDR: facts.podCIDR, podCIDRs: [facts.podCIDR] },
    status: {
      addresses: [
        { type: 'InternalIP', address: facts.ip },
        { type: 'Hostname', address: facts.name },
      ],
      conditions: conditions(facts.nowMs, stored?.status?.conditions ?? []),
      capacity,
      allocatable: capacity,
      nodeInfo: facts.info,
    },
  };
}

function conditions(nowMs: number, stored: readonly Condition[]): Condition[] {
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string): Condition => {
    const known = stored.find((c) => c.type === type && c.status === status);
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: rfc3339(nowMs),
      lastTransitionTime: known?.lastTransitionTime ?? rfc3339(nowMs),
    };
  };
  return [
    condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
  ];
}
