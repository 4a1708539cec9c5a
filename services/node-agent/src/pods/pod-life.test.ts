import { RESOURCES } from '@svclab/core';
import { afterEach, describe, expect, it } from 'vitest';
import { OneNode } from '../../test/one-node.ts';

let node: OneNode;
afterEach(() => node.stopAgent());

/** A node with a running agent. */
async function start(): Promise<OneNode> {
  node = new OneNode();
  node.startAgent();
  await node.pass(0.1);
  return node;
}

const readiness = { readinessProbe: { exec: { command: ['ready'] }, periodSeconds: 1 } };

describe('a pod bound to the node', () => {
  it('is made once, runs and is reported ready', async () => {
    const { host, stamps } = await start();
    await node.bind('web');
    expect(node.line('web')).toBe('Running ready running restarts=0');
    expect(node.pod('web')?.status).toMatchObject({ podIP: '10.244.1.2', hostIP: '172.30.0.11' });
    expect(node.calls('ensurePod')).toEqual(['ensurePod web']);
    expect(host.pod('web').env.app?.env).toEqual({});
    expect(stamps).toEqual(['pod.started shop/web', 'pod.ready shop/web']);
    expect(node.events.map((e) => e.split(':')[0])).toEqual(['Pulled', 'Created', 'Started']);
  });

  it('is asked for once while the watch of pod-host is broken', async () => {
    await start();
    node.host.breakWatches();
    await node.memory.store.create({ ...RESOURCES.pods, namespace: 'shop', name: 'web' }, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'shop', uid: 'uid-web' },
      spec: { nodeName: 'node-1', containers: [{ name: 'app' }] },
    } as never);
    await node.clock.advanceAsync(50);
    expect(node.calls('ensurePod')).toHaveLength(1);
    await node.pass(1);
    expect(node.line('web')).toBe('Running ready running restarts=0');
    expect(node.calls('ensurePod').length).toBeLessThanOrEqual(2);
  });

  it('is asked for again while pod-host cannot be reached', async () => {
    await start();
    node.host.failNext('ensurePod', 2);
    await node.bind('web');
    expect(node.line('web')).toBe('Pending unready ContainerCreating restarts=0');
    await node.pass(2);
    expect(node.calls('ensurePod')).toHaveLength(3);
    expect(node.line('web')).toBe('Running ready running restarts=0');
  });

  it('becomes ready by its probe, and unready after three failures', async () => {
    const { host, stamps } = await start();
    host.command = () => ({ code: 1, output: 'not yet' });
    await node.bind('web', { container: readiness });
    await node.pass(2);
    expect(node.line('web')).toBe('Running unready running restarts=0');
    expect(node.events).toContain('Unhealthy: Readiness probe failed: not yet');
    host.command = () => ({ code: 0, output: '' });
    await node.pass(1);
    expect(node.line('web')).toBe('Running ready running restarts=0');
    host.command = () => ({ code: 1, output: '' });
    await node.pass(3);
    expect(node.line('web')).toBe('Running unready running restarts=0');
    expect(stamps).toEqual(['pod.started shop/web', 'pod.ready shop/web', 'pod.not-ready shop/web']);
  });

  it('throws away the outcome of a command that cannot be run, as the kubelet does', async () => {
    const { host } = await start();
    host.command = () => {
      throw new Error('No such program');
    };
    await node.bind('web', { container: { livenessProbe: { exec: { command: ['x'] }, periodSeconds: 1 } } });
    await node.pass(20);
    expect(node.line('web')).toBe('Running ready running restarts=0');
    expect(node.calls('stopContainer')).toEqual([]);
    expect(node.events).toContain('Unhealthy: Liveness probe errored and resulted in unknown state: No such program');
  });

  it('waits for a ConfigMap and goes on when it appears', async () => {
    const { host, memory } = await start();
    const valueFrom = { configMapKeyRef: { name: 'settings', key: 'COLOUR' } };
    await node.bind('web', { container: { env: [{ name: 'COLOUR', valueFrom }] } });
    expect(node.line('web')).toBe('Pending unready CreateContainerConfigError restarts=0');
    expect(node.pod('web')?.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe(
      'configmap "settings" not found',
    );
    expect(host.names()).toEqual([]);
    const data = { COLOUR: 'blue' };
    await memory.store.create({ ...RESOURCES.configmaps, namespace: 'shop', name: 'settings' }, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'shop' },
      data,
    } as never);
    await node.pass(1);
    expect(node.line('web')).toBe('Running ready running restarts=0');
    expect(host.pod('web').env.app?.env).toMatchObject(data);
  });

  it('has its annotations in pod-host, also those that change while it is being made', async () => {
    const { host } = await start();
    const release = host.hold();
    await node.bind('web');
    await node.annotate('web', { 'svclab.dev/latency': '20ms' });
    await node.pass(0.1);
    release();
    await node.pass(0.1);
    expect(host.pod('web').annotations).toEqual({ 'svclab.dev/latency': '20ms' });
    await node.annotate('web', {});
    await node.pass(0.1);
    expect(host.pod('web').annotations).toEqual({});
    expect(node.line('web')).toBe('Running ready running restarts=0');
  });

  it('takes annotations over though its ConfigMap has gone meanwhile', async () => {
    const { host, memory } = await start();
    const key = { ...RESOURCES.configmaps, namespace: 'shop', name: 'settings' };
    const metadata = { name: 'settings', namespace: 'shop' };
    await memory.store.create(key, { apiVersion: 'v1', kind: 'ConfigMap', metadata } as never);
    await memory.store.update(key, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: 'b' } } as never, 2);
    await node.bind('web', { container: { envFrom: [{ configMapRef: { name: 'settings' } }] } });
    await memory.store.delete(key);
    await node.annotate('web', { 'svclab.dev/health': 'fail' });
    await node.pass(5);
    expect(host.pod('web').annotations).toEqual({ 'svclab.dev/health': 'fail' });
    expect(node.line('web')).toBe('Running ready running restarts=0');
  });
});

describe('a pod whose object is gone', () => {
  it('stops', async () => {
    const { host, stamps } = await start();
    await node.bind('web');
    await node.forceDelete('web');
    expect(host.names()).toEqual([]);
    expect(node.calls('stopPod')).toEqual(['stopPod uid-web']);
    expect(stamps.at(-1)).toBe('pod.stopped shop/web object is gone');
  });

  it('stops though it was still being made, and is not asked for again', async () => {
    const { host } = await start();
    const release = host.hold();
    await node.bind('web');
    await node.forceDelete('web');
    release();
    await node.pass(5);
    expect(host.names()).toEqual([]);
    expect(node.calls('ensurePod')).toHaveLength(1);
  });

  it('stops later when pod-host does not answer at first', async () => {
    const { host } = await start();
    await node.bind('web');
    host.failNext('stopPod', 2);
    await node.forceDelete('web');
    expect(host.names()).toEqual(['web']);
    await node.pass(3);
    expect(host.names()).toEqual([]);
  });

  it('is stopped by an agent that begins after it went, once the store can be relied on', async () => {
    const { host, memory } = await start();
    await node.bind('web');
    node.stopAgent();
    await node.forceDelete('web');
    memory.cache.fresh = false;
    node.startAgent();
    await node.pass(5);
    expect(host.names()).toEqual(['web']);
    memory.cache.fresh = true;
    await node.pass(2);
    expect(host.names()).toEqual([]);
  });
});

describe('another run of the agent', () => {
  it('adopts pods as they are', async () => {
    const { host, stamps } = await start();
    const startupProbe = { exec: { command: ['started'] }, periodSeconds: 60 };
    host.command = () => ({ code: 0, output: '' });
    await node.bind('web', { container: { ...readiness, startupProbe } });
    await node.pass(2);
    host.pod('web').exit('app', 1);
    await node.pass(2);
    host.command = () => ({ code: 1, output: '' });
    await node.pass(5);
    expect(node.line('web')).toBe('Running unready running restarts=1');
    const before = node.pod('web')?.status;
    expect(before?.containerStatuses?.[0]).toMatchObject({ started: true, lastState: { terminated: { exitCode: 1 } } });
    const [calls, marks, told] = [host.describeAll(), stamps.length, node.told.length];
    node.stopAgent();
    await node.pass(30);
    node.startAgent();
    await node.pass(0.9);
    expect(host.describeAll()).toEqual(calls);
    expect(node.pod('web')?.status).toEqual(before);
    expect([stamps.length, node.told.length]).toEqual([marks, told]);
    host.command = () => ({ code: 0, output: '' });
    await node.pass(2);
    expect(node.line('web')).toBe('Running ready running restarts=1');
    expect(node.pod('web')?.status?.containerStatuses?.[0]?.lastState).toEqual(
      before?.containerStatuses?.[0]?.lastState,
    );
  });

  it('keeps a ready pod of two containers ready, without a mark on the timeline', async () => {
    const { stamps } = await start();
    await node.bind('web', { spec: { containers: [{ name: 'app' }, { name: 'side' }] } });
    const before = node.pod('web');
    const marks = [...stamps];
    node.stopAgent();
    node.startAgent();
    await node.pass(5);
    expect(node.pod('web')).toEqual(before);
    expect(stamps).toEqual(marks);
  });

  it('takes over annotations that changed meanwhile', async () => {
    const { host } = await start();
    await node.bind('web');
    node.stopAgent();
    await node.annotate('web', { 'svclab.dev/error-rate': '1' });
    node.startAgent();
    await node.pass(1);
    expect(host.pod('web').annotations).toEqual({ 'svclab.dev/error-rate': '1' });
    expect(node.line('web')).toBe('Running ready running restarts=0');
  });
});
