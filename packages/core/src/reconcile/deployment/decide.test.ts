import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../api/apps.ts';
import { DESIRED_REPLICAS, MAX_REPLICAS, REVISION } from './annotations.ts';
import { maxSurge, maxUnavailable } from './bounds.ts';
import { type DeploymentAction, decideDeployment } from './decide.ts';
import { podTemplateHash, sameTemplate } from './template.ts';

const NOW = Date.parse('2026-01-01T00:01:00Z');
const template = (image: string): Deployment['spec']['template'] => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image }] },
});

const deployment = (spec: Partial<Deployment['spec']> = {}, more: Partial<Deployment> = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', uid: 'd', generation: 1 },
  spec: { replicas: 10, selector: { matchLabels: { app: 'web' } }, template: template('new'), ...spec },
  ...more,
});

interface SetState {
  readonly image: string;
  readonly size: number;
  readonly available?: number;
  readonly revision?: number;
  readonly desired?: number;
  readonly max?: number;
}

const set = (state: SetState, index: number): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: {
    name: `web-${state.image}`,
    namespace: 'default',
    uid: state.image,
    generation: 1,
    creationTimestamp: `2026-01-01T00:00:0${index}Z`,
    labels: { app: 'web' },
    annotations: {
      [REVISION]: String(state.revision ?? index + 1),
      [DESIRED_REPLICAS]: String(state.desired ?? 10),
      [MAX_REPLICAS]: String(state.max ?? 13),
    },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'd', controller: true }],
  },
  spec: { replicas: state.size, selector: { matchLabels: { app: 'web' } }, template: template(state.image) },
  status: {
    replicas: state.size,
    availableReplicas: state.available ?? state.size,
    readyReplicas: state.available ?? state.size,
    observedGeneration: 1,
  },
});

/** `create web-xyz 3`, `old 10>8`, ... */
const text = (action: DeploymentAction): string => {
  switch (action.kind) {
    case 'create-set':
      return `create ${action.set.spec.replicas}`;
    case 'scale-set':
      return `${action.set.metadata.name.slice(4)} ${action.set.spec.replicas}>${action.replicas}`;
    case 'delete-set':
      return `delete ${action.set.metadata.name.slice(4)}`;
    case 'set-revision':
      return `revision ${action.revision}`;
    default:
      return action.kind;
  }
};

const decide = (d: Deployment, sets: readonly SetState[]): string[] =>
  decideDeployment({ deployment: d, sets: sets.map(set), podsOf: () => [] }, NOW)
    .actions.map(text)
    .filter((t) => t !== 'update-status' && t !== 'update-set' && !t.startsWith('revision'));

const rolling = (surge: number | string, unavailable: number | string): Partial<Deployment['spec']> => ({
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
});

describe('the steps of a rollout', () => {
  it.each([
    ['the first ReplicaSet gets all pods', {}, [], ['create 10']],
    ['a new template gets what the surge leaves room for', {}, [{ image: 'old', size: 10 }], ['create 3']],
    ['without a surge it starts empty', rolling(0, 2), [{ image: 'old', size: 10 }], ['create 0']],
    [
      'the new one grows as far as the surge allows',
      {},
      [
        { image: 'old', size: 8 },
        { image: 'new', size: 3 },
      ],
      ['new 3>5'],
    ],
    [
      'the old one shrinks by what is available beyond the minimum',
      {},
      [
        { image: 'old', size: 10 },
        { image: 'new', size: 3, available: 0 },
      ],
      ['old 10>8'],
    ],
    [
      'nothing shrinks while the new pods are not available and no pod may be missing',
      rolling(1, 0),
      [
        { image: 'old', size: 10 },
        { image: 'new', size: 1, available: 0 },
      ],
      [],
    ],
    [
      'as the new pods become available the old ones go',
      rolling(1, 0),
      [
        { image: 'old', size: 10 },
        { image: 'new', size: 1 },
      ],
      ['old 10>9'],
    ],
    [
      'old pods that are not available go first, the oldest ReplicaSet first',
      rolling(0, 2),
      [
        { image: 'a', size: 4, available: 2 },
        { image: 'b', size: 6 },
        { image: 'new', size: 0 },
      ],
      ['a 4>2'],
    ],
    ['the new one shrinks when it has too many', {}, [{ image: 'new', size: 12 }], ['new 12>10']],
    [
      'with all pods new nothing happens',
      {},
      [
        { image: 'old', size: 0 },
        { image: 'new', size: 10 },
      ],
      [],
    ],
    [
      'Recreate empties the old one first',
      { strategy: { type: 'Recreate' as const } },
      [{ image: 'old', size: 10 }],
      ['old 10>0'],
    ],
    [
      'Recreate then makes the new one whole',
      { strategy: { type: 'Recreate' as const } },
      [{ image: 'old', size: 0 }],
      ['create 10'],
    ],
    ['a paused one makes no new ReplicaSet', { paused: true }, [{ image: 'old', size: 10 }], []],
    ['a paused one is still scaled', { paused: true, replicas: 4 }, [{ image: 'old', size: 10 }], ['old 10>4']],
  ])('%s', (_name, spec: Partial<Deployment['spec']>, sets: readonly SetState[], expected: string[]) => {
    expect(decide(deployment(spec), sets)).toEqual(expected);
  });
});

describe('scaling in the middle of a rollout', () => {
  it.each([
    [
      'grows in proportion, the rest goes to the largest',
      15,
      [
        { image: 'old', size: 8 },
        { image: 'new', size: 5, available: 3 },
      ],
      ['old 8>12', 'new 5>7'],
    ],
    [
      'shrinks in proportion',
      5,
      [
        { image: 'old', size: 8 },
        { image: 'new', size: 5, available: 3 },
      ],
      ['old 8>4', 'new 5>3'],
    ],
    [
      'to nothing',
      0,
      [
        { image: 'old', size: 8 },
        { image: 'new', size: 5 },
      ],
      ['old 8>0', 'new 5>0'],
    ],
    [
      'a single one takes all',
      4,
      [
        { image: 'old', size: 0 },
        { image: 'new', size: 10 },
      ],
      ['new 10>4'],
    ],
    [
      'once the new one has all pods the old ones are emptied',
      10,
      [
        { image: 'old', size: 3, desired: 9 },
        { image: 'new', size: 10 },
      ],
      ['old 3>0'],
    ],
  ])('%s', (_name, replicas: number, sets: readonly SetState[], expected: string[]) => {
    expect(decide(deployment({ replicas }), sets).sort()).toEqual([...expected].sort());
  });
});

describe('revisions', () => {
  it('count on, and a template that comes back gets a new one', () => {
    const actions = decideDeployment(
      {
        deployment: deployment({ template: template('a') }, {}),
        sets: [
          { image: 'a', size: 0, revision: 1 },
          { image: 'b', size: 10, revision: 2 },
        ].map(set),
        podsOf: () => [],
      },
      NOW,
    ).actions;
    expect(actions.map(text)).toContain('revision 3');
    const update = actions.find((a) => a.kind === 'update-set');
    expect(update?.annotations).toMatchObject({ [REVISION]: '3', 'deployment.kubernetes.io/revision-history': '1' });
  });

  it('beyond the history limit the oldest empty ones go', () => {
    const sets = [
      { image: 'a', size: 0 },
      { image: 'b', size: 0 },
      { image: 'c', size: 0 },
      { image: 'new', size: 10, revision: 4 },
    ];
    expect(decide(deployment({ revisionHistoryLimit: 1 }), sets)).toEqual(['delete a', 'delete b']);
  });
});

describe('conditions', () => {
  const conditions = (d: Deployment, sets: readonly SetState[]): string[] => {
    const { actions } = decideDeployment({ deployment: d, sets: sets.map(set), podsOf: () => [] }, NOW);
    const status = actions.find((a) => a.kind === 'update-status')?.status ?? d.status;
    return (status?.conditions ?? []).map((c) => `${c.type} ${c.status} ${c.reason}`).sort();
  };
  const since = (reason: string, lastUpdateTime: string): Deployment['status'] => ({
    observedGeneration: 1,
    replicas: 10,
    updatedReplicas: 10,
    readyReplicas: 5,
    availableReplicas: 5,
    unavailableReplicas: 5,
    conditions: [{ type: 'Progressing', status: 'True', reason, lastUpdateTime, lastTransitionTime: lastUpdateTime }],
  });
  const half = [{ image: 'new', size: 10, available: 5 }];
  const seconds = { progressDeadlineSeconds: 30 };
  it.each([
    ['made', undefined, [], ['Available False MinimumReplicasUnavailable', 'Progressing True NewReplicaSetCreated']],
    [
      'complete',
      since('ReplicaSetUpdated', '2026-01-01T00:00:50Z'),
      [{ image: 'new', size: 10 }],
      ['Available True MinimumReplicasAvailable', 'Progressing True NewReplicaSetAvailable'],
    ],
    [
      'within the deadline',
      since('ReplicaSetUpdated', '2026-01-01T00:00:50Z'),
      half,
      ['Available False MinimumReplicasUnavailable', 'Progressing True ReplicaSetUpdated'],
    ],
    [
      'past the deadline',
      since('ReplicaSetUpdated', '2026-01-01T00:00:20Z'),
      half,
      ['Available False MinimumReplicasUnavailable', 'Progressing False ProgressDeadlineExceeded'],
    ],
    [
      'complete before, pods lost since: no deadline runs',
      since('NewReplicaSetAvailable', '2026-01-01T00:00:00Z'),
      half,
      ['Available False MinimumReplicasUnavailable', 'Progressing True NewReplicaSetAvailable'],
    ],
  ])('%s', (_name, status: Deployment['status'], sets: readonly SetState[], expected: string[]) => {
    expect(conditions(deployment(seconds, status ? { status } : {}), sets)).toEqual(expected);
  });
});

describe('bounds', () => {
  it.each([
    [10, '25%', '25%', 3, 2],
    [3, '25%', '25%', 1, 0],
    [1, 0, '25%', 0, 1],
    [4, 2, 1, 2, 1],
    [2, 1, 5, 1, 2],
    [0, '25%', '25%', 0, 0],
  ])('%i replicas, surge %s, unavailable %s', (replicas, surge, unavailable, most, missing) => {
    const d = deployment({ replicas, ...rolling(surge, unavailable) });
    expect([maxSurge(d), maxUnavailable(d)]).toEqual([most, missing]);
  });
});

describe('the template hash', () => {
  it('follows from the template alone, whatever the order of its fields', () => {
    const a = podTemplateHash({ metadata: { labels: { x: '1', y: '2' } }, spec: { containers: [] } });
    const b = podTemplateHash({ spec: { containers: [] }, metadata: { labels: { y: '2', x: '1' } } });
    expect(a).toBe(b);
    expect(a).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]+$/);
    expect(podTemplateHash(template('x'))).not.toBe(podTemplateHash(template('y')));
    expect(podTemplateHash(template('x'), 1)).not.toBe(podTemplateHash(template('x')));
  });
  it('is no part of the template when templates are compared', () => {
    const other = { ...template('x'), metadata: { labels: { app: 'web', 'pod-template-hash': 'abc' } } };
    expect(sameTemplate(template('x'), other)).toBe(true);
    expect(sameTemplate(template('y'), other)).toBe(false);
  });
});
