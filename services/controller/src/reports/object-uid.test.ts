import type { KubeEvent, KubeObject } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import type { Registry } from '../registry/registry.ts';
import { withServiceUid } from './object-uid.ts';

const web: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'default', name: 'web', uid: 'u-1' },
};
const registry: Pick<Registry, 'get'> = {
  get: <T extends KubeObject>(ref: { resource: string }, namespace: string, name: string) =>
    (ref.resource === 'services' && namespace === 'default' && name === 'web' ? web : undefined) as T | undefined,
};
const event = (involvedObject: KubeEvent['involvedObject']): KubeEvent => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { namespace: 'default', name: 'web.1' },
  involvedObject,
});

describe('withServiceUid', () => {
  it.each([
    ['a Service gets its uid', { kind: 'Service', namespace: 'default', name: 'web' }, 'u-1'],
    ['a given uid stays', { kind: 'Service', namespace: 'default', name: 'web', uid: 'u-0' }, 'u-0'],
    ['a Service that is gone has none', { kind: 'Service', namespace: 'default', name: 'gone' }, undefined],
    ['other kinds are left alone', { kind: 'Pod', namespace: 'default', name: 'web' }, undefined],
  ])('%s', (_, object, uid) => {
    expect(withServiceUid(registry, event(object)).involvedObject.uid).toBe(uid);
  });
});
