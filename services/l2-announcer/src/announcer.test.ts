import { type KubeObject, type ObjectKey, RESOURCES, type ResourceRef, type Verdict } from '@svclab/core';
import { fakeClock, memoryStore } from '@svclab/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { Announcer } from './announcer.ts';

/** Order of node-a, node-b, node-c for these, by SHA-256: a c b, a b c, b a c. */
const [VIP, VIP_ABC, VIP_BAC] = ['192.168.100.10', '192.168.100.11', '192.168.100.12'];

const key = (ref: ResourceRef, name: string): ObjectKey => ({
  ...ref,
  namespace: ref === RESOURCES.nodes ? '' : 'default',
  name,
});

function service(name: string, vips: readonly string[], spec: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', annotations: { 'metallb.io/ip-allocated-from-pool': 'pool' } },
    spec: { type: 'LoadBalancer', ...spec },
    status: { loadBalancer: { ingress: vips.map((ip) => ({ ip })) } },
  } as KubeObject;
}

function slice(owner: string, nodes: readonly string[], name = `${owner}-1`): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': owner } },
    addressType: 'IPv4',
    endpoints: nodes.map((nodeName) => ({ addresses: ['10.244.1.2'], nodeName, conditions: { ready: true } })),
  } as KubeObject;
}

function node(name: string, labels: Record<string, string> = {}, status: object = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, status } as KubeObject;
}

const pool = (status: object = {}): KubeObject =>
  ({
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: 'pool', namespace: 'default' },
    spec: { addresses: ['192.168.100.0/24'] },
    status,
  }) as KubeObject;
const advertisement = (name: string, spec: object): KubeObject =>
  ({
    apiVersion: 'metallb.io/v1beta1',
    kind: 'L2Advertisement',
    metadata: { name, namespace: 'default' },
    spec,
  }) as KubeObject;

/** The announcer of node-a with what it did, in order. */
async function world() {
  const clock = fakeClock();
  const { store, cache } = memoryStore({ clock });
  let members = ['node-a', 'node-b', 'node-c'];
  const wire: string[] = [];
  const stamps: string[] = [];
  const changes: string[][] = [];
  const put = async (ref: ResourceRef, object: KubeObject): Promise<void> => {
    const at = key(ref, object.metadata.name);
    const known = cache.get(at);
    if (known) await store.update(at, object, Number(known.metadata.resourceVersion));
    else await store.create(at, object);
  };
  await put(RESOURCES.ipaddresspools, pool());
  await put(RESOURCES.l2advertisements, advertisement('all', {}));
  await put(RESOURCES.endpointslices, slice('web', ['node-b']));
  await put(RESOURCES.services, service('web', [VIP]));
  const announcer = new Announcer({
    self: 'node-a',
    cache,
    clock,
    members: () => members,
    responder: {
      reaches: (interfaces) => interfaces.length === 0 || interfaces.some((name) => name.startsWith('lan')),
      announce: (vip, interfaces) => void wire.push(`announce ${vip} ${interfaces.join(',')}`.trim()),
      limit: (vip, interfaces) => void wire.push(`limit ${vip} ${interfaces.join(',')}`.trim()),
      release: (vip) => void wire.push(`release ${vip}`),
    },
    stamp: (type, { attrs }) => void stamps.push(`${type} ${attrs.service} ${attrs.owner}`),
    onChange: (gained, failed) =>
      void changes.push([
        ...gained.map((v: Verdict) => `${v.service} ${v.vip}`),
        ...failed.map((v: Verdict) => `failed ${v.service} ${v.vip}`),
      ]),
  });
  cache.subscribe((event) => announcer.apply(event));
  return {
    announcer,
    clock,
    put,
    remove: (ref: ResourceRef, name: string) => store.delete(key(ref, name)),
    setMembers: (...names: string[]) => {
      members = names;
      announcer.resync('members');
    },
    /** What went to the wire since the last call. */
    wire: () => wire.splice(0),
    stamps: () => stamps.splice(0),
    changes: () => changes.splice(0),
  };
}

let w: Awaited<ReturnType<typeof world>>;
beforeEach(async () => {
  w = await world();
});

describe('Announcer', () => {
  it('elects nothing before the member list is believed, and all at once then', async () => {
    await w.put(RESOURCES.services, service('web', [VIP], { sessionAffinity: 'ClientIP' }));
    w.setMembers('node-a');
    expect([w.wire(), w.stamps(), w.changes(), w.announcer.states()]).toEqual([[], [], [], []]);
    w.announcer.enable('start');
    expect(w.wire()).toEqual([`announce ${VIP}`]);
    expect(w.stamps()).toEqual(['vip.elected default/web node-a']);
    expect(w.changes()).toEqual([[`web ${VIP}`]]);
  });

  it('tells reason, owner and order of an address that another node announces', async () => {
    await w.put(RESOURCES.services, service('web', [VIP_BAC]));
    w.announcer.enable('start');
    expect(w.wire()).toEqual([]);
    expect(w.announcer.announced()).toEqual([]);
    expect(w.announcer.states()).toMatchObject([
      { owner: 'node-b', announcing: false, reason: 'lost-election', order: ['node-b', 'node-a', 'node-c'] },
    ]);
  });

  it.each<[string, () => Promise<unknown> | undefined, string[]]>([
    ['an endpoint changes', () => w.put(RESOURCES.endpointslices, slice('web', ['node-c'])), [`announce ${VIP}`]],
    ['the Service changes', () => w.put(RESOURCES.services, service('web', [VIP], { ports: [] })), [`announce ${VIP}`]],
    ['a member goes', () => void w.setMembers('node-a', 'node-c'), [`announce ${VIP}`]],
    ["a node's labels change", () => w.put(RESOURCES.nodes, node('node-b', { a: 'b' })), [`announce ${VIP}`]],
    ['a node registers that changes nothing', () => w.put(RESOURCES.nodes, node('node-b')), []],
    ["the pool's counters change", () => w.put(RESOURCES.ipaddresspools, pool({ assignedIPv4: 7 })), []],
    ['another Service gets endpoints', () => w.put(RESOURCES.endpointslices, slice('other', ['node-a'])), []],
    ['an advertisement is added', () => w.put(RESOURCES.l2advertisements, advertisement('b', {})), [`announce ${VIP}`]],
    ['the last endpoint goes', () => w.remove(RESOURCES.endpointslices, 'web-1'), [`release ${VIP}`]],
    ['the Service is deleted', () => w.remove(RESOURCES.services, 'web'), [`release ${VIP}`]],
    [
      'the Service gets another type',
      () => w.put(RESOURCES.services, service('web', [VIP], { type: 'ClusterIP' })),
      [`release ${VIP}`],
    ],
    [
      'the Service is of a class',
      () => w.put(RESOURCES.services, service('web', [VIP], { loadBalancerClass: 'example.com/other' })),
      [`release ${VIP}`],
    ],
    [
      'this node is excluded',
      () => w.put(RESOURCES.nodes, node('node-a', { 'node.kubernetes.io/exclude-from-external-load-balancers': '' })),
      [`release ${VIP}`],
    ],
    [
      'its network is unavailable',
      () =>
        w.put(RESOURCES.nodes, node('node-a', {}, { conditions: [{ type: 'NetworkUnavailable', status: 'True' }] })),
      [`release ${VIP}`],
    ],
    [
      'the address changes to one that is ours too',
      () => w.put(RESOURCES.services, service('web', [VIP_ABC])),
      [`announce ${VIP_ABC}`, `release ${VIP}`],
    ],
    [
      'the address changes to one that is not',
      () => w.put(RESOURCES.services, service('web', [VIP_BAC])),
      [`release ${VIP}`],
    ],
    [
      'a second address joins: the first decides for both',
      () => w.put(RESOURCES.services, service('web', [VIP, VIP_BAC])),
      [`announce ${VIP}`, `announce ${VIP_BAC}`],
    ],
    [
      'policy Local wants an endpoint here',
      () => w.put(RESOURCES.services, service('web', [VIP], { externalTrafficPolicy: 'Local' })),
      [`release ${VIP}`],
    ],
    [
      'a slice moves to another Service',
      () => w.put(RESOURCES.endpointslices, slice('other', ['node-b'], 'web-1')),
      [`release ${VIP}`],
    ],
  ])('when %s', async (_, change, expected) => {
    w.announcer.enable('start');
    w.wire();
    w.changes();
    await change();
    expect(w.wire()).toEqual(expected);
    // Whatever went on or off the wire, the controller hears of; a mere repetition it need not.
    const after = w.announcer.announced().map((v) => v.vip);
    expect(w.changes().length > 0).toBe(after.join() !== VIP);
  });

  it('reports an address that moves to another member, and dates it from then', async () => {
    w.setMembers('node-a', 'node-b');
    await w.put(RESOURCES.services, service('web', [VIP_BAC]));
    w.announcer.enable('start');
    w.clock.advance(1000);
    w.setMembers('node-a');
    expect(w.announcer.states()).toMatchObject([{ owner: 'node-a', announcing: true, sinceNs: 1_000_000_000n }]);
    w.changes();
    w.stamps();
    w.clock.advance(500);
    w.setMembers('node-a', 'node-b');
    expect(w.wire().at(-1)).toBe(`release ${VIP_BAC}`);
    expect(w.changes()).toEqual([[]]);
    expect(w.stamps()).toEqual(['vip.elected default/web node-b', 'vip.released default/web node-b']);
    w.clock.advance(500);
    w.announcer.resync('nothing');
    expect(w.announcer.states()).toMatchObject([{ owner: 'node-b', announcing: false, sinceNs: 1_500_000_000n }]);
  });

  it('keeps a shared address until its last Service gives it up', async () => {
    await w.put(RESOURCES.endpointslices, slice('dns', ['node-c']));
    await w.put(RESOURCES.services, service('dns', [VIP]));
    w.announcer.enable('start');
    expect(w.announcer.announced().map((v) => v.service)).toEqual(['dns', 'web']);
    w.wire();
    await w.remove(RESOURCES.services, 'web');
    expect(w.wire()).toEqual([`limit ${VIP}`]);
    await w.remove(RESOURCES.endpointslices, 'dns-1');
    expect(w.wire()).toEqual([`release ${VIP}`]);
    expect(w.announcer.announced()).toEqual([]);
  });

  it('announces a shared address on the interfaces of all its Services', async () => {
    await w.put(RESOURCES.endpointslices, slice('dns', ['node-c']));
    await w.put(RESOURCES.services, {
      ...service('dns', [VIP]),
      metadata: { ...service('dns', [VIP]).metadata, labels: { app: 'dns' } },
    } as KubeObject);
    await w.put(RESOURCES.l2advertisements, advertisement('all', { interfaces: ['lan0'] }));
    const selected = { serviceSelectors: [{ matchLabels: { app: 'dns' } }], interfaces: ['lan1'] };
    await w.put(RESOURCES.l2advertisements, advertisement('dns', selected));
    w.announcer.enable('start');
    expect(w.wire().at(-1)).toBe(`announce ${VIP} lan0,lan1`);
    await w.remove(RESOURCES.services, 'dns');
    expect(w.wire()).toEqual([`limit ${VIP} lan0`]);
  });

  it('does not announce what it owns without having the interface, says so once, and leaves it to nobody else', async () => {
    w.announcer.enable('start');
    w.wire();
    w.changes();
    await w.put(RESOURCES.l2advertisements, advertisement('all', { interfaces: ['eth7'] }));
    expect(w.wire()).toEqual([`release ${VIP}`]);
    expect(w.changes()).toEqual([[`failed web ${VIP}`]]);
    expect(w.announcer.announced()).toEqual([]);
    expect(w.announcer.states()).toMatchObject([{ owner: 'node-a', announcing: false, reason: 'won-election' }]);
    w.announcer.resync('again');
    expect([w.wire(), w.changes()]).toEqual([[], []]);
    await w.put(RESOURCES.l2advertisements, advertisement('all', { interfaces: ['eth7', 'lan0'] }));
    expect(w.wire()).toEqual([`announce ${VIP} eth7,lan0`]);
    expect(w.changes()).toEqual([[`web ${VIP}`]]);
  });

  it('gives everything up when it is disabled, and elects again when it is enabled', async () => {
    w.announcer.enable('start');
    w.wire();
    w.changes();
    w.announcer.disable('stopping');
    expect(w.wire()).toEqual([`release ${VIP}`]);
    expect(w.changes()).toEqual([[]]);
    w.setMembers('node-a');
    expect(w.wire()).toEqual([]);
    w.changes();
    w.announcer.enable('LAN interface back');
    expect(w.wire()).toEqual([`announce ${VIP}`]);
    expect(w.changes()).toEqual([[`web ${VIP}`]]);
  });
});
