import { describe, expect, it } from 'vitest';
import type { Container, Node, Pod, Service } from '../api/core.ts';
import type { EndpointSlice, SliceEndpoint } from '../api/discovery.ts';
import { covers } from './covers.ts';
import { expand, resolveEnvironment, serviceLinks } from './environment.ts';
import { nodeObject } from './node-object.ts';
import { AddressesExhaustedError, PodAddresses } from './pod-addresses.ts';
import { type ContainerRun, type ObservedContainer, podPhase, podStatus } from './pod-status.ts';
import { type BackoffState, backoffText, decideRestart } from './restart-backoff.ts';
import { decideTermination, type TerminationView } from './termination.ts';

function podOf(extra: Partial<Pod['spec']> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid: 'u1', labels: { app: 'web' }, ...metadata },
    spec: { containers: [{ name: 'app', image: 'nginx' }], ...extra },
  };
}

describe('PodAddresses', () => {
  it('begins at .2, goes on, and keeps what an owner has', () => {
    const addresses = new PodAddresses('10.244.1.0/24');
    expect(addresses.gateway).toBe('10.244.1.1');
    expect(['a', 'b', 'a'].map((owner) => addresses.allocate(owner))).toEqual([
      '10.244.1.2',
      '10.244.1.3',
      '10.244.1.2',
    ]);
    addresses.release('a');
    expect(addresses.allocate('c')).toBe('10.244.1.4');
  });

  it('comes round to freed addresses, leaves out the ends, and says when there is none', () => {
    const addresses = new PodAddresses('10.244.1.0/29');
    const given = ['a', 'b', 'c', 'd', 'e'].map((owner) => addresses.allocate(owner));
    expect(given).toEqual(['10.244.1.2', '10.244.1.3', '10.244.1.4', '10.244.1.5', '10.244.1.6']);
    expect(() => addresses.allocate('f')).toThrow(AddressesExhaustedError);
    addresses.release('b');
    expect(addresses.allocate('f')).toBe('10.244.1.3');
  });

  it('passes over addresses that are or were in use', () => {
    const addresses = new PodAddresses('10.244.1.0/24');
    addresses.adopt('a', '10.244.1.7');
    addresses.pass('10.244.1.9');
    addresses.pass('192.0.2.1');
    expect(addresses.allocate('b')).toBe('10.244.1.10');
    expect(addresses.allocate('a')).toBe('10.244.1.7');
  });

  it.each(['10.244.1.0', '10.244.1.0/31', 'fd00::/64', ''])('refuses %j', (cidr) => {
    expect(() => new PodAddresses(cidr)).toThrow(RangeError);
  });
});

describe('resolveEnvironment()', () => {
  const sources = {
    podIP: '10.244.1.2',
    hostIP: '172.30.0.11',
    nodeName: 'node-1',
    configMap: (name: string) => (name === 'settings' ? { color: 'red' } : undefined),
    secret: (name: string) => (name === 'login' ? { password: 'x' } : undefined),
    services: [],
  };
  const resolve = (env: Container['env'], extra: object = {}) =>
    resolveEnvironment(podOf(), { name: 'app', ...(env ? { env } : {}), ...extra }, sources);
  const configMap = (name: string, key: string, optional = false) => ({
    valueFrom: { configMapKeyRef: { name, key, optional } },
  });

  it.each([
    ['metadata.name', 'web'],
    ['metadata.namespace', 'default'],
    ['metadata.uid', 'u1'],
    ["metadata.labels['app']", 'web'],
    ["metadata.annotations['none']", ''],
    ['spec.nodeName', 'node-1'],
    ['spec.serviceAccountName', 'default'],
    ['status.podIP', '10.244.1.2'],
    ['status.hostIP', '172.30.0.11'],
  ])('reads the field %s', (fieldPath, value) => {
    expect(resolve([{ name: 'X', valueFrom: { fieldRef: { fieldPath } } }])).toEqual({ env: { X: value } });
  });

  it('reads ConfigMaps and Secrets, whole or by key, and expands what came before', () => {
    const env = [
      { name: 'A', ...configMap('settings', 'color') },
      { name: 'B', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } },
      { name: 'C', value: '$(A)-$(B)-$(NONE)-$$(A)' },
    ];
    expect(resolve(env, { envFrom: [{ prefix: 'P_', configMapRef: { name: 'settings' } }] })).toEqual({
      env: { P_color: 'red', A: 'red', B: 'x', C: 'red-x-$(NONE)-$(A)' },
    });
  });

  it.each([
    ['a map that is not there', configMap('none', 'x'), 'configmap "none" not found'],
    ['a key that is not there', configMap('settings', 'x'), "couldn't find key x in ConfigMap default/settings"],
    [
      'a secret that is not there',
      { valueFrom: { secretKeyRef: { name: 'none', key: 'x' } } },
      'secret "none" not found',
    ],
    ['an unknown field', { valueFrom: { fieldRef: { fieldPath: 'spec.x' } } }, 'unsupported fieldPath: spec.x'],
  ])('says what is wrong with %s', (_, from, error) => {
    expect(resolve([{ name: 'X', ...from }])).toEqual({ error });
  });

  it('leaves optional ones out', () => {
    expect(resolve([{ name: 'X', ...configMap('none', 'x', true) }])).toEqual({ env: {} });
    expect(resolve([], { envFrom: [{ secretRef: { name: 'none', optional: true } }] })).toEqual({ env: {} });
    expect(resolve([], { envFrom: [{ secretRef: { name: 'none' } }] })).toEqual({ error: 'secret "none" not found' });
  });

  it('names services as links', () => {
    const env = serviceLinks([
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'my-api', namespace: 'default' },
        spec: { clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80 }] },
      },
    ]);
    expect(env).toEqual({
      MY_API_SERVICE_HOST: '10.96.0.7',
      MY_API_SERVICE_PORT: '80',
      MY_API_SERVICE_PORT_HTTP: '80',
      MY_API_PORT: 'tcp://10.96.0.7:80',
      MY_API_PORT_80_TCP: 'tcp://10.96.0.7:80',
      MY_API_PORT_80_TCP_PROTO: 'tcp',
      MY_API_PORT_80_TCP_PORT: '80',
      MY_API_PORT_80_TCP_ADDR: '10.96.0.7',
    });
    expect(expand('$$$(A)$', { A: 'b' })).toBe('$b$');
  });
});

describe('decideRestart()', () => {
  const limits = { baseMs: 10_000, maxMs: 300_000 };

  it('restarts at once, then after 10 s, 20 s, 40 s ... and never more than 5 min', () => {
    let state: BackoffState | undefined;
    let now = 0;
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      let decision = decideRestart(state, now, now, limits);
      if (decision.restart) waits.push(0);
      else {
        waits.push(decision.atMs - now);
        now = decision.atMs;
        decision = decideRestart(state, now - decision.delayMs, now, limits);
      }
      if (decision.restart) state = decision.state;
    }
    expect(waits).toEqual([0, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  });

  it.each([
    [1_000, '1s'],
    [80_000, '1m20s'],
    [300_000, '5m0s'],
    [500, '500ms'],
    [1_500, '1.5s'],
    [3_600_000, '1h0m0s'],
  ])('writes %i ms as %s', (ms, text) => expect(backoffText(ms)).toBe(text));

  it('does not take the wait itself for a good run', () => {
    const state = { delayMs: 300_000, updatedMs: 0 };
    expect(decideRestart(state, 400_000, 700_000, limits)).toMatchObject({
      restart: true,
      state: { delayMs: 300_000 },
    });
  });

  it('forgets after twice the longest back-off', () => {
    const state = { delayMs: 300_000, updatedMs: 0 };
    expect(decideRestart(state, 600_001, 600_001, limits)).toEqual({
      restart: true,
      state: { delayMs: 10_000, updatedMs: 600_001 },
    });
  });
});

describe('decideTermination()', () => {
  const slice = (endpoints: readonly SliceEndpoint[]): EndpointSlice => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 's', namespace: 'default' },
    addressType: 'IPv4',
    endpoints,
  });
  const endpoint = (uid: string, terminating: boolean): SliceEndpoint => ({
    addresses: ['10.244.1.2'],
    conditions: { ready: !terminating, serving: true, terminating },
    targetRef: { kind: 'Pod', name: 'web', uid },
  });
  const node = (name: string, status: 'True' | 'Unknown'): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: {},
    status: { conditions: [{ type: 'Ready', status }] },
  });
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' } },
  };
  const selected: Pod = { ...podOf(), status: { podIP: '10.244.1.2', phase: 'Running' } };
  const other: Pod = { ...podOf({}, { labels: { app: 'other' } }), status: selected.status ?? {} };
  const base: TerminationView = {
    pod: podOf(),
    slices: [slice([endpoint('u1', true)])],
    nodes: [node('node-1', 'True'), node('node-2', 'True')],
    services: [],
    programmed: new Map([
      ['node-1', 50],
      ['node-2', 50],
    ]),
    releasedRevision: 50,
    wasHeld: true,
    revision: 60,
    nowMs: 0,
    deadlineMs: 30_000,
  };
  const stop = { kind: 'stop', reason: 'programmed' };
  const cases: [string, Partial<TerminationView>, object][] = [
    ['stops when all nodes know', {}, stop],
    [
      'serves while a slice still sends traffic',
      { slices: [slice([endpoint('u1', false)])] },
      { kind: 'serve', releasedRevision: undefined, wasHeld: true, waitingFor: ['endpointslice'] },
    ],
    [
      'takes the present revision as the one that let it go',
      { releasedRevision: undefined },
      { kind: 'serve', releasedRevision: 60, wasHeld: true, waitingFor: ['node-1', 'node-2'] },
    ],
    [
      'waits for the node that lags',
      { programmed: new Map([['node-1', 50]]) },
      { kind: 'serve', releasedRevision: 50, wasHeld: true, waitingFor: ['node-2'] },
    ],
    [
      'does not wait for a node that is not Ready',
      { programmed: new Map([['node-1', 50]]), nodes: [node('node-1', 'True'), node('node-2', 'Unknown')] },
      stop,
    ],
    ['stops at once what was in no slice', { slices: [], releasedRevision: undefined, wasHeld: false }, stop],
    [
      'waits for the slice that is to hold it: its Service selects it, and it has just become ready',
      { slices: [], releasedRevision: undefined, wasHeld: false, pod: selected, services: [service] },
      { kind: 'serve', releasedRevision: undefined, wasHeld: false, waitingFor: ['endpointslice'] },
    ],
    [
      'waits for no slice of a Service that selects others',
      { slices: [], releasedRevision: undefined, wasHeld: false, pod: other, services: [service] },
      stop,
    ],
    [
      'waits for the nodes when the slice dropped it altogether',
      { slices: [], releasedRevision: undefined },
      { kind: 'serve', releasedRevision: 60, wasHeld: true, waitingFor: ['node-1', 'node-2'] },
    ],
    [
      'does not take a namesake for it',
      { slices: [slice([endpoint('u2', false)])], releasedRevision: undefined, wasHeld: false },
      stop,
    ],
    [
      'stops when the grace period is over',
      { slices: [slice([endpoint('u1', false)])], nowMs: 30_000 },
      { kind: 'stop', reason: 'grace-period-over' },
    ],
  ];
  it.each(cases)('%s', (_, change, expected) => {
    expect(decideTermination({ ...base, ...change })).toEqual(expected);
  });
});

describe('podStatus()', () => {
  const run = (state: ContainerRun['state'], exitCode = 0): ContainerRun => ({
    state,
    reason: state === 'terminated' ? 'Error' : '',
    message: '',
    exitCode,
    startedMs: 1_000,
    finishedMs: state === 'terminated' ? 2_000 : 0,
    containerID: 'svclab://1',
  });
  const container = (change: Partial<ObservedContainer>): ObservedContainer => ({
    name: 'app',
    run: run('running'),
    lastRun: undefined,
    restartCount: 0,
    ready: true,
    started: true,
    waiting: undefined,
    ...change,
  });
  const status = (pod: Pod, change: Partial<ObservedContainer>) =>
    podStatus({
      pod,
      containers: [container(change)],
      podIP: '10.244.1.2',
      hostIP: '172.30.0.11',
      startMs: 1_000,
      nowMs: 5_000,
    });
  const ready = (pod: Pod, change: Partial<ObservedContainer>) =>
    status(pod, change).conditions?.find((c) => c.type === 'Ready');

  it.each<[string, Partial<Pod['spec']>, Partial<ObservedContainer>, string]>([
    ['not created yet', {}, { run: undefined }, 'Pending'],
    ['running', {}, {}, 'Running'],
    ['ended, to be restarted', {}, { run: run('terminated', 1) }, 'Running'],
    ['in back-off', {}, { run: run('terminated', 1), waiting: { reason: 'CrashLoopBackOff', message: '' } }, 'Running'],
    ['ended well for good', { restartPolicy: 'Never' }, { run: run('terminated', 0) }, 'Succeeded'],
    ['ended badly for good', { restartPolicy: 'Never' }, { run: run('terminated', 1) }, 'Failed'],
    ['ended well, policy OnFailure', { restartPolicy: 'OnFailure' }, { run: run('terminated', 0) }, 'Succeeded'],
    ['ended badly, policy OnFailure', { restartPolicy: 'OnFailure' }, { run: run('terminated', 1) }, 'Running'],
  ])('has the phase of a pod that is %s', (_, spec, change, phase) => {
    expect(podPhase(podOf(spec), [container(change)])).toBe(phase);
  });

  it('says which containers are not ready', () => {
    expect(ready(podOf(), { ready: false })).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [app]',
    });
    expect(ready(podOf(), {})).toMatchObject({ status: 'True', lastTransitionTime: '1970-01-01T00:00:05Z' });
  });

  it('keeps the time of a condition that did not change', () => {
    const before = { type: 'Ready', status: 'True' as const, lastTransitionTime: '1970-01-01T00:00:02Z' };
    const pod = { ...podOf(), status: { conditions: [before] } };
    expect(ready(pod, {})?.lastTransitionTime).toBe('1970-01-01T00:00:02Z');
    expect(ready(pod, { ready: false })?.lastTransitionTime).toBe('1970-01-01T00:00:05Z');
    const observed = { pod, containers: [container({ ready: false })], podIP: '', hostIP: '', startMs: 0 };
    const { conditions } = podStatus({ ...observed, nowMs: 6_000 });
    expect(podStatus({ ...observed, lastConditions: conditions, nowMs: 9_000 }).conditions).toEqual(conditions);
  });

  it('waits for readiness gates', () => {
    const pod = podOf({ readinessGates: [{ conditionType: 'example.com/lb' }] });
    expect(ready(pod, {})).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotMet' });
    const passed = { ...pod, status: { conditions: [{ type: 'example.com/lb', status: 'True' as const }] } };
    expect(ready(passed, {})).toMatchObject({ status: 'True' });
  });

  it('shows a container in back-off as waiting, with its last end', () => {
    const [one] =
      status(podOf(), {
        run: run('terminated', 137),
        ready: false,
        restartCount: 3,
        waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' },
      }).containerStatuses ?? [];
    expect(one).toMatchObject({
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
      lastState: { terminated: { exitCode: 137, finishedAt: '1970-01-01T00:00:02Z' } },
    });
  });
});

describe('nodeObject()', () => {
  const facts = {
    name: 'node-1',
    ip: '172.30.0.11',
    podCIDR: '10.244.1.0/24',
    controlIP: '172.30.1.11',
    cpus: 2,
    memoryKiB: 1024,
    info: { architecture: 'amd64' },
    nowMs: 5_000,
  };

  it('is covered by what is stored once it is stored, whenever it is asked again', () => {
    const stored = nodeObject(facts, undefined);
    expect(covers(stored, nodeObject({ ...facts, nowMs: 99_000 }, stored))).toBe(true);
  });

  it('asks for Ready again when somebody has declared the node dead', () => {
    const stored = nodeObject(facts, undefined);
    const conditions = (stored.status?.conditions ?? []).map((c) =>
      c.type === 'Ready' ? { ...c, status: 'Unknown' as const } : c,
    );
    const dead = { ...stored, status: { ...stored.status, conditions } };
    expect(covers(dead, nodeObject(facts, dead))).toBe(false);
  });
});

describe('covers()', () => {
  it.each<[unknown, unknown, boolean]>([
    [{ a: 1, b: 2 }, { a: 1 }, true],
    [{ a: 1 }, { a: 2 }, false],
    [undefined, { a: 1 }, false],
    [{}, { a: null, b: undefined }, true],
    [{ c: [{ type: 'B' }, { type: 'A', x: 1, y: 2 }] }, { c: [{ type: 'A', x: 1 }] }, true],
    [{ c: [{ type: 'B', x: 1 }] }, { c: [{ type: 'A', x: 1 }] }, false],
    [{ ips: [{ ip: 'a' }] }, { ips: [{ ip: 'a' }] }, true],
    [{ ips: [{ ip: 'a' }, { ip: 'b' }] }, { ips: [{ ip: 'a' }] }, false],
    [{ l: ['a'] }, { l: ['b'] }, false],
    [{ h: [{ type: 'A', lastHeartbeatTime: '1' }] }, { h: [{ type: 'A', lastHeartbeatTime: '2' }] }, true],
  ])('%j covers %j: %s', (actual, wanted, expected) => {
    expect(covers(actual, wanted)).toBe(expected);
  });
});
