import {
  type KubeObject,
  type Pod,
  RESOURCES,
  type ReplicaSet,
  type ResourceRef,
  type Service,
  type Store,
} from '@svclab/core';
import { fakeClock, type MemoryStore, memoryStore } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import { Cluster, deployment, pool, service } from '../../test/cluster.ts';

/** Where a run of the controller ends: before or after its k-th write took effect. */
interface CrashPoint {
  readonly write: number;
  readonly when: 'before' | 'after';
}

/** A store whose user dies at one write: from then on nothing it does has any effect. */
function crashing(store: Store, point: CrashPoint): { readonly store: Store; readonly crashed: () => boolean } {
  let writes = 0;
  let dead = false;
  const guard = async <T>(write: () => Promise<T>): Promise<T> => {
    if (dead) throw new Error('Process is dead');
    writes += 1;
    if (writes < point.write) return write();
    dead = true;
    if (point.when === 'after') await write();
    throw new Error(`Killed ${point.when} write ${point.write}`);
  };
  return {
    store: {
      create: (key, object) => guard(() => store.create(key, object)),
      update: (key, object, expected) => guard(() => store.update(key, object, expected)),
      delete: (key, expected) => guard(() => store.delete(key, expected)),
    },
    crashed: () => dead,
  };
}

/** What must be the same after every crash: all but names made by chance, uids, times and revisions. */
function finalState(cluster: Cluster): unknown {
  const { registry } = cluster;
  const list = <T extends KubeObject>(ref: ResourceRef): readonly T[] =>
    registry.list<T>(ref).filter((o) => o.metadata.namespace === 'default');
  return {
    pods: list<Pod>(RESOURCES.pods)
      .map((p) => `${p.metadata.name.replace(/-[a-z0-9]{5}$/, '')} on ${p.spec.nodeName} ${p.status?.phase}`)
      .sort(),
    sets: list<ReplicaSet>(RESOURCES.replicasets).map((s) => [
      s.metadata.name,
      s.metadata.annotations,
      s.spec.replicas,
      s.status,
    ]),
    deployments: list(RESOURCES.deployments).map((d) => {
      const { conditions, ...counts } =
        (d as { status?: { conditions?: readonly { type: string; reason?: string }[] } }).status ?? {};
      return [d.metadata.annotations, counts, (conditions ?? []).map((c) => `${c.type} ${c.reason}`).sort()];
    }),
    services: list<Service>(RESOURCES.services)
      .filter((s) => s.metadata.name === 'web')
      .map((s) => [s.metadata.annotations, s.status]),
    slices: list(RESOURCES.endpointslices).map(
      (s) => ((s as { endpoints?: readonly unknown[] }).endpoints ?? []).length,
    ),
    endpoints: list(RESOURCES.endpoints).map((e) => {
      const { subsets = [] } = e as { subsets?: readonly { addresses?: readonly unknown[] }[] };
      return [e.metadata.name, subsets.map((s) => s.addresses?.length)];
    }),
    allocations: registry.allocations
      .list('cluster-ip')
      .map((a) => a.spec.owner.name)
      .sort(),
  };
}

/** Applies a Deployment and a Service, as a client that repeats what was not acknowledged, and waits until nothing moves. */
async function applyAndSettle(cluster: Cluster, memory: MemoryStore, point?: CrashPoint): Promise<boolean> {
  await cluster.start();
  await cluster.addNodes('node-1', 'node-2');
  await cluster.registry.create(RESOURCES.ipaddresspools, pool('main', '172.30.0.200-172.30.0.210'));
  await cluster.pass(200);
  await cluster.stop();
  const crash = point && crashing(memory.store, point);
  await cluster.start(crash?.store);
  const apply = async (): Promise<void> => {
    const wanted = [
      [RESOURCES.deployments, deployment('web', 2)],
      [RESOURCES.services, service('web', { type: 'LoadBalancer' })],
    ] as const;
    for (const [ref, object] of wanted)
      if (!cluster.registry.get(ref, 'default', 'web')) await cluster.registry.create<KubeObject>(ref, object);
  };
  await apply().catch(() => undefined);
  await cluster.pass(150);
  if (crash) {
    await cluster.stop();
    await cluster.start();
    await apply();
  }
  const ready = (): boolean => cluster.pods().filter((p) => p.status?.phase === 'Running').length === 2;
  await cluster.until('pods run', ready);
  await cluster.pass(500);
  return crash?.crashed() ?? true;
}

async function run(point?: CrashPoint): Promise<{ readonly state: unknown; readonly crashed: boolean }> {
  const clock = fakeClock();
  const memory = memoryStore({ clock });
  const cluster = new Cluster({ ...memory, clock });
  try {
    const crashed = await applyAndSettle(cluster, memory, point);
    return { state: finalState(cluster), crashed };
  } finally {
    await cluster.close();
  }
}

// The pattern "intermediate state" of Sieve (Sun et al., OSDI 2022): kill a controller between any two of its writes.
describe('a controller killed at any of its writes', () => {
  it.each(['before', 'after'] as const)(
    'reaches the same state, killed %s the write',
    async (when) => {
      const { state } = await run();
      let points = 0;
      for (let write = 1; ; write += 1) {
        const result = await run({ write, when });
        if (!result.crashed) break;
        points += 1;
        expect({ write, state: result.state }).toEqual({ write, state });
      }
      // Deployment, ReplicaSet, pods, bindings, statuses, slices, Endpoints, the Service with its address and ports, counters, Events.
      expect(points).toBeGreaterThan(20);
    },
    120_000,
  );
});
