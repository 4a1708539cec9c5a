import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../api/meta.ts';
import { decideDependent, decideFinalizer, type OwnerState } from './decide.ts';

const object = (owners: readonly string[], meta: Partial<KubeObject['metadata']> = {}, blocks = true): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'o',
    uid: 'o',
    ownerReferences: owners.map((uid) => ({ apiVersion: 'v1', kind: 'X', name: uid, uid, blockOwnerDeletion: blocks })),
    ...meta,
  },
});
const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z' };

describe('decideDependent', () => {
  const states: Readonly<Record<string, OwnerState>> = { p: 'present', a: 'absent', w: 'waiting' };
  it.each([
    ['nobody owns it', [], {}, false, { kind: 'none' }],
    ['its owner is there', ['p'], {}, false, { kind: 'none' }],
    ['its owner is gone', ['a'], {}, false, { kind: 'delete', propagation: 'Background' }],
    ['its owner waits for it', ['w'], {}, false, { kind: 'delete', propagation: 'Background' }],
    ['its owner waits, and others depend on it', ['w'], {}, true, { kind: 'delete', propagation: 'Foreground' }],
    ['one of two is gone', ['p', 'a'], {}, false, { kind: 'unlink', uids: new Set(['a']) }],
    ['it is being deleted already', ['a'], deleting, false, { kind: 'none' }],
    [
      'it leaves its own dependents alone',
      ['a'],
      { finalizers: ['orphan'] },
      false,
      { kind: 'delete', propagation: 'Orphan' },
    ],
  ])('when %s', (_name, owners, meta, hasDependents, expected) => {
    expect(decideDependent(object(owners, meta), (o) => states[o.uid] ?? 'absent', hasDependents)).toEqual(expected);
  });
});

describe('decideFinalizer', () => {
  const foreground = { ...deleting, finalizers: ['foregroundDeletion'] };
  const orphan = { ...deleting, finalizers: ['orphan'] };
  const blocking = object(['o']);
  const loose = object(['o'], {}, false);
  it.each([
    ['it is not being deleted', { finalizers: ['foregroundDeletion'] }, [blocking], { kind: 'none' }],
    ['dependents block it', foreground, [blocking, loose], { kind: 'wait', dependents: [blocking, loose] }],
    ['none blocks it', foreground, [loose], { kind: 'remove-finalizer', finalizer: 'foregroundDeletion' }],
    ['dependents are to be left', orphan, [blocking], { kind: 'orphan', dependents: [blocking] }],
    ['none is left to be left', orphan, [], { kind: 'remove-finalizer', finalizer: 'orphan' }],
    ['others hold it', { ...deleting, finalizers: ['x'] }, [blocking], { kind: 'none' }],
  ])('when %s', (_name, meta, dependents, expected) => {
    expect(decideFinalizer(object([], meta), dependents)).toEqual(expected);
  });
});
