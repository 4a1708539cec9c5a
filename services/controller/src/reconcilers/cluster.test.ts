import {
  conditionOf,
  type IPAddressPool,
  isPodReady,
  type Node,
  type Pod,
  RESOURCES,
  type ReplicaSet,
} from '@svclab/core';
import { fakeClock, memoryStore } from '@svclab/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, deployment, pool, service, template } from '../../test/cluster.ts';
import { views } from '../../test/views.ts';

let cluster: Cluster;
const { slices, readyIn, legacy, get, events, ingress, create, change, rolledOut } = views(() => cluster);

async function start(...nodes: string[]): Promise<Cluster> {
  const clock = fakeClock();
  cluster = new Cluster({ ...memoryStore({ clock }), clock });
  await cluster.start();
  cluster.addDns('dns-1', '172.30.0.53');
  await cluster.addNodes(...nodes);
  return cluster;
}

afterEach(() => cluster.close());

describe('a Deployment behind a Service', () => {
  it('comes up: pods spread over the nodes, slices, Endpoints, an address', async () => {
    await start('node-1', 'node-2', 'node-3');
    await create(pool('main', '172.30.0.200-172.30.0.250'));
    await create(deployment('web-app', 3));
    await create(service('web-app', { type: 'LoadBalancer' }));
    await cluster.until('rolled out', () => rolledOut('web-app') && readyIn('web-app').length === 3);
    expect(
      cluster
        .pods()
        .map((p) => p.spec.nodeName)
        .sort(),
    ).toEqual(['node-1', 'node-2', 'node-3']);
    for (const pod of cluster.pods()) expect(pod.metadata.name).toMatch(/^web-app-[a-z0-9]+-[a-z0-9]{5}$/);
    const [slice, ...more] = slices('web-app');
    expect(more).toEqual([]);
    expect(slice?.ports).toEqual([{ name: 'http', port: 8080, protocol: 'TCP' }]);
    expect(slice?.endpoints[0]?.conditions).toEqual({ ready: true, serving: true, terminating: false });
    await cluster.until('Endpoints', () => legacy('web-app')?.subsets?.[0]?.addresses?.length === 3);
    expect(ingress('web-app')).toBe('172.30.0.200');
    const stored = cluster.registry.get<IPAddressPool>(RESOURCES.ipaddresspools, 'metallb-system', 'main');
    expect(stored?.status).toEqual({ assignedIPv4: 1, assignedIPv6: 0, availableIPv4: 50, availableIPv6: 0 });
    const conditions = get('web-app').status?.conditions;
    expect(conditionOf(conditions, 'Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
    expect(conditionOf(conditions, 'Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
    await cluster.pass(100);
    expect(new Set(events().map((e) => e.reason))).toEqual(
      new Set(['NodeReady', 'ScalingReplicaSet', 'SuccessfulCreate', 'Scheduled', 'IPAllocated']),
    );
  });

  it('scales up and down, not-ready pods first, and keeps serving while pods end', async () => {
    await start('node-1', 'node-2');
    await create(deployment('web', 2));
    await create(service('web'));
    await cluster.until('rolled out', () => rolledOut('web') && readyIn('web').length === 2);
    const revision = cluster.registry.cache.revision;
    await change('web', { replicas: 4 });
    await cluster.until('4 ready', () => readyIn('web').length === 4);
    expect(cluster.registry.list(RESOURCES.replicasets, 'default')).toHaveLength(1);
    const victim = cluster.pods().find((p) => Number(p.metadata.resourceVersion) < revision) as Pod;
    const agent = cluster.agents.get(victim.spec.nodeName ?? '');
    agent?.unready.add(victim.metadata.name);
    await cluster.until('one not ready', () => readyIn('web').length === 3);
    for (const a of cluster.agents.values()) a.finishes = false;
    await change('web', { replicas: 3 });
    await cluster.until('one terminating', () =>
      cluster.pods().some((p) => p.metadata.deletionTimestamp && p.metadata.name === victim.metadata.name),
    );
    await change('web', { replicas: 2 });
    await cluster.until(
      'two terminating',
      () => cluster.pods().filter((p) => p.metadata.deletionTimestamp).length === 2,
    );
    await cluster.pass(50);
    const terminating = slices('web').flatMap((s) => s.endpoints.filter((e) => e.conditions?.terminating));
    expect(terminating.map((e) => e.conditions?.serving).sort()).toEqual([false, true]);
    expect(readyIn('web')).toHaveLength(2);
    for (const a of cluster.agents.values()) a.finishes = true;
    await cluster.until('gone', () => cluster.pods().length === 2 && rolledOut('web'));
    expect(slices('web').flatMap((s) => s.endpoints)).toHaveLength(2);
    await change('web', { replicas: 0 });
    await cluster.until('empty', () => cluster.pods().length === 0 && readyIn('web').length === 0);
    await cluster.pass(50);
    expect(slices('web')).toHaveLength(1);
    expect(legacy('web')?.subsets).toBeUndefined();
  });

  it('is updated without falling below what must be available, keeps its history, and goes back', async () => {
    await start('node-1', 'node-2');
    await create(
      deployment('web', 4, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }),
    );
    await create(service('web'));
    await cluster.until('rolled out', () => rolledOut('web') && readyIn('web').length === 4);
    await change('web', { template: template('web', 'nginx:1.28') });
    let most = 0;
    let least = 4;
    const end = cluster.registry.cache.subscribe(() => {
      const active = cluster.pods().filter((p) => !p.metadata.deletionTimestamp);
      most = Math.max(most, active.length);
      least = Math.min(least, active.filter(isPodReady).length);
    });
    await cluster.until('updated', () => rolledOut('web') && cluster.pods().length === 4);
    end();
    expect({ most, least }).toEqual({ most: 5, least: 4 });
    expect(cluster.pods().map((p) => p.spec.containers[0]?.image)).toEqual(Array(4).fill('nginx:1.28'));
    const sets = (): readonly ReplicaSet[] => cluster.registry.list<ReplicaSet>(RESOURCES.replicasets, 'default');
    expect(
      sets()
        .map((s) => s.spec.replicas)
        .sort(),
    ).toEqual([0, 4]);
    expect(get('web').metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    await change('web', { template: template('web', 'nginx:1.27') });
    await cluster.until('back', () => rolledOut('web') && cluster.pods().length === 4);
    expect(sets()).toHaveLength(2);
    expect(get('web').metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
    await change('web', { revisionHistoryLimit: 0 });
    await cluster.until('history gone', () => sets().length === 1);
  });

  it('says when a rollout makes no progress, and goes on when it can', async () => {
    await start('node-1');
    await create(
      deployment('web', 1, {
        progressDeadlineSeconds: 2,
        template: {
          ...template('web', 'nginx'),
          spec: { ...template('web', 'nginx').spec, nodeSelector: { disk: 'ssd' } },
        },
      }),
    );
    await cluster.until(
      'deadline',
      () => conditionOf(get('web').status?.conditions, 'Progressing')?.reason === 'ProgressDeadlineExceeded',
    );
    const [pod] = cluster.pods();
    expect(conditionOf(pod?.status?.conditions, 'PodScheduled')).toMatchObject({
      status: 'False',
      reason: 'Unschedulable',
    });
    await cluster.pass(50);
    expect(events().find((e) => e.reason === 'FailedScheduling')?.message).toContain(
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector",
    );
    await cluster.registry.modify<Node>(RESOURCES.nodes, '', 'node-1', (n) => ({
      ...n,
      metadata: { ...n.metadata, labels: { ...n.metadata.labels, disk: 'ssd' } },
    }));
    await cluster.until('rolled out', () => rolledOut('web'));
    expect(conditionOf(get('web').status?.conditions, 'Progressing')?.reason).toBe('NewReplicaSetAvailable');
  });

  it('recreates: the last old pod is gone before the first new one comes', async () => {
    await start('node-1', 'node-2');
    await create(deployment('web', 2, { strategy: { type: 'Recreate' } }));
    await cluster.until('rolled out', () => rolledOut('web'));
    const seen = new Set<string>();
    const end = cluster.registry.cache.subscribe(
      () => void seen.add([...new Set(cluster.pods().map((p) => p.spec.containers[0]?.image))].sort().join()),
    );
    await change('web', { template: template('web', 'nginx:2') });
    await cluster.until(
      'updated',
      () => rolledOut('web') && cluster.pods().every((p) => p.spec.containers[0]?.image === 'nginx:2'),
    );
    end();
    expect([...seen].sort()).toEqual(['', 'nginx:1.27', 'nginx:2']);
  });

  it('waits while it is paused', async () => {
    await start('node-1');
    await create(deployment('web', 1));
    await cluster.until('rolled out', () => rolledOut('web'));
    await change('web', { paused: true, template: template('web', 'nginx:2') });
    await cluster.pass(200);
    expect(cluster.pods().map((p) => p.spec.containers[0]?.image)).toEqual(['nginx:1.27']);
    expect(conditionOf(get('web').status?.conditions, 'Progressing')).toMatchObject({
      status: 'Unknown',
      reason: 'DeploymentPaused',
    });
    await change('web', { paused: false });
    await cluster.until(
      'updated',
      () => rolledOut('web') && cluster.pods().every((p) => p.spec.containers[0]?.image === 'nginx:2'),
    );
  });

  it('takes everything along when it is deleted', async () => {
    await start('node-1');
    await create(deployment('web', 2));
    await cluster.until('rolled out', () => rolledOut('web'));
    await cluster.registry.delete(RESOURCES.deployments, 'default', 'web', { propagationPolicy: 'Background' });
    await cluster.until(
      'all gone',
      () => cluster.pods().length === 0 && cluster.registry.list(RESOURCES.replicasets).length === 0,
    );
  });

  it.each(['Foreground', 'Orphan'] as const)('is deleted with policy %s', async (propagationPolicy) => {
    await start('node-1');
    await create(deployment('web', 2));
    await cluster.until('rolled out', () => rolledOut('web'));
    const order: string[] = [];
    cluster.registry.cache.subscribe(
      (e) => void (e.type === 'DELETED' && e.key.resource !== 'events' && order.push(e.key.resource)),
    );
    await cluster.registry.delete(RESOURCES.deployments, 'default', 'web', { propagationPolicy });
    await cluster.until('gone', () => cluster.registry.get(RESOURCES.deployments, 'default', 'web') === undefined);
    await cluster.pass(200);
    if (propagationPolicy === 'Foreground') expect(order).toEqual(['pods', 'pods', 'replicasets', 'deployments']);
    else {
      expect(order).toEqual(['deployments']);
      expect(cluster.pods()).toHaveLength(2);
      expect(cluster.registry.list<ReplicaSet>(RESOURCES.replicasets)[0]?.metadata.ownerReferences).toBeUndefined();
    }
  });
});
