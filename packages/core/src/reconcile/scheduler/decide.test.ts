import { describe, expect, it } from 'vitest';
import type { Node, Pod, Taint } from '../../api/core.ts';
import { needsPlacement, placePod, tolerates } from './decide.ts';

const node = (
  name: string,
  more: { spec?: Node['spec']; labels?: Record<string, string>; ready?: boolean } = {},
): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: more.labels ?? {} },
  spec: more.spec ?? {},
  status: { conditions: [{ type: 'Ready', status: (more.ready ?? true) ? 'True' : 'False' }] },
});

const pod = (name: string, spec: Partial<Pod['spec']> = {}, owner = 'rs'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }],
  },
  spec: { containers: [], ...spec },
});

const on = (name: string, nodeName: string, owner?: string): Pod => pod(name, { nodeName }, owner);
const taint = (key: string, effect: Taint['effect'] = 'NoSchedule', value?: string): Taint => ({
  key,
  effect,
  ...(value === undefined ? {} : { value }),
});

describe('placePod', () => {
  const nodes = [node('n1'), node('n2'), node('n3')];
  it.each([
    ['the lowest name of an empty cluster', nodes, [], 'n1'],
    [
      'fewest pods of the same owner first',
      nodes,
      [on('a', 'n1'), on('b', 'n2', 'x'), on('c', 'n2', 'x'), on('d', 'n3')],
      'n2',
    ],
    ['then the fewest pods', nodes, [on('a', 'n1', 'x'), on('b', 'n2', 'x'), on('c', 'n2', 'y')], 'n3'],
    ['no cordoned node', [node('n1', { spec: { unschedulable: true } }), node('n2')], [], 'n2'],
    ['no node that is not ready', [node('n1', { ready: false }), node('n2')], [], 'n2'],
    ['no tainted node', [node('n1', { spec: { taints: [taint('k')] } }), node('n2')], [], 'n2'],
    [
      'a taint of preference is no hindrance',
      [node('n1', { spec: { taints: [taint('k', 'PreferNoSchedule')] } })],
      [],
      'n1',
    ],
  ])('%s', (_name, cluster: readonly Node[], pods: readonly Pod[], expected: string) => {
    expect(placePod(pod('new'), cluster, pods)).toEqual({ node: expected });
  });

  it('keeps to the node selector and goes where a toleration lets it', () => {
    const cluster = [
      node('n1'),
      node('n2', { labels: { disk: 'ssd' }, spec: { taints: [taint('k', 'NoSchedule', 'v')] } }),
    ];
    const tolerations = [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }];
    expect(placePod(pod('p', { nodeSelector: { disk: 'ssd' }, tolerations }), cluster, [])).toEqual({ node: 'n2' });
  });

  it('says why no node will do', () => {
    expect(placePod(pod('p'), [], [])).toEqual({ node: undefined, message: 'no nodes available to schedule pods' });
    const cluster = [
      node('n1', { spec: { unschedulable: true } }),
      node('n2', { spec: { taints: [taint('k')] } }),
      node('n3'),
      node('n4'),
    ];
    expect(placePod(pod('p', { nodeSelector: { disk: 'ssd' } }), cluster, [])).toEqual({
      node: undefined,
      message:
        "0/4 nodes are available: 1 node(s) had untolerated taint {k: }, 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
    });
  });
});

describe('tolerates', () => {
  it.each([
    ['equal', { key: 'k', value: 'v' }, true],
    ['another value', { key: 'k', value: 'w' }, false],
    ['any value', { key: 'k', operator: 'Exists' }, true],
    ['any key', { operator: 'Exists' }, true],
    ['no key without Exists', { value: 'v' }, false],
    ['the effect', { key: 'k', operator: 'Exists', effect: 'NoSchedule' }, true],
    ['another effect', { key: 'k', operator: 'Exists', effect: 'NoExecute' }, false],
  ])('%s', (_name, toleration, expected) => {
    expect(tolerates(toleration, taint('k', 'NoSchedule', 'v'))).toBe(expected);
  });
});

describe('needsPlacement', () => {
  it.each([
    ['a new pod', pod('p'), true],
    ['a pod with a node', on('p', 'n1'), false],
    ['a pod of another scheduler', pod('p', { schedulerName: 'mine' } as Partial<Pod['spec']>), false],
    ['a pod that has ended', { ...pod('p'), status: { phase: 'Failed' as const } }, false],
  ])('%s', (_name, p, expected) => {
    expect(needsPlacement(p)).toBe(expected);
  });
});
