import { describe, expect, it } from 'vitest';
import type { Node, Pod, PodStatus, Taint } from '../../api/core.ts';
import type { Condition } from '../../api/meta.ts';
import {
  evictIn,
  isSilenced,
  lifecycleTaints,
  markedPod,
  podsToMark,
  returnedNode,
  silencedNode,
} from './lifecycle.ts';
import { reportedNodeSpec, reportedNodeStatus, reportedPod } from './report.ts';

const START = '2026-01-01T00:00:00Z';
const NOW = Date.parse('2026-01-01T00:01:00Z');
const NOW_TEXT = '2026-01-01T00:01:00Z';

const condition = (type: string, status: Condition['status'], reason = 'Fine'): Condition => ({
  type,
  status,
  reason,
  message: '',
  lastTransitionTime: START,
});
const node = (conditions: readonly Condition[], spec: Node['spec'] = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', labels: { own: 'x' } },
  spec,
  status: { conditions },
});
const healthy = node([
  condition('Ready', 'True'),
  condition('MemoryPressure', 'False'),
  condition('NetworkUnavailable', 'False'),
]);

describe('a silent node', () => {
  it('is unknown in all it posted itself, and only in that', () => {
    const silent = silencedNode(healthy, NOW);
    expect(silent.status?.conditions?.map((c) => `${c.type} ${c.status} ${c.reason} ${c.lastTransitionTime}`)).toEqual([
      `Ready Unknown NodeStatusUnknown ${NOW_TEXT}`,
      `MemoryPressure Unknown NodeStatusUnknown ${NOW_TEXT}`,
      `NetworkUnavailable False Fine ${START}`,
    ]);
    expect(isSilenced(silent)).toBe(true);
    expect(silencedNode(silent, NOW + 1)).toBe(silent);
  });
  it('that never said anything is told apart', () => {
    expect(silencedNode(node([]), NOW).status?.conditions).toMatchObject([
      { type: 'Ready', status: 'Unknown', reason: 'NodeStatusNeverUpdated' },
    ]);
  });
  it('is as before when it returns', () => {
    const back = returnedNode(silencedNode(healthy, NOW), NOW + 1000);
    expect(back.status?.conditions?.map((c) => `${c.type} ${c.status}`)).toEqual([
      'Ready True',
      'MemoryPressure False',
      'NetworkUnavailable False',
    ]);
    expect(returnedNode(healthy, NOW)).toBe(healthy);
  });
});

describe('lifecycleTaints', () => {
  const own: Taint = { key: 'mine', effect: 'NoSchedule' };
  const text = (taints: readonly Taint[]): string[] => taints.map((t) => `${t.key}:${t.effect}`);
  it.each([
    ['ready', healthy, []],
    [
      'unknown',
      silencedNode(healthy, NOW),
      ['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute'],
    ],
    [
      'not ready',
      node([condition('Ready', 'False')]),
      ['node.kubernetes.io/not-ready:NoSchedule', 'node.kubernetes.io/not-ready:NoExecute'],
    ],
    [
      'cordoned',
      node([condition('Ready', 'True')], { unschedulable: true }),
      ['node.kubernetes.io/unschedulable:NoSchedule'],
    ],
    ['not yet known', node([]), []],
  ])('of a node that is %s', (_name, n: Node, expected: string[]) => {
    const taints = lifecycleTaints({ ...n, spec: { ...n.spec, taints: [own] } }, NOW);
    expect(text(taints)).toEqual(['mine:NoSchedule', ...expected]);
    const stored = { ...n, spec: { ...n.spec, taints } };
    expect(lifecycleTaints(stored, NOW + 5000)).toBe(taints);
  });
});

const pod = (ready: boolean, spec: Partial<Pod['spec']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { containers: [], nodeName: 'n1', ...spec },
  status: {
    phase: 'Running',
    conditions: [condition('Ready', ready ? 'True' : 'False'), condition('PodScheduled', 'True')],
  },
});

describe('the pods of a silent node', () => {
  it('that say they are ready are marked', () => {
    expect(podsToMark([pod(true), pod(false)])).toHaveLength(1);
    expect(markedPod(pod(true), NOW).status?.conditions?.[0]).toMatchObject({
      status: 'False',
      reason: 'NodeNotReady',
      lastTransitionTime: NOW_TEXT,
    });
  });
});

describe('evictIn', () => {
  const taints: readonly Taint[] = [
    { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule', timeAdded: START },
    { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: START },
  ];
  const toleration = (tolerationSeconds?: number): NonNullable<Pod['spec']['tolerations']>[number] => ({
    key: 'node.kubernetes.io/unreachable',
    operator: 'Exists',
    effect: 'NoExecute',
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  });
  it.each([
    ['a pod that does not tolerate it goes at once', [], taints, 0],
    ['one that tolerates it for a while goes then', [toleration(300)], taints, 240_000],
    ['the shortest toleration counts', [toleration(300), toleration(90)], taints, 30_000],
    ['what is over is over', [toleration(10)], taints, 0],
    ['one that tolerates it for ever stays', [toleration()], taints, undefined],
    ['without a taint that evicts nobody goes', [], taints.slice(0, 1), undefined],
    [
      'a taint without a time counts from now',
      [toleration(10)],
      [{ ...taints[1], timeAdded: undefined } as unknown as Taint],
      10_000,
    ],
  ])('%s', (_name, tolerations, present: readonly Taint[], expected) => {
    expect(evictIn(pod(true, { tolerations }), present, NOW)).toBe(expected);
  });
});

describe('reports', () => {
  it('change what the agent owns and leave the rest', () => {
    const reported: Node = {
      ...node([condition('Ready', 'True')], { podCIDR: '10.244.1.0/24' }),
      metadata: { name: 'n1', labels: { 'kubernetes.io/hostname': 'n1' } },
    };
    const cordoned = node([condition('Ready', 'Unknown'), condition('NetworkUnavailable', 'True')], {
      unschedulable: true,
    });
    const next = reportedNodeStatus(reportedNodeSpec(cordoned, reported), reported);
    expect(next.metadata.labels).toEqual({ own: 'x', 'kubernetes.io/hostname': 'n1' });
    expect(next.spec).toEqual({ unschedulable: true, podCIDR: '10.244.1.0/24' });
    expect(next.status?.conditions?.map((c) => `${c.type} ${c.status}`)).toEqual([
      'NetworkUnavailable True',
      'Ready True',
    ]);
    expect(reportedNodeSpec(next, reported)).toBe(next);
    expect(reportedNodeStatus(next, reported)).toBe(next);
  });

  it('that differ by a heartbeat time change nothing', () => {
    const beat = (lastHeartbeatTime: string): Node => node([{ ...condition('Ready', 'True'), lastHeartbeatTime }]);
    const stored = beat(START);
    expect(reportedNodeStatus(stored, beat(NOW_TEXT))).toBe(stored);
  });

  it("of a pod keep the scheduler's condition, and no pod comes back to life", () => {
    const status: PodStatus = { phase: 'Running', podIP: '10.244.1.2', conditions: [condition('Ready', 'True')] };
    const next = reportedPod(pod(false), status);
    expect(next.status?.conditions?.map((c) => `${c.type} ${c.status}`)).toEqual(['PodScheduled True', 'Ready True']);
    expect(reportedPod(next, status)).toBe(next);
    const ended: Pod = { ...pod(false), status: { phase: 'Succeeded' } };
    expect(reportedPod(ended, status)).toBe(ended);
  });
});
