import { randomUUID } from 'node:crypto';
import {
  type Deployment,
  hasReason,
  type KubeObject,
  type Pod,
  RESOURCES,
  resolveKnobs,
  type Service,
  type ServiceSpec,
} from '@svclab/core';
import { seededRandom } from '@svclab/runtime';
import { fakeClock, memoryStore } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import { openRegistry } from './open-registry.ts';
import type { Registry } from './registry.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

async function open(nodePorts = { min: 30000, max: 32767 }, serviceCIDR = '10.96.0.0/16') {
  const clock = fakeClock({ wallMs: START });
  const { store, cache } = memoryStore({ clock });
  const lab = { serviceCIDR, nodePorts, dnsIP: '10.96.0.10', knobs: resolveKnobs('realistic') };
  const options = { store, cache, clock, random: seededRandom(1), uuid: randomUUID, lab };
  const registry = await openRegistry(options);
  return { registry, store, cache, clock, options };
}

const service = (name: string, spec: ServiceSpec): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec,
});
const web = (spec: ServiceSpec = {}): ServiceSpec => ({ ports: [{ port: 80 }], ...spec });
const createService = (registry: Registry, name: string, spec: ServiceSpec, dryRun = false) =>
  registry.create(RESOURCES.services, service(name, spec), { dryRun });

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: Error) => error.message,
  );
}

describe('create', () => {
  it('fills in metadata, defaults and addresses', async () => {
    const { registry } = await open();
    const created = await createService(registry, 'web', web({ type: 'LoadBalancer' }));
    expect(created.metadata).toMatchObject({ name: 'web', creationTimestamp: '2026-01-01T00:00:00Z' });
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(created.spec.clusterIP).toMatch(/^10\.96\./);
    expect(created.spec.ports?.[0]).toMatchObject({ port: 80, targetPort: 80, protocol: 'TCP' });
    expect(created.spec.ports?.[0]?.nodePort).toBeGreaterThanOrEqual(30086);
    expect(created.spec).toMatchObject({ externalTrafficPolicy: 'Cluster', sessionAffinity: 'None' });
  });

  it('refuses the same name twice, a namespace that is not there, and a name that is too long', async () => {
    const { registry } = await open();
    await createService(registry, 'web', web());
    expect(await failure(createService(registry, 'web', web()))).toBe('services "web" already exists');
    const elsewhere = { ...service('web', web()), metadata: { name: 'web', namespace: 'nowhere' } };
    expect(await failure(registry.create(RESOURCES.services, elsewhere))).toBe('namespaces "nowhere" not found');
    expect(await failure(createService(registry, 'a'.repeat(64), web()))).toContain(
      'metadata.name: Invalid value: "aaaa',
    );
  });

  it('generates names', async () => {
    const { registry } = await open();
    const object = { ...service('', web()), metadata: { name: '', generateName: 'web-', namespace: 'default' } };
    const created = await registry.create(RESOURCES.services, object);
    expect(created.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('stores nothing with dryRun', async () => {
    const { registry, cache } = await open();
    const before = cache.revision;
    const created = await createService(registry, 'web', web({ type: 'NodePort' }), true);
    expect(created.spec.clusterIP).toMatch(/^10\.96\./);
    expect(cache.revision).toBe(before);
  });
});

describe('allocation', () => {
  it.each([
    [
      { clusterIP: '10.97.0.1' },
      'spec.clusterIPs: Invalid value: []string{"10.97.0.1"}: failed to allocate IP 10.97.0.1: the provided IP (10.97.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16',
    ],
    [
      { clusterIP: '10.96.0.10' },
      'spec.clusterIPs: Invalid value: []string{"10.96.0.10"}: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    ],
    [
      { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] },
      'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ],
  ] as [ServiceSpec, string][])('refuses %j', async (spec, text) => {
    const { registry } = await open();
    expect(await failure(createService(registry, 'web', web(spec)))).toBe(`Service "web" is invalid: ${text}`);
  });

  it('gives back what a failed request took', async () => {
    const { registry } = await open();
    await createService(registry, 'a', web({ type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] }));
    const before = registry.allocations.list('cluster-ip').length;
    const spec = web({
      type: 'NodePort',
      ports: [
        { name: 'a', port: 80, nodePort: 30002 },
        { name: 'b', port: 81, nodePort: 30001 },
      ],
    });
    expect(await failure(createService(registry, 'b', spec))).toContain('provided port is already allocated');
    expect(registry.allocations.list('cluster-ip')).toHaveLength(before);
    expect(registry.allocations.holder('node-port', '30002')).toBeUndefined();
  });

  it('says when a range is full, and works again after a deletion', async () => {
    const { registry } = await open({ min: 30000, max: 30001 });
    await createService(registry, 'a', web({ type: 'NodePort' }));
    await createService(registry, 'b', web({ type: 'NodePort' }));
    expect(await failure(createService(registry, 'c', web({ type: 'NodePort' })))).toBe(
      'Internal error occurred: failed to allocate a nodePort: range is full',
    );
    await registry.delete(RESOURCES.services, 'default', 'a');
    await createService(registry, 'c', web({ type: 'NodePort' }));
    expect(registry.allocations.list('node-port')).toHaveLength(2);
  });

  it('keeps addresses and ports over an update and drops ports with the type', async () => {
    const { registry } = await open();
    const a = await createService(registry, 'a', web({ type: 'NodePort' }));
    const same = await registry.update(
      RESOURCES.services,
      service('a', web({ type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }] })),
    );
    expect(same.spec.clusterIP).toBe(a.spec.clusterIP);
    expect(same.spec.ports?.[0]?.nodePort).toBe(a.spec.ports?.[0]?.nodePort);
    const plain = await registry.update(RESOURCES.services, service('a', web({ type: 'ClusterIP' })));
    expect(plain.spec.ports?.[0]?.nodePort).toBeUndefined();
    expect(plain.spec.externalTrafficPolicy).toBeUndefined();
    expect(registry.allocations.list('node-port')).toEqual([]);
    const outside = await registry.update(
      RESOURCES.services,
      service('a', { type: 'ExternalName', externalName: 'example.com' }),
    );
    expect(outside.spec.clusterIP).toBeUndefined();
    expect(registry.allocations.holder('cluster-ip', a.spec.clusterIP ?? '')).toBeUndefined();
  });

  it('repairs what a crash between two writes left', async () => {
    const { registry, options } = await open();
    const a = await createService(registry, 'a', web());
    await registry.allocations.release('cluster-ip', a.spec.clusterIP ?? '');
    await registry.allocations.claim('node-port', '30500', {
      kind: 'Service',
      namespace: 'default',
      name: 'x',
      uid: 'x',
    });
    const again = await openRegistry(options);
    expect(again.allocations.holder('cluster-ip', a.spec.clusterIP ?? '')?.name).toBe('a');
    expect(again.allocations.holder('node-port', '30500')).toBeUndefined();
  });
});

describe('update', () => {
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'nginx' }] } },
    },
  };

  it('counts generations for changes of the spec only', async () => {
    const { registry } = await open();
    const made = await registry.create(RESOURCES.deployments, deployment);
    expect(made.metadata.generation).toBe(1);
    const labelled = await registry.modify<Deployment>(RESOURCES.deployments, 'default', 'web', (d) => ({
      ...d,
      metadata: { ...d.metadata, labels: { a: 'b' } },
    }));
    expect(labelled.metadata.generation).toBe(1);
    const status = await registry.updateStatus(RESOURCES.deployments, { ...labelled, status: { replicas: 1 } });
    expect(status).toMatchObject({ metadata: { generation: 1 }, status: { replicas: 1 } });
    const scaled = await registry.update(RESOURCES.deployments, {
      ...status,
      spec: { ...status.spec, replicas: 3 },
      status: { replicas: 9 },
    });
    expect(scaled).toMatchObject({ metadata: { generation: 2 }, status: { replicas: 1 } });
    const same = await registry.update(RESOURCES.deployments, scaled);
    expect(same.metadata.resourceVersion).toBe(scaled.metadata.resourceVersion);
  });

  it('refuses an old version and an immutable selector', async () => {
    const { registry } = await open();
    const made = await registry.create(RESOURCES.deployments, deployment);
    await registry.update(RESOURCES.deployments, { ...made, spec: { ...made.spec, replicas: 2 } });
    const stale = registry.update(RESOURCES.deployments, { ...made, spec: { ...made.spec, replicas: 3 } });
    expect(await failure(stale)).toContain(
      'Operation cannot be fulfilled on deployments.apps "web": the object has been modified',
    );
    const labels = { app: 'other' };
    const other = {
      ...deployment,
      spec: { selector: { matchLabels: labels }, template: { ...deployment.spec.template, metadata: { labels } } },
    };
    expect(await failure(registry.update(RESOURCES.deployments, other))).toContain('spec.selector: Invalid value');
  });

  it('settles ten writers at once', async () => {
    const { registry } = await open();
    await registry.create(RESOURCES.deployments, deployment);
    const add = () =>
      registry.modify<Deployment>(RESOURCES.deployments, 'default', 'web', (d) => ({
        ...d,
        spec: { ...d.spec, replicas: (d.spec.replicas ?? 0) + 1 },
      }));
    await Promise.all(Array.from({ length: 10 }, add));
    expect(registry.get<Deployment>(RESOURCES.deployments, 'default', 'web')?.spec.replicas).toBe(11);
  });
});

describe('delete', () => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'default' },
    spec: { containers: [{ name: 'a', image: 'nginx' }] },
  };

  it('removes a pod without a node at once, and one with a node after its grace period', async () => {
    const { registry } = await open();
    await registry.create(RESOURCES.pods, pod);
    expect((await registry.delete(RESOURCES.pods, 'default', 'a')).removed).toBe(true);
    await registry.create(RESOURCES.pods, pod);
    await registry.bind('default', 'a', 'node-1');
    expect(await failure(registry.bind('default', 'a', 'node-2'))).toContain('already assigned to node "node-1"');
    const first = await registry.delete(RESOURCES.pods, 'default', 'a');
    expect(first.removed).toBe(false);
    expect(first.object.metadata).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:30Z',
      deletionGracePeriodSeconds: 30,
    });
    const shorter = await registry.delete(RESOURCES.pods, 'default', 'a', { gracePeriodSeconds: 5 });
    expect(shorter.object.metadata.deletionTimestamp).toBe('2026-01-01T00:00:05Z');
    expect((await registry.delete(RESOURCES.pods, 'default', 'a', { gracePeriodSeconds: 0 })).removed).toBe(true);
    expect(registry.get(RESOURCES.pods, 'default', 'a')).toBeUndefined();
  });

  it('waits for finalizers and marks propagation', async () => {
    const { registry } = await open();
    const map: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } };
    await registry.create(RESOURCES.configmaps, map);
    const held = await registry.delete(RESOURCES.configmaps, 'default', 'c', { propagationPolicy: 'Foreground' });
    expect(held.object.metadata.finalizers).toEqual(['foregroundDeletion']);
    await registry.modify(RESOURCES.configmaps, 'default', 'c', (o) => ({
      ...o,
      metadata: { ...o.metadata, finalizers: [] },
    }));
    expect(registry.get(RESOURCES.configmaps, 'default', 'c')).toBeUndefined();
  });

  it('holds a namespace until it is finalized, and lets nothing new in', async () => {
    const { registry } = await open();
    await registry.create(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
    await registry.delete(RESOURCES.namespaces, '', 'n');
    expect(registry.get(RESOURCES.namespaces, '', 'n')).toMatchObject({ status: { phase: 'Terminating' } });
    const inside = registry.create(RESOURCES.configmaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c', namespace: 'n' },
    });
    expect(await failure(inside)).toContain('because it is being terminated');
    await registry.modify(RESOURCES.namespaces, '', 'n', (o) => ({ ...o, spec: { finalizers: [] } }), {
      subresource: 'finalize',
    });
    expect(registry.get(RESOURCES.namespaces, '', 'n')).toBeUndefined();
    expect(await failure(registry.delete(RESOURCES.namespaces, '', 'default'))).toContain('may not be deleted');
  });

  it('keeps to preconditions', async () => {
    const { registry } = await open();
    await registry.create(RESOURCES.pods, pod);
    const wrong = registry.delete(RESOURCES.pods, 'default', 'a', { preconditions: { uid: 'x' } });
    await expect(wrong).rejects.toSatisfy((e) => hasReason(e, 'Conflict'));
  });
});

describe('IPAddressPool', () => {
  const pool = (name: string, ...addresses: string[]): KubeObject & { spec: unknown } => ({
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name, namespace: 'metallb-system' },
    spec: { addresses },
  });
  it('refuses ranges that are none and pools that overlap, naming both', async () => {
    const { registry } = await open();
    const create = (o: KubeObject) => registry.create(RESOURCES.ipaddresspools, o);
    await create(pool('first', '172.30.0.200-172.30.0.250'));
    expect(await failure(create(pool('second', '172.30.0.240/28')))).toBe(
      'admission webhook "ipaddresspoolvalidationwebhook.metallb.io" denied the request: CIDR "172.30.0.240/28" in pool "second" overlaps with already defined CIDR "172.30.0.200-172.30.0.250" in pool "first"',
    );
    expect(await failure(create(pool('third', '1.2.3.4/33')))).toContain('invalid CIDR "1.2.3.4/33" in pool "third"');
  });
});
