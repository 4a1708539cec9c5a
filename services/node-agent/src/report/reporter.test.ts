import { afterEach, describe, expect, it } from 'vitest';
import { OneNode } from '../../test/one-node.ts';

let node: OneNode;
afterEach(() => node.stopAgent());

/** A node whose agent has registered it. */
async function start(): Promise<OneNode> {
  node = new OneNode();
  node.startAgent();
  await node.pass(0.1);
  return node;
}

describe('reports', () => {
  it('end when the watched objects show them', async () => {
    await start();
    await node.bind('web');
    await node.pass(2);
    const { requests } = node;
    await node.pass(600);
    expect(node.requests).toBe(requests);
    expect(node.told.at(-1)?.status).toEqual(node.pod('web')?.status);
  });

  it('are repeated each second until then', async () => {
    await start();
    node.controller = 'forgets';
    await node.bind('web');
    await node.pass(0.5);
    const told = node.told.length;
    await node.pass(5);
    expect(node.told.length - told).toBe(5);
    expect(new Set(node.told.slice(told).map((t) => JSON.stringify(t))).size).toBe(1);
    node.controller = 'writes';
    await node.pass(2);
    expect(node.line('web')).toBe('Running ready running restarts=0');
    const { requests } = node;
    await node.pass(60);
    expect(node.requests).toBe(requests);
  });

  it('come again soon when nobody answers, with the events', async () => {
    await start();
    node.controller = 'is away';
    await node.bind('web');
    await node.pass(5);
    expect([node.pod('web')?.status, node.events]).toEqual([undefined, []]);
    node.controller = 'writes';
    await node.pass(0.3);
    expect(node.line('web')).toBe('Running ready running restarts=0');
    expect(node.events.map((e) => e.split(':')[0])).toEqual(['Pulled', 'Created', 'Started']);
  });

  it('begin again when somebody else changes what they said', async () => {
    await start();
    await node.bind('web');
    const status = node.pod('web')?.status;
    await node.modify({ group: '', resource: 'pods', namespace: 'shop', name: 'web' }, (pod) => ({
      ...pod,
      status: { phase: 'Unknown' },
    }));
    await node.pass(1.1);
    expect(node.pod('web')?.status?.phase).toBe(status?.phase);
  });

  it('say that a pod has finished until its object is gone', async () => {
    await start();
    await node.bind('web');
    node.controller = 'forgets';
    await node.delete('web');
    await node.pass(5);
    expect(node.told.filter((t) => t.finished).length).toBeGreaterThanOrEqual(5);
    node.controller = 'writes';
    await node.pass(1);
    expect(node.pod('web')).toBeUndefined();
    const { requests } = node;
    await node.pass(60);
    expect(node.requests).toBe(requests);
  });
});
