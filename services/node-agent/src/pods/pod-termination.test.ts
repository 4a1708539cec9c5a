import { afterEach, describe, expect, it } from 'vitest';
import { OneNode } from '../../test/one-node.ts';

let node: OneNode;
afterEach(() => node.stopAgent());

const serving = { ready: true, serving: true, terminating: false };
const ending = { ready: false, serving: true, terminating: true };

/** A node whose pod `web` runs behind a Service; `node-2` is Ready, `node-3` is not. */
async function start(change: Parameters<OneNode['bind']>[1] = {}): Promise<OneNode> {
  node = new OneNode();
  node.startAgent();
  await node.addNode('node-2', true);
  await node.addNode('node-3', false);
  await node.bind('web', change);
  await node.slice('web', serving);
  return node;
}

describe('a pod that is being deleted', () => {
  it('serves until the rules of every Ready node contain the revision that lets it go', async () => {
    const { host, stamps } = await start();
    await node.delete('web');
    expect(node.calls('signalPod')).toEqual(['signalPod uid-web']);
    await node.program('node-1', node.memory.cache.revision);
    await node.program('node-2', node.memory.cache.revision);
    expect(host.pod('web').stateOf('app')).toBe('running');
    const revision = await node.slice('web', ending);
    await node.program('node-1', revision);
    await node.program('node-2', revision - 1);
    expect(node.line('web')).toBe('Running ready running restarts=0');
    await node.program('node-2', revision);
    expect(host.names()).toEqual([]);
    expect(node.pod('web')).toBeUndefined();
    expect(stamps.slice(2)).toEqual([
      'pod.terminating shop/web',
      'pod.not-ready shop/web',
      'pod.stopped shop/web programmed',
    ]);
    expect(node.events).toContain('Killing: Stopping container app');
    expect(node.calls('killPod')).toEqual([]);
  });

  it('is never shown as being made again while it ends', async () => {
    await start();
    await node.delete('web');
    const revision = await node.slice('web', ending);
    node.told.splice(0);
    for (const name of ['node-1', 'node-2']) await node.program(name, revision);
    expect(node.told.at(-1)?.finished).toBe(true);
    for (const { status } of node.told) {
      expect(status.phase).toBe('Succeeded');
      expect(status.containerStatuses).toMatchObject([{ restartCount: 0, state: { terminated: { exitCode: 0 } } }]);
    }
  });

  it('stops when its grace period is over, whatever the nodes say', async () => {
    const { host, stamps } = await start();
    await node.delete('web', 10);
    await node.slice('web', ending);
    await node.pass(9.5);
    expect(host.names()).toEqual(['web']);
    await node.pass(0.5);
    expect(host.names()).toEqual([]);
    expect(stamps.at(-1)).toBe('pod.stopped shop/web grace-period-over');
    expect(node.pod('web')).toBeUndefined();
  });

  it('has what is in flight cut off when its grace period is over', async () => {
    const { host } = await start();
    await node.delete('web', 10);
    const revision = await node.slice('web', ending);
    host.pod('web').inFlight = true;
    for (const name of ['node-1', 'node-2']) await node.program(name, revision);
    await node.pass(8);
    expect([host.pod('web').stateOf('app'), node.calls('stopPod')]).toEqual(['running', ['stopPod uid-web']]);
    await node.pass(2);
    expect(host.names()).toEqual([]);
    expect(node.told.at(-1)).toMatchObject({
      finished: true,
      status: { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 137 } } }] },
    });
  });

  it('is ended at its time by another run of the agent', async () => {
    const { host } = await start();
    await node.delete('web', 10);
    node.stopAgent();
    await node.pass(5);
    node.startAgent();
    await node.pass(4.5);
    expect(host.names()).toEqual(['web']);
    await node.pass(1);
    expect(host.names()).toEqual([]);
  });

  it('is not started again, and no liveness probe is made, but readiness counts', async () => {
    const { host } = await start({
      container: {
        livenessProbe: { exec: { command: ['alive'] }, periodSeconds: 1, failureThreshold: 3 },
        readinessProbe: { exec: { command: ['ready'] }, periodSeconds: 1, failureThreshold: 1 },
      },
    });
    host.command = () => ({ code: 0, output: '' });
    await node.pass(1);
    await node.delete('web');
    const asked: string[] = [];
    host.command = (_, [program = '']) => {
      asked.push(program);
      return { code: program === 'alive' || asked.length > 5 ? 1 : 0, output: '' };
    };
    await node.pass(5);
    expect(new Set(asked)).toEqual(new Set(['ready']));
    expect(node.line('web')).toBe('Running ready running restarts=0');
    await node.pass(2);
    expect(node.line('web')).toBe('Running unready running restarts=0');
    host.pod('web').exit('app', 1);
    await node.pass(5);
    expect(node.calls('restartContainer')).toEqual([]);
  });

  it('is finished at once when it was never made', async () => {
    node = new OneNode();
    node.startAgent();
    const valueFrom = { configMapKeyRef: { name: 'none', key: 'x' } };
    await node.bind('held', { container: { env: [{ name: 'X', valueFrom }] } });
    await node.delete('held');
    expect(node.pod('held')).toBeUndefined();
    expect(node.calls('ensurePod')).toEqual([]);
  });

  it('is stopped before it is reported finished when it was just being made', async () => {
    node = new OneNode();
    node.startAgent();
    await node.pass(0.1);
    const release = node.host.hold();
    await node.bind('web');
    await node.delete('web');
    expect(node.pod('web')).toBeDefined();
    release();
    await node.pass(0.5);
    expect(node.host.names()).toEqual([]);
    expect(node.pod('web')).toBeUndefined();
    expect(node.calls('ensurePod')).toHaveLength(1);
  });

  it('is finished when pod-host has died with it', async () => {
    const { host } = await start();
    await node.delete('web');
    host.restart();
    await node.pass(0.5);
    expect(node.pod('web')).toBeUndefined();
    expect(node.told.at(-1)).toMatchObject({
      status: { phase: 'Failed', containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 255 } } }] },
    });
    expect(host.names()).toEqual([]);
  });
});
