/** Two API servers on one store: what one gives away the other does not. */
import { randomUUID } from 'node:crypto';
import { hasReason, RESOURCES, resolveKnobs, type Service } from '@svclab/core';
import { connectBus, createLogger, openStore, systemClock, systemRandom } from '@svclab/runtime';
import { type NatsTestServer, startNats } from '@svclab/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { labRegistry, prepareCluster } from '../open-registry.ts';
import type { Registry } from '../registry.ts';
import { ownerlessAllocations } from './repair.ts';

const log = createLogger({ component: 'test', host: 'test', level: 'silent' });
/** 14 addresses to give, 20 ports. */
const lab = {
  serviceCIDR: '10.96.0.0/28',
  nodePorts: { min: 30000, max: 30019 },
  dnsIP: '10.96.0.10',
  knobs: resolveKnobs('fast'),
};
const service = (name: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { type: 'NodePort', ports: [{ port: 80, protocol: 'TCP' }] },
});

describe('two API servers', () => {
  let server: NatsTestServer;
  const stops: (() => unknown)[] = [];
  beforeEach(async () => {
    server = await startNats();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
    await server.stop();
  });
  const apiServer = async (name: string): Promise<Registry> => {
    const bus = await connectBus({ servers: [server.url], user: name, password: 'x', name, log });
    stops.push(() => bus.close());
    const { store, cache } = await openStore(bus, { log, clock: systemClock });
    stops.push(() => cache.close());
    return labRegistry({ store, cache, clock: systemClock, random: systemRandom, uuid: randomUUID, lab });
  };

  it('never give one address or port twice, give every one, and give back what a refused request took', async () => {
    const [a, b] = [await apiServer('a'), await apiServer('b')];
    await prepareCluster(a, lab);
    await b.cache.waitFor(a.cache.revision, 10_000);
    // Two addresses are taken from the start; twelve are left for twenty who come at once.
    const tries = Array.from({ length: 20 }, (_, i) =>
      (i % 2 === 0 ? a : b).create<Service>(RESOURCES.services, service(`s${i}`)),
    );
    const results = await Promise.allSettled(tries);
    const made = results.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
    for (const r of results) if (r.status === 'rejected') expect(hasReason(r.reason, 'InternalError')).toBe(true);
    const addresses = made.map((s) => s.spec.clusterIP);
    const ports = made.flatMap((s) => s.spec.ports?.map((p) => p.nodePort) ?? []);
    expect(made).toHaveLength(12);
    expect(new Set(addresses).size).toBe(12);
    expect(new Set(ports).size).toBe(12);
    await a.cache.waitFor(b.cache.revision, 10_000);
    expect(ownerlessAllocations(a.cache, a.allocations)).toEqual([]);
    const taken = { ...service('again'), spec: { ...service('again').spec, clusterIP: addresses[0] ?? '' } };
    for (const api of [a, b]) await expect(api.create(RESOURCES.services, taken)).rejects.toThrow(/already allocated/);
  });
});
