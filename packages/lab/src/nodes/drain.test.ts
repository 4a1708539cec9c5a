import type { Node, Pod } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import { CORDON, drainPlan, isBeingRemoved, podName } from './drain.ts';
import { nodeInfos } from './list-nodes.ts';

const pod = (name: string, owner?: { kind: string; controller: boolean }): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    ...(owner ? { ownerReferences: [{ apiVersion: 'apps/v1', name: 'x', uid: 'x', ...owner }] } : {}),
  },
  spec: { containers: [] },
});
const node = (name: string, change: Partial<Node> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
  ...change,
});

describe('drainPlan', () => {
  it.each([
    { what: 'of a ReplicaSet', owner: { kind: 'ReplicaSet', controller: true }, daemon: false },
    { what: 'nobody controls', owner: undefined, daemon: false },
    { what: 'of a DaemonSet', owner: { kind: 'DaemonSet', controller: true }, daemon: true },
    { what: 'a DaemonSet owns and does not control', owner: { kind: 'DaemonSet', controller: false }, daemon: false },
  ])('a pod $what', ({ owner, daemon }) => {
    const { daemons, drained } = drainPlan([pod('a', owner)]);
    expect([drained.map(podName), daemons.map(podName)]).toEqual(daemon ? [[], ['default/a']] : [['default/a'], []]);
  });
});

describe('isBeingRemoved', () => {
  const removing = { metadata: { name: 'n', ...CORDON.metadata }, spec: CORDON.spec };
  it.each([
    { what: 'cordoned for its removal', object: removing, is: true },
    { what: 'uncordoned since', object: { ...removing, spec: {} }, is: false },
    {
      what: 'cordoned by somebody else',
      object: { metadata: { name: 'n' }, spec: { unschedulable: true } },
      is: false,
    },
    { what: 'not there', object: undefined, is: false },
  ])('$what', ({ object, is }) => {
    expect(isBeingRemoved(object)).toBe(is);
  });
});

describe('nodeInfos', () => {
  it('puts together what the supervisor, the description and the API say', () => {
    const hosts = ['node-1', 'node-2', 'client-1'].map((name, i) => ({
      name,
      role: name.split('-')[0] ?? '',
      lanIp: `172.30.0.${i}`,
      controlIp: `172.30.1.${i}`,
      up: i !== 1,
    }));
    const lab = { hosts: [{ name: 'node-1', role: 'node' as const, podCIDR: '10.244.1.0/24' }] };
    const nodes = [node('node-1', { metadata: { name: 'node-1', ...CORDON.metadata }, spec: CORDON.spec })];
    expect(nodeInfos(hosts, lab, nodes)).toEqual([
      {
        name: 'node-1',
        ip: '172.30.0.0',
        controlIp: '172.30.1.0',
        podCidr: '10.244.1.0/24',
        up: true,
        ready: true,
        schedulable: false,
        removing: true,
      },
      {
        name: 'node-2',
        ip: '172.30.0.1',
        controlIp: '172.30.1.1',
        podCidr: '',
        up: false,
        ready: undefined,
        schedulable: false,
        removing: false,
      },
    ]);
  });
});
