import { describe, expect, it } from 'vitest';
import type { Node, Pod, Service } from '../../api/core.ts';
import type { EndpointSlice } from '../../api/discovery.ts';
import { decideEndpoints, decideFixedEndpoints } from './decide.ts';
import { MAX_ENDPOINTS, readyDifference } from './slices.ts';

interface PodState {
  readonly ip?: string;
  readonly ready?: boolean;
  readonly deleting?: boolean;
  readonly phase?: 'Running' | 'Succeeded';
  readonly port?: number;
  readonly spec?: Partial<Pod['spec']>;
  readonly labels?: Readonly<Record<string, string>>;
}

const pod = (n: number, state: PodState = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `p${n}`,
    namespace: 'default',
    uid: `u${n}`,
    labels: state.labels ?? { app: 'web' },
    ...(state.deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  spec: {
    containers: [{ name: 'c', ports: [{ name: 'http', containerPort: state.port ?? 8080 }] }],
    nodeName: 'n1',
    ...state.spec,
  },
  status: {
    phase: state.phase ?? 'Running',
    podIP: state.ip ?? `10.244.${n >> 8}.${n & 255}`,
    conditions: [{ type: 'Ready', status: (state.ready ?? true) ? 'True' : 'False' }],
  },
});

const service = (spec: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default', uid: 's', labels: { tier: 'front' } },
  spec: {
    clusterIP: '10.96.0.1',
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' }],
    ipFamilies: ['IPv4'],
    ...spec,
  },
});

const many = (from: number, to: number): Pod[] => Array.from({ length: to - from }, (_, i) => pod(from + i));

/** A store of slices that takes plans in. */
class Slices {
  all: readonly EndpointSlice[] = [];
  writes = 0;
  apply(s: Service, pods: readonly Pod[], node?: Node): void {
    const { slices } = decideEndpoints(s, pods, () => node, { slices: this.all, endpoints: undefined });
    const touched = new Set([...slices.update, ...slices.remove].map((x) => x.metadata.name));
    this.writes = slices.create.length + slices.update.length + slices.remove.length;
    this.all = [...this.all.filter((x) => !touched.has(x.metadata.name)), ...slices.update, ...slices.create];
  }
  get sizes(): number[] {
    return this.all.map((s) => s.endpoints.length).sort((a, b) => b - a);
  }
}

describe('an endpoint', () => {
  const conditionsOf = (s: Service, p: Pod): unknown => {
    const slices = new Slices();
    slices.apply(s, [p]);
    return slices.all.flatMap((x) => x.endpoints.map((e) => e.conditions))[0];
  };
  const publish = { publishNotReadyAddresses: true };
  it.each([
    ['ready', {}, {}, { ready: true, serving: true, terminating: false }],
    ['not ready', {}, { ready: false }, { ready: false, serving: false, terminating: false }],
    ['terminating, still serving', {}, { deleting: true }, { ready: false, serving: true, terminating: true }],
    [
      'terminating, not serving',
      {},
      { deleting: true, ready: false },
      { ready: false, serving: false, terminating: true },
    ],
    ['published though not ready', publish, { ready: false }, { ready: true, serving: false, terminating: false }],
    ['published though terminating', publish, { deleting: true }, { ready: true, serving: true, terminating: true }],
    ['of a pod that has ended', {}, { phase: 'Succeeded' as const }, undefined],
    ['of a pod without an address', {}, { ip: '' }, undefined],
    ['of a pod that is not selected', {}, { labels: { app: 'x' } }, undefined],
  ])('%s', (_name, spec: Partial<Service['spec']>, state: PodState, expected) => {
    expect(conditionsOf(service(spec), pod(1, state))).toEqual(expected);
  });

  it('carries node, zone, target, and the hostname only under its own subdomain', () => {
    const zone: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'a' } },
      spec: {},
    };
    const slices = new Slices();
    const named = (subdomain: string, n: number): Pod => pod(n, { spec: { hostname: `h${n}`, subdomain } });
    slices.apply(service({ clusterIP: 'None' }), [named('web', 1), named('other', 2)], zone);
    expect(slices.all[0]?.endpoints).toEqual([
      {
        addresses: ['10.244.0.1'],
        conditions: { ready: true, serving: true, terminating: false },
        hostname: 'h1',
        nodeName: 'n1',
        zone: 'a',
        targetRef: { kind: 'Pod', namespace: 'default', name: 'p1', uid: 'u1' },
      },
      expect.not.objectContaining({ hostname: expect.anything() }),
    ]);
    expect(slices.all[0]?.metadata.labels).toEqual({
      tier: 'front',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.kubernetes.io',
      'service.kubernetes.io/headless': '',
    });
  });
});

describe('the slices of a Service', () => {
  it('hold at most 100 endpoints each, under names that follow from the Service', () => {
    const slices = new Slices();
    slices.apply(service(), many(1, 251));
    expect(slices.sizes).toEqual([MAX_ENDPOINTS, MAX_ENDPOINTS, 50]);
    const again = new Slices();
    again.apply(service(), many(1, 251).reverse());
    expect(again.all.map((s) => s.metadata.name)).toEqual(slices.all.map((s) => s.metadata.name));
    for (const { metadata } of slices.all) expect(metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
  });

  it.each([
    ['nothing changed', many(100, 250), 0, [100, 50]],
    ['one pod not ready', [pod(100, { ready: false }), ...many(101, 250)], 1, [100, 50]],
    ['one pod gone', many(101, 250), 1, [99, 50]],
    ['one more', many(100, 251), 1, [100, 51]],
    ['one replaced', many(101, 251), 1, [100, 50]],
    ['all of one slice gone', many(200, 250), 1, [50]],
    ['all gone', [], 2, [0]],
  ])('change by as few writes as can be: %s', (_name, pods, writes, sizes) => {
    const slices = new Slices();
    slices.apply(service(), many(100, 250));
    slices.apply(service(), pods);
    expect({ writes: slices.writes, sizes: slices.sizes }).toEqual({ writes, sizes });
    slices.apply(service(), pods);
    expect(slices.writes).toBe(0);
  });

  it('are one for each set of ports: a named port may differ from pod to pod', () => {
    const slices = new Slices();
    slices.apply(service(), [pod(1), pod(2, { port: 9090 }), pod(3, { spec: { containers: [{ name: 'c' }] } })]);
    const shape = slices.all.map((s) => [s.ports?.map((p) => p.port), s.endpoints.map((e) => e.targetRef?.name)]);
    expect(shape).toEqual([
      [[8080], ['p1']],
      [[9090], ['p2']],
      [[], ['p3']],
    ]);
    slices.apply(service(), [pod(1, { port: 9090 }), pod(2, { port: 9090 })]);
    expect(slices.all.map((s) => [s.ports?.map((p) => p.port), s.endpoints.length])).toEqual([[[9090], 2]]);
  });

  it('are one for each family', () => {
    const dual: Pod = { ...pod(1), status: { ...pod(1).status, podIPs: [{ ip: '10.244.0.1' }, { ip: 'fd00::1' }] } };
    const slices = new Slices();
    slices.apply(service({ ipFamilies: ['IPv4', 'IPv6'] }), [dual]);
    expect(slices.all.map((s) => [s.addressType, s.endpoints[0]?.addresses])).toEqual([
      ['IPv4', ['10.244.0.1']],
      ['IPv6', ['fd00::1']],
    ]);
  });

  it('are one empty one without pods', () => {
    const slices = new Slices();
    slices.apply(service(), []);
    expect(slices.all).toMatchObject([{ endpoints: [], ports: [], addressType: 'IPv4' }]);
  });
});

describe('Endpoints', () => {
  const endpoints = (s: Service, pods: readonly Pod[]): unknown =>
    decideEndpoints(s, pods, () => undefined, { slices: [], endpoints: undefined }).endpoints?.subsets;
  it('list ready and not-ready addresses under their ports, and no terminating pods', () => {
    const pods = [pod(2), pod(1), pod(3, { ready: false }), pod(4, { deleting: true }), pod(5, { port: 9090 })];
    const address = (n: number): unknown => expect.objectContaining({ ip: `10.244.0.${n}`, nodeName: 'n1' });
    expect(endpoints(service(), pods)).toEqual([
      {
        addresses: [address(1), address(2)],
        notReadyAddresses: [address(3)],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
      { addresses: [address(5)], ports: [{ name: 'http', port: 9090, protocol: 'TCP' }] },
    ]);
  });
  it('list addresses alone for a headless Service without ports', () => {
    expect(endpoints(service({ clusterIP: 'None', ports: [] }), [pod(1)])).toEqual([
      { addresses: [expect.objectContaining({ ip: '10.244.0.1' })] },
    ]);
  });
  it('are not written again when they are as they should be', () => {
    const first = decideEndpoints(service(), [pod(1)], () => undefined, { slices: [], endpoints: undefined });
    const present = { slices: first.slices.create, endpoints: first.endpoints };
    expect(decideEndpoints(service(), [pod(1)], () => undefined, present)).toEqual({
      slices: { create: [], update: [], remove: [] },
      endpoints: undefined,
    });
  });
});

describe('endpoints that are no pods', () => {
  it('have the ports of the Service', () => {
    const dns = service({ ports: [{ name: 'dns', port: 53, protocol: 'UDP', targetPort: 5353 }] });
    const { slices, endpoints } = decideFixedEndpoints(dns, [{ ip: '172.30.0.53', ready: true }], {
      slices: [],
      endpoints: undefined,
    });
    expect(slices.create[0]).toMatchObject({
      endpoints: [{ addresses: ['172.30.0.53'] }],
      ports: [{ name: 'dns', port: 5353, protocol: 'UDP' }],
    });
    expect(endpoints?.subsets).toEqual([
      { addresses: [{ ip: '172.30.0.53' }], ports: [{ name: 'dns', port: 5353, protocol: 'UDP' }] },
    ]);
  });
});

describe('readyDifference', () => {
  it('names what became ready and what ceased to be', () => {
    const before = new Slices();
    before.apply(service(), [pod(1), pod(2), pod(3, { ready: false })]);
    const after = new Slices();
    after.apply(service(), [pod(2, { deleting: true }), pod(3), pod(4)]);
    expect(readyDifference(before.all, after.all)).toEqual({
      added: ['p3', 'p4'],
      removed: ['p1', 'p2'],
      places: ['p3=10.244.0.3@n1', 'p4=10.244.0.4@n1'],
    });
  });
});
