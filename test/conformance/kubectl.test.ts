/** The unmodified kubectl against the API, over a store in memory: what a user types and what comes back. */
import { type Deployment, type Node, type Pod, RESOURCES } from '@svclab/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecInput, ExecOutput, LogLine, PodStreams } from '../../services/controller/src/api/pod-streams.ts';
import { type ApiUnderTest, startApi } from './api-under-test.ts';

/** Pods that log three lines, and run `cat`, `exit N` and `echo`. */
const streams: PodStreams = {
  async *logs(_node, options): AsyncGenerator<LogLine> {
    const lines = ['one', 'two', options.previous ? 'earlier' : 'three'];
    for (const line of options.tailLines === undefined ? lines : lines.slice(-options.tailLines))
      yield { wallMs: Date.parse('2026-01-01T00:00:00Z'), line };
  },
  async *exec(_node, { command }, input): AsyncGenerator<ExecOutput> {
    const [program, ...args] = command;
    if (program === 'cat') for await (const item of upToEof(input)) yield { kind: 'stdout', data: item };
    else if (program === 'echo') yield { kind: 'stdout', data: Buffer.from(`${args.join(' ')}\n`) };
    else if (program === 'warn') yield { kind: 'stderr', data: Buffer.from(`${args.join(' ')}\n`) };
    yield { kind: 'exit', code: program === 'exit' ? Number(args[0]) : 0, error: '' };
  },
};

async function* upToEof(input: AsyncIterable<ExecInput>): AsyncGenerator<Uint8Array> {
  for await (const item of input) {
    if (item.kind === 'stdin-eof') return;
    if (item.kind === 'stdin') yield item.data;
  }
}

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: nginx:alpine
          ports: [{containerPort: 80, name: http}]
          readinessProbe: {httpGet: {path: /, port: 80}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
`;

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi(streams);
});
afterAll(() => api.close());

/** Runs kubectl and returns what it printed; fails when kubectl fails. */
async function ok(...args: string[]): Promise<string> {
  const outcome = await api.kubectl(args);
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
  return outcome.stdout;
}

async function apply(object: unknown): Promise<{ code: number | null; text: string }> {
  const text = typeof object === 'string' ? object : JSON.stringify(object);
  const { code, stdout, stderr } = await api.kubectl(['apply', '-f', '-'], text);
  return { code, text: stdout + stderr };
}

const service = (name: string, spec: unknown) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });

describe('a deployment behind a load balancer', () => {
  it('is applied, and applying it again changes nothing', async () => {
    expect((await apply(manifest)).text).toBe('deployment.apps/web created\nservice/web created\n');
    expect((await apply(manifest)).text).toBe('deployment.apps/web unchanged\nservice/web unchanged\n');
    const changed = await apply(
      manifest.replace('replicas: 3', 'replicas: 2').replace('http, port: 80', 'http, port: 81'),
    );
    expect(changed.text).toBe('deployment.apps/web configured\nservice/web configured\n');
    expect(await ok('get', 'deploy/web', '-o', 'jsonpath={.spec.replicas}')).toBe('2');
    expect(await ok('get', 'svc/web', '-o', 'jsonpath={.spec.ports[*].port}')).toBe('81');
  });

  it('is listed with the columns people know', async () => {
    expect(await ok('get', 'deploy')).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/2 +0 +0 +\d+s\n$/);
    expect(await ok('get', 'svc', 'web', '-o', 'wide')).toMatch(
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE +SELECTOR\nweb +LoadBalancer +10\.96\.\d+\.\d+ +<pending> +81:3\d{4}\/TCP +\d+s +app=web\n$/,
    );
    expect(await ok('get', 'svc', '-A', '--no-headers', '-l', 'k8s-app=kube-dns')).toMatch(/^kube-system +kube-dns /);
    expect(await ok('get', 'all')).toContain('deployment.apps/web');
    expect(await ok('get', 'svc', '--field-selector', 'metadata.name=web', '-o', 'name')).toBe('service/web\n');
    expect((await ok('get', 'ns', '--chunk-size=2', '-o', 'name')).split('\n')).toHaveLength(6);
  });

  it('is described', async () => {
    const text = await ok('describe', 'svc', 'web');
    expect(text).toContain('LoadBalancer');
    expect(text).toContain('External Traffic Policy:  Cluster');
    expect(await ok('describe', 'deploy', 'web')).toContain('2 desired | 0 updated | 0 total');
  });

  it('is scaled, labelled, annotated, patched and edited', async () => {
    expect(await ok('scale', 'deploy/web', '--replicas=5')).toBe('deployment.apps/web scaled\n');
    expect(await ok('scale', 'deploy/web', '--current-replicas=5', '--replicas=4')).toBe(
      'deployment.apps/web scaled\n',
    );
    await ok('label', 'deploy/web', 'tier=front');
    await ok('annotate', 'deploy/web', 'note=hello');
    await ok('patch', 'deploy/web', '--type=json', '-p', '[{"op":"replace","path":"/spec/replicas","value":3}]');
    await ok('patch', 'deploy/web', '--type=merge', '-p', '{"metadata":{"annotations":{"note":null}}}');
    await ok('set', 'image', 'deploy/web', 'web=nginx:1.27');
    const deployment = api.registry.get<Deployment>(RESOURCES.deployments, 'default', 'web');
    expect(deployment?.spec.replicas).toBe(3);
    expect(deployment?.metadata.labels).toMatchObject({ tier: 'front' });
    expect(deployment?.metadata.annotations).not.toHaveProperty('note');
    expect(deployment?.spec.template.spec.containers).toMatchObject([{ name: 'web', image: 'nginx:1.27' }]);
    await ok('rollout', 'restart', 'deploy/web');
    const edited = await api.kubectl(['edit', 'deploy/web'], undefined, {
      KUBE_EDITOR: 'sed -i s/nginx:1.27/nginx:1.28/',
    });
    expect(edited.stdout).toBe('deployment.apps/web edited\n');
  });

  it('is watched and its rollout waited for', async () => {
    let seen = '';
    const watch = api.follow(['get', 'deploy', 'web', '-w'], (text) => {
      seen = text;
    });
    const status = api.follow(['rollout', 'status', 'deploy/web', '--timeout=60s'], () => undefined);
    await until(() => seen.includes('0/3'));
    await api.registry.modify<Deployment>(
      RESOURCES.deployments,
      'default',
      'web',
      (d) => ({
        ...d,
        status: {
          observedGeneration: d.metadata.generation ?? 0,
          replicas: 3,
          updatedReplicas: 3,
          readyReplicas: 3,
          availableReplicas: 3,
        },
      }),
      { subresource: 'status' },
    );
    const done = await status.done;
    expect(done.stdout).toContain('deployment "web" successfully rolled out');
    await until(() => /3\/3 +3 +3/.test(seen));
    watch.stop();
    await watch.done;
  });

  it('is applied by the server with fields that have managers', async () => {
    const first = await api.kubectl(
      ['apply', '--server-side', '--field-manager=a', '-f', '-'],
      JSON.stringify(configMap({ k: '1', own: 'a' })),
    );
    expect(first.stdout).toBe('configmap/ssa serverside-applied\n');
    const clash = await api.kubectl(
      ['apply', '--server-side', '--field-manager=b', '-f', '-'],
      JSON.stringify(configMap({ k: '2' })),
    );
    expect(clash.stderr).toContain('Apply failed with 1 conflict: conflict with "a": .data.k');
    const forced = await api.kubectl(
      ['apply', '--server-side', '--force-conflicts', '--field-manager=b', '-f', '-'],
      JSON.stringify(configMap({ k: '2' })),
    );
    expect(forced.code).toBe(0);
    await api.kubectl(['apply', '--server-side', '--field-manager=a', '-f', '-'], JSON.stringify(configMap({})));
    expect(await ok('get', 'cm', 'ssa', '-o', 'jsonpath={.data}')).toBe('{"k":"2"}');
  });

  it('is deleted', async () => {
    expect(await ok('delete', 'deploy,svc', 'web')).toBe('deployment.apps "web" deleted\nservice "web" deleted\n');
    const gone = await api.kubectl(['get', 'svc', 'web']);
    expect(gone).toMatchObject({ code: 1, stderr: 'Error from server (NotFound): services "web" not found\n' });
  });
});

const configMap = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'ssa' },
  data,
});

describe('pods', () => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'nginx' }] },
  };
  const node: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1' },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  };

  beforeAll(async () => {
    await api.registry.create(RESOURCES.nodes, node);
    await api.registry.updateStatus(RESOURCES.nodes, node);
    await api.registry.create(RESOURCES.pods, pod);
    await api.registry.bind('default', 'p', 'node-1');
  });

  it('have logs', async () => {
    expect(await ok('logs', 'p')).toBe('one\ntwo\nthree\n');
    expect(await ok('logs', 'p', '--tail=1', '--timestamps')).toBe('2026-01-01T00:00:00.000Z three\n');
    expect(await ok('logs', '-f', 'p', '-c', 'c', '--previous')).toBe('one\ntwo\nearlier\n');
    expect((await api.kubectl(['logs', 'p', '-c', 'x'])).stderr).toContain('container x is not valid for pod p');
  });

  it('run programs', async () => {
    expect(await ok('exec', 'p', '--', 'echo', 'a  b', '$HOME')).toBe('a  b $HOME\n');
    expect(await api.kubectl(['exec', 'p', '--', 'exit', '7'])).toMatchObject({ code: 7 });
    expect((await api.kubectl(['exec', '-i', 'p', '--', 'cat'], 'through\n')).stdout).toBe('through\n');
    expect((await api.kubectl(['exec', 'p', '--', 'warn', 'oops'])).stderr).toBe('oops\n');
  });

  it('are deleted gracefully', async () => {
    const deletion = api.follow(['delete', 'pod', 'p'], () => undefined);
    await until(() => api.registry.get(RESOURCES.pods, 'default', 'p')?.metadata.deletionTimestamp !== undefined);
    expect(await ok('get', 'pod', 'p', '--no-headers')).toMatch(/^p +0\/1 +Terminating /);
    await api.registry.delete(RESOURCES.pods, 'default', 'p', { gracePeriodSeconds: 0 });
    expect((await deletion.done).stdout).toBe('pod "p" deleted\n');
  });

  it('show nodes', async () => {
    expect(await ok('get', 'nodes', '--no-headers')).toMatch(/^node-1 +Ready +<none> /);
    expect(await ok('describe', 'node', 'node-1')).toContain('node-1');
  });
});

describe('input that is wrong', () => {
  const ports = (...list: unknown[]) => service('bad', { ports: list });
  it.each([
    ['no ports', service('bad', { selector: { a: 'b' } }), 'The Service "bad" is invalid: spec.ports: Required value'],
    ['a name too long', service('a'.repeat(64), { ports: [{ port: 80 }] }), 'metadata.name: Invalid value: "aaaaaa'],
    ['port 0', ports({ port: 0 }), 'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
    [
      'a port that is text',
      ports({ port: 'eighty' }),
      'cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
    ],
    [
      'an unknown field',
      service('bad', { ports: [{ port: 80 }], typ: 'x' }),
      'strict decoding error: unknown field "spec.typ"',
    ],
    [
      'protocol tcp',
      ports({ port: 80, protocol: 'tcp' }),
      'spec.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ],
    ['ports without names', ports({ port: 80 }, { port: 81 }), 'spec.ports[1].name: Required value'],
    [
      'a target that is no name',
      ports({ port: 80, targetPort: 'much-too-long-for-a-port' }),
      'must be no more than 15 characters',
    ],
    [
      'a node port outside',
      service('bad', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
      'The range of valid ports is 30000-32767',
    ],
    [
      'a ClusterIP that is taken',
      service('bad', { clusterIP: '10.96.0.10', ports: [{ port: 80 }] }),
      'provided IP is already allocated',
    ],
    [
      'an address with leading zeros',
      service('bad', { clusterIP: '10.96.0.01', ports: [{ port: 80 }] }),
      'must be a valid IP address',
    ],
    ['no external name', service('bad', { type: 'ExternalName' }), 'spec.externalName: Required value'],
    [
      'a namespace that is not there',
      { ...service('bad', { ports: [{ port: 80 }] }), metadata: { name: 'bad', namespace: 'nowhere' } },
      'namespaces "nowhere" not found',
    ],
    [
      'a kind nobody serves',
      { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'x' } },
      'no matches for kind "Thing" in version "example.com/v1"',
    ],
    ['text that is no YAML', 'a: [b', 'error converting YAML to JSON'],
  ])('%s', async (_name, object, text) => {
    const outcome = await apply(object);
    expect(outcome.text).toContain(text);
    expect(outcome.code).toBe(1);
  });

  it('a deployment whose selector does not select', async () => {
    const template = { metadata: { labels: { a: 'c' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };
    const spec = { replicas: -1, selector: { matchLabels: { a: 'b' } }, template };
    const { text } = await apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec });
    expect(text).toContain('spec.replicas: Invalid value: -1: must be greater than or equal to 0');
    expect(text).toContain('`selector` does not match template `labels`');
  });

  it('a pool that overlaps another, naming both', async () => {
    const pool = (name: string, range: string) => ({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name, namespace: 'metallb-system' },
      spec: { addresses: [range] },
    });
    expect((await apply(pool('first', '172.30.0.200-172.30.0.250'))).code).toBe(0);
    const { text } = await apply(pool('second', '172.30.0.240/28'));
    expect(text).toContain(
      'CIDR "172.30.0.240/28" in pool "second" overlaps with already defined CIDR "172.30.0.200-172.30.0.250" in pool "first"',
    );
    expect(await ok('get', 'ipaddresspools', '-n', 'metallb-system', '--no-headers')).toMatch(
      /^first +true +false +\["172/,
    );
  });
});

/** Waits until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('The condition did not come true within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
