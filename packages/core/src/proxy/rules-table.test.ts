import { describe, expect, it } from 'vitest';
import type { Service } from '../api/core.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL, type SliceEndpoint } from '../api/discovery.ts';
import { categorizeEndpoints, type ProxyEndpoint } from './categorize.ts';
import { arrange } from './elements.ts';
import { fnv1a, Identifiers, MASQUERADE_BIT } from './identifiers.ts';
import { sharedChain, staticChains } from './layout.ts';
import { emptyElements, type Operation, RulesTable, renderTransaction, type TableState } from './rules-table.ts';
import { type ProxyNode, type ProxyService, resolveService } from './service-port.ts';

const node: ProxyNode = {
  name: 'node-1',
  ip: '172.30.0.11',
  podCIDR: '10.244.1.0/24',
  clusterPodCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/16',
};

function service(spec: Partial<Service['spec']>, status?: Service['status']): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '10.96.0.5', ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }], ...spec },
    ...(status ? { status } : {}),
  };
}

function slice(endpoints: readonly SliceEndpoint[], port = 8080): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'default', labels: { [SERVICE_NAME_LABEL]: 'web' } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ port, protocol: 'TCP' }],
  };
}

const at = (ip: string, nodeName = 'node-2', conditions?: SliceEndpoint['conditions']): SliceEndpoint => ({
  addresses: [ip],
  nodeName,
  ...(conditions ? { conditions } : {}),
});
const TERMINATING = { ready: false, serving: true, terminating: true };

function resolve(spec: Partial<Service['spec']>, endpoints: readonly SliceEndpoint[], status?: Service['status']) {
  return resolveService(service(spec, status), [slice(endpoints)], node) as ProxyService;
}

describe('categorizeEndpoints()', () => {
  const endpoint = (ip: string, state: 'ready' | 'terminating' | 'gone', local: boolean): ProxyEndpoint => ({
    ip,
    port: 80,
    ready: state === 'ready',
    serving: state !== 'gone',
    terminating: state !== 'ready',
    local,
  });
  const cases: [string, ProxyEndpoint[], string[], string[]][] = [
    ['nothing', [], [], []],
    ['ready ones, local or not', [endpoint('a', 'ready', true), endpoint('b', 'ready', false)], ['a', 'b'], ['a']],
    ['ready before terminating', [endpoint('a', 'terminating', false), endpoint('b', 'ready', false)], ['b'], []],
    ['terminating when none is ready', [endpoint('a', 'terminating', true)], ['a'], ['a']],
    ['the local fallback by itself', [endpoint('a', 'terminating', true), endpoint('b', 'ready', false)], ['b'], ['a']],
    ['nobody who does not serve', [endpoint('a', 'gone', true)], [], []],
  ];
  it.each(cases)('uses %s', (_, endpoints, cluster, local) => {
    const result = categorizeEndpoints(endpoints);
    expect(result.cluster.map((e) => e.ip)).toEqual(cluster);
    expect(result.local.map((e) => e.ip)).toEqual(local);
  });
});

describe('resolveService()', () => {
  it.each<[string, Partial<Service['spec']>]>([
    ['headless', { clusterIP: 'None' }],
    ['ExternalName', { type: 'ExternalName' }],
    ['IPv6 only', { clusterIP: 'fd00::1' }],
    ['without an address yet', { clusterIP: '' }],
  ])('has no rules for a Service that is %s', (_, spec) => {
    expect(resolve(spec, [])).toBeUndefined();
  });

  it('serves every frontend by the policy that governs it', () => {
    const result = resolve(
      {
        type: 'LoadBalancer',
        externalIPs: ['192.0.2.7'],
        externalTrafficPolicy: 'Local',
        internalTrafficPolicy: 'Cluster',
        ports: [{ port: 80, nodePort: 30080 }],
      },
      [],
      {
        loadBalancer: { ingress: [{ ip: '172.30.0.200' }, { ip: '172.30.0.201', ipMode: 'Proxy' }, { hostname: 'x' }] },
      },
    );
    expect(result.ports[0]?.frontends).toEqual([
      { ip: '10.96.0.5', port: 80, trafficClass: 'cluster-ip' },
      { ip: '192.0.2.7', port: 80, trafficClass: 'external-local' },
      { ip: '172.30.0.200', port: 80, trafficClass: 'external-local' },
      { ip: '172.30.0.11', port: 30080, trafficClass: 'external-local' },
    ]);
  });

  it('does not serve node ports or load balancer addresses of a plain ClusterIP Service', () => {
    const result = resolve({ ports: [{ port: 80, nodePort: 30080 }] }, [], {
      loadBalancer: { ingress: [{ ip: '172.30.0.200' }] },
    });
    expect(result.ports[0]?.frontends.map((f) => f.ip)).toEqual(['10.96.0.5']);
  });

  it('matches ports by name and protocol and reads absent conditions as ready', () => {
    const spec = { ports: [{ name: 'dns', port: 53, protocol: 'UDP' as const }] };
    const udp: EndpointSlice = {
      ...slice([at('10.244.2.2')]),
      ports: [
        { name: 'dns', port: 5353, protocol: 'TCP' },
        { name: 'dns', port: 5354, protocol: 'UDP' },
        { name: 'metrics', port: 9153, protocol: 'UDP' },
      ],
    };
    const result = resolveService(service(spec), [udp], node);
    expect(result?.ports[0]?.endpoints.cluster).toEqual([
      { ip: '10.244.2.2', port: 5354, ready: true, serving: true, terminating: false, local: false },
    ]);
  });

  it('counts an endpoint once when two slices name it, in its better state', () => {
    const result = resolveService(
      service({}),
      [slice([at('10.244.2.2', 'node-2', TERMINATING)]), slice([at('10.244.2.2')])],
      node,
    );
    expect(result?.ports[0]?.endpoints.cluster.map((e) => e.ready)).toEqual([true]);
  });
});

describe('Identifiers', () => {
  it('never sets the masquerade bit, never gives 0, never gives one number twice', () => {
    const identifiers = new Identifiers();
    const given = new Set<number>();
    for (let i = 0; i < 20_000; i++) {
      const id = identifiers.of(`name-${i}`);
      expect(id & MASQUERADE_BIT).toBe(0);
      given.add(id);
    }
    expect(given.size).toBe(20_000);
    expect(given.has(0)).toBe(false);
  });

  it('gives the same name the same number in every process', () => {
    const id = new Identifiers().of('default/web:/80/TCP');
    expect(new Identifiers().of('default/web:/80/TCP')).toBe(id);
    expect(fnv1a('')).toBe(0x811c9dc5);
    expect(fnv1a('a')).toBe(0xe40c292c);
  });
});

describe('arrange()', () => {
  it.each<[string, number[], number[], number[]]>([
    ['fills an empty table in order', [], [5, 6], [5, 6]],
    ['keeps who stays', [5, 6, 7], [7, 5, 6], [5, 6, 7]],
    ['fills a hole with the last', [5, 6, 7], [6, 7], [7, 6]],
    ['appends', [5, 6], [9, 6, 5], [5, 6, 9]],
    ['empties', [5, 6], [], []],
  ])('%s', (_, previous, wanted, expected) => {
    expect(arrange(previous, wanted)).toEqual(expected);
  });
});

/** Does what the kernel would do. */
function send(table: RulesTable): readonly Operation[] {
  const transaction = table.plan();
  table.commit(transaction);
  return transaction.operations;
}

describe('RulesTable', () => {
  const two = [at('10.244.1.2', 'node-1'), at('10.244.2.2')];

  it('sends a service once and then nothing', () => {
    const table = new RulesTable();
    table.set('default/web', resolve({}, two));
    expect(table.plan().rebuild).toBe(true);
    table.adopt(undefined);
    expect(send(table).length).toBe(10);
    expect(table.plan()).toEqual({ rebuild: false, operations: [] });
    table.set('default/web', resolve({}, two));
    expect(table.plan().operations).toEqual([]);
  });

  it('changes only what an endpoint more or less touches', () => {
    const table = new RulesTable();
    table.set('default/web', resolve({}, two));
    send(table);
    table.set('default/web', resolve({}, [...two, at('10.244.2.3')]));
    const more = send(table);
    expect(more.map((o) => (o.kind === 'chain' ? `chain ${o.name}` : `${o.kind} ${o.set}`))).toEqual([
      'delete cluster-chains',
      'chain cluster-of-3',
      'add cluster-chains',
      'add cluster-picks',
      'add endpoints',
    ]);
    table.set('default/web', resolve({}, two));
    const less = send(table);
    // The chain stays: other services may soon have three endpoints.
    expect(less.length).toBe(4);
    expect(less.filter((o) => o.kind === 'chain')).toEqual([]);
  });

  it('turns frontends into rejects when the last endpoint goes, and back', () => {
    const table = new RulesTable();
    table.set('default/web', resolve({}, two));
    send(table);
    table.set('default/web', resolve({}, []));
    expect(send(table)).toContainEqual({
      kind: 'add',
      set: 'no-endpoint-services',
      key: '10.96.0.5 . 6 . 80',
      value: 'goto reject-chain',
    });
    table.set('default/web', resolve({}, two));
    const back = send(table);
    expect(back).toContainEqual({ kind: 'delete', set: 'no-endpoint-services', key: '10.96.0.5 . 6 . 80' });
    expect(back).toContainEqual({
      kind: 'add',
      set: 'service-ips',
      key: '10.96.0.5 . 6 . 80',
      value: 'goto cluster-ip',
    });
  });

  it('removes all of a service', () => {
    const table = new RulesTable();
    table.set('default/web', resolve({ sessionAffinity: 'ClientIP', internalTrafficPolicy: 'Local' }, two));
    const added = send(table).filter((o) => o.kind === 'add').length;
    table.set('default/web', undefined);
    const removed = send(table);
    expect(removed.every((o) => o.kind === 'delete')).toBe(true);
    expect(removed.length).toBe(added);
    expect(table.services).toBe(0);
  });

  it('gives an address that two services claim to the first by name, and to the other when that goes', () => {
    const table = new RulesTable();
    const claim = (name: string) =>
      resolveService(
        {
          ...service({ externalIPs: ['192.0.2.7'], clusterIP: name === 'a' ? '10.96.0.1' : '10.96.0.2' }),
          metadata: { name, namespace: 'default' },
        },
        [slice([at(name === 'a' ? '10.244.2.2' : '10.244.2.3')])],
        node,
      );
    table.set('default/b', claim('b'));
    send(table);
    const idOf = (operations: readonly Operation[]) =>
      operations.flatMap((o) =>
        o.kind === 'add' && o.set === 'service-ids' && o.key.startsWith('192') ? [o.value] : [],
      );
    table.set('default/a', claim('a'));
    expect(idOf(send(table)).length).toBe(1);
    table.set('default/a', undefined);
    const back = send(table);
    expect(idOf(back).length).toBe(1);
    expect(back).not.toContainEqual({ kind: 'delete', set: 'service-ips', key: '192.0.2.7 . 6 . 80' });
  });

  it('keeps a change made while a plan is on its way for the next one', () => {
    const table = new RulesTable();
    table.set('default/web', resolve({}, two));
    const first = table.plan();
    table.set('default/web', resolve({}, []));
    table.commit(first);
    const second = send(table);
    expect(second).toContainEqual({ kind: 'delete', set: 'service-ips', key: '10.96.0.5 . 6 . 80' });
  });

  it('repairs what it finds in the kernel', () => {
    const table = new RulesTable();
    table.set('default/web', resolve({}, two));
    const transaction = table.plan();
    const kernel = stateAfter(transaction.operations);
    kernel.elements['service-ips'].delete('10.96.0.5 . 6 . 80');
    kernel.elements['cluster-ips'].set('10.96.0.99', '');
    table.adopt(kernel);
    expect(send(table)).toEqual([
      { kind: 'delete', set: 'cluster-ips', key: '10.96.0.99' },
      { kind: 'add', set: 'service-ips', key: '10.96.0.5 . 6 . 80', value: 'goto cluster-ip' },
    ]);
  });

  it('finds nothing to do over what another process of the same wants has programmed', () => {
    const first = new RulesTable();
    first.set('default/web', resolve({ sessionAffinity: 'ClientIP' }, [...two, at('10.244.2.3')]));
    const kernel = emptyElements();
    const chains = new Set<string>();
    const put = (operations: readonly Operation[]): void => {
      for (const o of operations) {
        if (o.kind === 'chain') chains.add(o.name);
        else if (o.kind === 'add') kernel[o.set].set(o.key, o.value);
        else kernel[o.set].delete(o.key);
      }
    };
    put(send(first));
    first.set('default/web', resolve({ sessionAffinity: 'ClientIP' }, [at('10.244.2.3'), at('10.244.2.2')]));
    put(send(first));
    const second = new RulesTable();
    second.adopt({ elements: kernel, chains });
    second.set('default/web', resolve({ sessionAffinity: 'ClientIP' }, [at('10.244.2.2'), at('10.244.2.3')]));
    expect(second.plan()).toEqual({ rebuild: false, operations: [] });
  });
});

function stateAfter(operations: readonly Operation[]): TableState {
  const elements = emptyElements();
  const chains = new Set<string>();
  for (const o of operations) {
    if (o.kind === 'chain') chains.add(o.name);
    else if (o.kind === 'add') elements[o.set].set(o.key, o.value);
  }
  return { elements, chains };
}

describe('renderTransaction()', () => {
  it('is empty when there is nothing to do', () => {
    expect(renderTransaction({ rebuild: false, operations: [] }, node)).toBe('');
  });

  it('removes, makes chains, adds, in this order and with one command per set', () => {
    const script = renderTransaction(
      {
        rebuild: false,
        operations: [
          { kind: 'add', set: 'cluster-chains', key: '7', value: 'jump cluster-of-1' },
          { kind: 'add', set: 'cluster-ips', key: '10.96.0.5', value: '' },
          { kind: 'chain', name: 'cluster-of-1' },
          { kind: 'add', set: 'cluster-ips', key: '10.96.0.6', value: '' },
          { kind: 'delete', set: 'cluster-chains', key: '7' },
        ],
      },
      node,
    );
    expect(script.split('\n')).toEqual([
      'delete element ip svclab-proxy cluster-chains { 7 }',
      'add chain ip svclab-proxy cluster-of-1',
      'add rule ip svclab-proxy cluster-of-1 meta mark set numgen random mod 1',
      'add rule ip svclab-proxy cluster-of-1 meta mark set ct mark . meta mark map @cluster-picks',
      'add element ip svclab-proxy cluster-chains { 7 : jump cluster-of-1 }',
      'add element ip svclab-proxy cluster-ips { 10.96.0.5, 10.96.0.6 }',
      '',
    ]);
  });
});

describe('layout', () => {
  it('names every chain that a rule goes to, before the rule', () => {
    const made = new Set<string>();
    for (const chain of staticChains(node)) {
      for (const rule of chain.rules) {
        const target = /(?:goto|jump) (\S+)$/.exec(rule)?.[1];
        if (target) expect(made).toContain(target);
      }
      made.add(chain.name);
    }
  });

  it.each(['cluster-ip', 'local-of-', 'cluster-of-2-affinity-', 'refresh-x', 'services'])(
    'takes %s for no shared chain',
    (name) => expect(sharedChain(name)).toBeUndefined(),
  );
});
