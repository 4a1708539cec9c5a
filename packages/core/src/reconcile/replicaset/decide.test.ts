import { describe, expect, it } from 'vitest';
import type { ReplicaSet } from '../../api/apps.ts';
import type { Pod } from '../../api/core.ts';
import { decideReplicaSet, podFromTemplate } from './decide.ts';
import { deletionOrder } from './rank.ts';

const NOW = Date.parse('2026-01-01T00:01:00Z');

interface PodState {
  readonly node?: string;
  readonly phase?: 'Pending' | 'Running' | 'Failed';
  /** Second at which it became ready. */
  readonly ready?: number;
  readonly cost?: number;
  readonly restarts?: number;
  readonly born?: number;
  readonly deleting?: boolean;
  readonly owner?: string | null;
  readonly labels?: Readonly<Record<string, string>>;
}

const second = (n: number): string => `2026-01-01T00:00:${String(n).padStart(2, '0')}Z`;

const pod = (name: string, state: PodState = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    uid: name,
    creationTimestamp: second(state.born ?? 0),
    labels: state.labels ?? { app: 'web' },
    ...(state.cost === undefined
      ? {}
      : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': String(state.cost) } }),
    ...(state.deleting ? { deletionTimestamp: second(30) } : {}),
    ...(state.owner === null
      ? {}
      : {
          ownerReferences: [
            { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: state.owner ?? 'rs', controller: true },
          ],
        }),
  },
  spec: { containers: [{ name: 'c' }], ...(state.node === '' ? {} : { nodeName: state.node ?? 'n1' }) },
  status: {
    phase: state.phase ?? 'Running',
    conditions:
      state.ready === undefined
        ? [{ type: 'Ready', status: 'False' }]
        : [{ type: 'Ready', status: 'True', lastTransitionTime: second(state.ready) }],
    containerStatuses: [{ name: 'c', ready: true, restartCount: state.restarts ?? 0, image: '', imageID: '' }],
  },
});

const set = (replicas: number, spec: Partial<ReplicaSet['spec']> = {}): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'rs', namespace: 'default', uid: 'rs', generation: 3 },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' }, annotations: { a: 'b' } }, spec: { containers: [{ name: 'c' }] } },
    ...spec,
  },
});

describe('deletionOrder', () => {
  const cases: readonly (readonly [string, readonly Pod[]])[] = [
    ['without a node before with one', [pod('b', { node: '', ready: 1 }), pod('a', { ready: 1 })]],
    ['pending before running', [pod('b', { phase: 'Pending' }), pod('a', { ready: 1 })]],
    ['not ready before ready', [pod('b'), pod('a', { ready: 1 })]],
    [
      'lower deletion cost first',
      [pod('b', { ready: 1, cost: -1 }), pod('a', { ready: 1 }), pod('0', { ready: 1, cost: 5 })],
    ],
    [
      'on the more crowded node first',
      [pod('b', { ready: 1, node: 'n2' }), pod('c', { ready: 1, node: 'n2' }), pod('a', { ready: 1, node: 'n1' })],
    ],
    ['ready for a shorter time first', [pod('b', { ready: 9 }), pod('a', { ready: 1 })]],
    ['more restarts first', [pod('b', { ready: 1, restarts: 2 }), pod('a', { ready: 1 })]],
    ['younger first', [pod('b', { ready: 1, born: 5 }), pod('a', { ready: 1 })]],
    ['by name at last', [pod('a', { ready: 1 }), pod('b', { ready: 1 })]],
  ];
  it.each(cases)('%s', (_name, expected) => {
    const names = (pods: readonly Pod[]): readonly string[] => pods.map((p) => p.metadata.name);
    expect(names(deletionOrder([...expected].reverse(), expected))).toEqual(names(expected));
  });
});

describe('decideReplicaSet', () => {
  it.each([
    ['makes what is missing', 3, [pod('a', { ready: 1 })], { create: 2, remove: [] }],
    [
      'counts neither pods that have ended nor pods that are being deleted',
      2,
      [pod('a', { phase: 'Failed' }), pod('b', { deleting: true })],
      { create: 2, remove: [] },
    ],
    ['deletes what is too many', 1, [pod('a', { ready: 1 }), pod('b')], { create: 0, remove: ['b'] }],
    ['leaves what is right', 1, [pod('a')], { create: 0, remove: [] }],
    ['does not count the pods of others', 1, [pod('a', { owner: 'other' })], { create: 1, remove: [] }],
    ['counts orphans that it adopts', 1, [pod('a', { owner: null })], { create: 0, remove: [], adopt: ['a'] }],
    [
      'lets go of pods that no longer match',
      1,
      [pod('a', { labels: { app: 'x' } })],
      { create: 1, remove: [], release: ['a'] },
    ],
  ])('%s', (_name, replicas, pods: readonly Pod[], expected: Readonly<Record<string, unknown>>) => {
    const decision = decideReplicaSet(set(replicas), pods, [], NOW);
    const names = (list: readonly Pod[]): string[] => list.map((p) => p.metadata.name);
    expect({
      create: decision.create,
      remove: names(decision.remove),
      adopt: names(decision.adopt),
      release: names(decision.release),
    }).toEqual({ adopt: [], release: [], ...expected });
  });

  it('does nothing while it is being deleted', () => {
    const deleting = { ...set(3), metadata: { ...set(3).metadata, deletionTimestamp: second(1) } };
    expect(decideReplicaSet(deleting, [pod('a')], [], NOW)).toMatchObject({ create: 0, remove: [], adopt: [] });
  });

  it('counts a pod as available once it has been ready long enough, and says when to look again', () => {
    const pods = [pod('a', { ready: 20 }), pod('b', { ready: 45 }), pod('c')];
    const decision = decideReplicaSet(set(3, { minReadySeconds: 30 }), pods, [], NOW);
    expect(decision.status).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 2,
      availableReplicas: 1,
      observedGeneration: 3,
    });
    expect(decision.againInMs).toBe(15_000);
  });

  it('writes no status that is as it should be', () => {
    const status = { replicas: 1, fullyLabeledReplicas: 1, observedGeneration: 3 };
    expect(decideReplicaSet({ ...set(1), status }, [pod('a')], [], NOW).status).toBeUndefined();
  });

  it('counts the pods of sibling ReplicaSets for how crowded a node is', () => {
    const pods = [pod('a', { ready: 1, node: 'n1' }), pod('b', { ready: 1, node: 'n2' })];
    const sibling = pod('s', { ready: 1, node: 'n2', owner: 'other' });
    expect(decideReplicaSet(set(1), pods, [sibling], NOW).remove.map((p) => p.metadata.name)).toEqual(['b']);
  });

  it('stamps pods out of the template, owned by it', () => {
    expect(podFromTemplate(set(1)).metadata).toEqual({
      name: '',
      generateName: 'rs-',
      namespace: 'default',
      labels: { app: 'web' },
      annotations: { a: 'b' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'rs',
          uid: 'rs',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    });
  });
});
