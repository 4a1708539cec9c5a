import { afterEach, describe, expect, it } from 'vitest';
import { OneNode } from '../../test/one-node.ts';

let node: OneNode;
afterEach(() => node.stopAgent());

async function start(): Promise<OneNode> {
  node = new OneNode();
  node.startAgent();
  await node.pass(0.1);
  await node.bind('web');
  await node.bind('other');
  return node;
}
const readiness = (name = 'web'): string => node.line(name).split(' ')[1] ?? '';

describe('a pod whose readiness flaps', () => {
  it('alternates with the given times, begins unready, says why, and is itself again afterwards', async () => {
    const { pods, stamps, events } = await start();
    expect(pods.flap('shop', 'web', 'f1', { unreadyMs: 1000, readyMs: 3000 })).toBe(true);
    const seen: string[] = [];
    for (let second = 0; second < 9; second++) {
      await node.pass(0.5);
      seen.push(readiness());
      await node.pass(0.5);
    }
    expect(seen).toEqual(['unready', 'ready', 'ready', 'ready', 'unready', 'ready', 'ready', 'ready', 'unready']);
    expect(readiness('other')).toBe('ready');
    expect(events).toContain('Unhealthy: Readiness probe failed: held back by fault f1');
    expect(stamps.filter((s) => s === 'pod.not-ready shop/web')).toHaveLength(3);
    await node.pass(3.2);
    pods.flap('shop', 'web', 'f1', undefined);
    await node.pass(0.1);
    expect(readiness()).toBe('ready');
    await node.pass(10);
    expect(stamps.filter((s) => s === 'pod.not-ready shop/web')).toHaveLength(4);
  });

  it('is held back while one of several says so, and for good without a ready time', async () => {
    const { pods } = await start();
    pods.flap('shop', 'web', 'f1', { unreadyMs: 1000, readyMs: 1000 });
    pods.flap('shop', 'web', 'f2', { unreadyMs: 1, readyMs: 0 });
    await node.pass(1.5);
    expect(readiness()).toBe('unready');
    pods.flap('shop', 'web', 'f2', undefined);
    await node.pass(0.1);
    expect(readiness()).toBe('ready');
    await node.pass(0.5);
    expect(readiness()).toBe('unready');
    pods.endFlaps();
    await node.pass(0.1);
    expect(readiness()).toBe('ready');
  });

  it('is not made ready by it, and is over with the pod and with the agent', async () => {
    const { pods } = await start();
    node.host.command = () => ({ code: 1, output: 'no' });
    await node.bind('sick', { container: { readinessProbe: { exec: { command: ['x'] }, periodSeconds: 1 } } });
    pods.flap('shop', 'sick', 'f1', { unreadyMs: 500, readyMs: 500 });
    await node.pass(0.7);
    expect(readiness('sick')).toBe('unready');
    pods.flap('shop', 'web', 'f1', { unreadyMs: 1, readyMs: 0 });
    await node.pass(0.1);
    expect(readiness()).toBe('unready');
    node.stopAgent();
    node.startAgent();
    await node.pass(0.5);
    expect(readiness()).toBe('ready');
    expect(node.pods.flap('shop', 'gone', 'f1', undefined)).toBe(false);
  });
});
