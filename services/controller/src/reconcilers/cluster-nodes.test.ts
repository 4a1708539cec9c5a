import { isPodReady, type KubeObject, type Node, type Pod, RESOURCES, type Service } from '@svclab/core';
import { fakeClock, memoryStore } from '@svclab/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, deployment, pool, service } from '../../test/cluster.ts';
import { views } from '../../test/views.ts';

let cluster: Cluster;
const { slices, readyIn, legacy, events, ingress, create, rolledOut } = views(() => cluster);

async function start(...nodes: string[]): Promise<Cluster> {
  const clock = fakeClock();
  cluster = new Cluster({ ...memoryStore({ clock }), clock });
  await cluster.start();
  cluster.addDns('dns-1', '172.30.0.53');
  await cluster.addNodes(...nodes);
  return cluster;
}

afterEach(() => cluster.close());

describe('a node that dies', () => {
  it('leaves the endpoints at once, loses its pods after the toleration, and returns', async () => {
    await start('node-1', 'node-2');
    await create(deployment('web', 2));
    await create(service('web'));
    await cluster.until('rolled out', () => rolledOut('web') && readyIn('web').length === 2);
    cluster.stamps.length = 0;
    cluster.agents.get('node-1')?.stop();
    await cluster.until('not ready', () => !cluster.isReady('node-1'));
    await cluster.until('endpoint gone', () => readyIn('web').length === 1, 50);
    const kinds = cluster.stamps.map((s) => s.type);
    expect(kinds).toEqual(['node.not-ready', 'endpoints.changed']);
    expect(cluster.stamps[0]?.attrs).toEqual({ target: 'node-1', ready: 'Unknown', reason: 'NodeStatusUnknown' });
    const dead = cluster.pods().find((p) => p.spec.nodeName === 'node-1') as Pod;
    expect(cluster.stamps[1]?.attrs).toMatchObject({ service: 'default/web', added: '', removed: dead.metadata.name });
    const node = (): Node => cluster.registry.get<Node>(RESOURCES.nodes, '', 'node-1') as Node;
    await cluster.until('taints', () => (node().spec.taints ?? []).length === 2);
    expect(node().spec.taints?.map((t) => `${t.key}:${t.effect}`)).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    expect(
      cluster.registry.get<Pod>(RESOURCES.pods, 'default', dead.metadata.name)?.metadata.deletionTimestamp,
    ).toBeUndefined();
    await cluster.until('replaced', () => readyIn('web').length === 2);
    expect(
      cluster.registry.get<Pod>(RESOURCES.pods, 'default', dead.metadata.name)?.metadata.deletionTimestamp,
    ).toBeDefined();
    cluster.agents.get('node-1')?.start();
    await cluster.until('returned', () => cluster.isReady('node-1') && node().spec.taints === undefined);
    await cluster.until('old pod gone', () => cluster.pods().length === 2);
    expect(cluster.stamps.map((s) => s.type)).toContain('node.ready');
  });

  it('is only silent for a moment: its pods serve again once it says so', async () => {
    await start('node-1', 'node-2');
    await create(deployment('web', 2));
    await create(service('web'));
    await cluster.until('rolled out', () => readyIn('web').length === 2);
    const before = cluster.pods().map((p) => p.metadata.uid);
    cluster.agents.get('node-2')?.stop();
    await cluster.until('endpoint gone', () => readyIn('web').length === 1);
    cluster.agents.get('node-2')?.start();
    await cluster.until('back', () => readyIn('web').length === 2);
    expect(cluster.pods().map((p) => p.metadata.uid)).toEqual(before);
  });

  it('is not declared by a controller that has just started, cannot hear, or stood still', async () => {
    await start('node-1', 'node-2');
    const graceMs = cluster.knobs['node.monitorGracePeriod'];
    await cluster.stop();
    cluster.agents.get('node-1')?.stop();
    await cluster.pass(graceMs * 3);
    await cluster.start();
    await cluster.pass(graceMs - 100);
    expect(cluster.isReady('node-1')).toBe(true);
    cluster.bus.connected = false;
    await cluster.pass(graceMs * 3);
    expect(cluster.isReady('node-1')).toBe(true);
    cluster.bus.connected = true;
    await cluster.pass(graceMs / 2);
    expect(cluster.isReady('node-1')).toBe(true);
    await cluster.until('declared', () => !cluster.isReady('node-1'), graceMs * 2);
    expect(cluster.isReady('node-2')).toBe(true);
  });

  it('is deleted: its pods go after a grace period', async () => {
    await start('node-1', 'node-2');
    await create(deployment('web', 2));
    await cluster.until('rolled out', () => rolledOut('web'));
    cluster.agents.get('node-1')?.stop();
    await cluster.registry.delete(RESOURCES.nodes, '', 'node-1');
    await cluster.until('moved', () => cluster.pods().every((p) => p.spec.nodeName === 'node-2') && rolledOut('web'));
  });
});

describe('namespaces', () => {
  it('go with all they hold', async () => {
    await start('node-1');
    await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    const inShop = <T extends KubeObject>(object: T): T => ({
      ...object,
      metadata: { ...object.metadata, namespace: 'shop' },
    });
    await create(inShop(deployment('web', 2)));
    await create(inShop(service('web')));
    await cluster.until('ready', () => cluster.pods('shop').filter(isPodReady).length === 2);
    await cluster.registry.delete(RESOURCES.namespaces, '', 'shop');
    await cluster.until('gone', () => cluster.registry.get(RESOURCES.namespaces, '', 'shop') === undefined);
    for (const definition of cluster.registry.definitions.all.filter((d) => d.namespaced && !d.view))
      expect(cluster.registry.list(definition, 'shop')).toEqual([]);
    expect(cluster.registry.allocations.list('cluster-ip').map((a) => a.spec.owner.namespace)).not.toContain('shop');
  });
});

describe('the Services of the lab itself', () => {
  it('follow the DNS servers that live', async () => {
    await start('node-1');
    const dns = (): readonly string[] =>
      slices('kube-dns', 'kube-system').flatMap((s) => s.endpoints.flatMap((e) => e.addresses));
    const end = cluster.addDns('dns-2', '172.30.0.54');
    await cluster.until('two', () => dns().join() === '172.30.0.53,172.30.0.54');
    await cluster.until('Endpoints', () => legacy('kube-dns', 'kube-system')?.subsets?.[0]?.addresses?.length === 2);
    expect(slices('kubernetes')[0]).toMatchObject({
      endpoints: [{ addresses: ['172.30.1.3'] }],
      ports: [{ name: 'https', port: 6443 }],
    });
    await cluster.stop();
    await cluster.start();
    await cluster.pass(50);
    expect(dns()).toHaveLength(2);
    end();
    await cluster.until('one', () => dns().join() === '172.30.0.53', 2 * cluster.knobs['dns.grace']);
  });
});

describe('LoadBalancer addresses', () => {
  it('are handed over at once, and kept over a restart', async () => {
    await start('node-1');
    await create(pool('one', '192.168.1.200/32'));
    await create(service('a', { type: 'LoadBalancer' }));
    await cluster.until('a has it', () => ingress('a') === '192.168.1.200');
    await create(service('b', { type: 'LoadBalancer' }));
    await cluster.pass(100);
    expect(ingress('b')).toBeUndefined();
    expect(events().find((e) => e.reason === 'AllocationFailed')?.message).toBe(
      'Failed to allocate IP for "default/b": no available IPs',
    );
    await cluster.stop();
    await cluster.start();
    await cluster.pass(50);
    expect([ingress('a'), ingress('b')]).toEqual(['192.168.1.200', undefined]);
    await cluster.registry.modify<Service>(RESOURCES.services, 'default', 'a', (s) => ({
      ...s,
      spec: { ...s.spec, type: 'ClusterIP' },
    }));
    await cluster.until('b has it', () => ingress('b') === '192.168.1.200');
    const a = cluster.registry.get<Service>(RESOURCES.services, 'default', 'a');
    expect([a?.status?.loadBalancer, a?.metadata.annotations]).toEqual([{}, {}]);
    await cluster.registry.delete(RESOURCES.ipaddresspools, 'metallb-system', 'one');
    await cluster.until('taken away', () => ingress('b') === undefined);
  });
});
