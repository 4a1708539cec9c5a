import type { Cache, EndpointSlice, KubeObject, ResourceRef } from '@svclab/core';
import { fakeClock, recordedMetrics } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import { ControllerMetrics, endpointSamples, objectMetrics } from './metrics.ts';
import { type Definition, makeDefinitions } from './registry/definition.ts';

const slice = (service: string, ...conditions: object[]): EndpointSlice =>
  ({
    metadata: { namespace: 'default', name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } },
    endpoints: conditions.map((c) => ({ addresses: ['10.0.0.1'], conditions: c })),
  }) as EndpointSlice;

describe('endpointSamples', () => {
  it('adds the slices of a Service up; an absent condition holds, save for terminating', () => {
    const samples = endpointSamples([
      slice('web', {}, { ready: false }),
      slice('web', { ready: false, serving: true, terminating: true }),
      slice('empty'),
    ]);
    expect(samples.map(({ labels, value }) => `${labels.service} ${labels.condition} ${value}`)).toEqual([
      'web ready 1',
      'web serving 2',
      'web terminating 1',
      'empty ready 0',
      'empty serving 0',
      'empty terminating 0',
    ]);
  });
});

describe('objectMetrics', () => {
  it('counts what is stored, once where a resource is a view of another', async () => {
    const { metrics, value } = recordedMetrics();
    const node = (name: string, status: string): KubeObject =>
      ({ metadata: { name }, status: { conditions: [{ type: 'Ready', status }] } }) as unknown as KubeObject;
    const nodes = [node('node-1', 'True'), node('node-2', 'Unknown')];
    const cache = { list: (ref: ResourceRef) => (ref.resource === 'nodes' ? nodes : []) } as unknown as Cache;
    const definition = (group: string, resource: string, more: object = {}): Definition =>
      ({ group, version: 'v1', resource, kind: resource, ...more }) as Definition;
    const all = [definition('', 'nodes'), definition('apps', 'deployments'), definition('', 'events', { view: {} })];
    objectMetrics(metrics, { cache, definitions: makeDefinitions(all) });
    expect(await value('apiserver_storage_objects', { resource: 'nodes' })).toBe(2);
    expect(await value('apiserver_storage_objects', { resource: 'deployments.apps' })).toBe(0);
    expect(await value('apiserver_storage_objects', { resource: 'events' })).toBeUndefined();
    const ready = (node: string, status: string): Promise<number | undefined> =>
      value('kube_node_status_condition', { node, condition: 'Ready', status });
    expect([await ready('node-1', 'true'), await ready('node-1', 'false')]).toEqual([1, 0]);
    expect([await ready('node-2', 'true'), await ready('node-2', 'unknown')]).toEqual([0, 1]);
  });
});

describe('ControllerMetrics', () => {
  it('tells whether this process leads, term after term', async () => {
    const { metrics, value } = recordedMetrics();
    const shown = new ControllerMetrics(metrics, fakeClock());
    const status = (): Promise<number | undefined> =>
      value('leader_election_master_status', { name: 'kube-controller-manager' });
    expect(await status()).toBe(0);
    shown.leads = () => true;
    expect(await status()).toBe(1);
  });
});
