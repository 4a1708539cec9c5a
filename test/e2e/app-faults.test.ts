/** Faults of DNS servers and of pods, seen by dig, curl and kubectl: that they act, only where they should, and that they are gone afterwards. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { faultsOf, gone, heal, makeFault, onNode } from './faults.ts';
import { Lab, type Result, until } from './lab.ts';

interface PodLine {
  readonly name: string;
  readonly ip: string;
  readonly node: string;
}

let lab: Lab;
/** Host -> address on the LAN. */
let lan: Map<string, string>;
/** Pods of the Deployment `web`, by name. */
let pods: readonly PodLine[];

async function podsOf(app: string): Promise<PodLine[]> {
  const text = await lab.kube([
    ...['get', 'pods', '-l', `app=${app}`, '-o'],
    'jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {.spec.nodeName}{"\\n"}{end}',
  ]);
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', ip = '', node = ''] = line.split(' ');
      return { name, ip, node };
    });
}

/** Asks a pod from its own node. */
function curl(pod: PodLine, ...args: string[]): Promise<Result> {
  return onNode(lab, pod.node, 'curl', '-s', `http://${pod.ip}/hostname`, ...args);
}
const status = async (pod: PodLine): Promise<string> =>
  (await curl(pod, '-o', '/dev/null', '-w', '%{http_code}')).stdout;

/** READY of `kubectl get pods`. */
async function ready(pod: PodLine): Promise<string> {
  return (await lab.kube(['get', 'pod', pod.name, '--no-headers'])).split(/\s+/)[1] ?? '';
}

/** Condition `ready` of a pod's endpoint. */
async function endpointReady(pod: PodLine): Promise<string> {
  const filter = `{.items[*].endpoints[?(@.targetRef.name=="${pod.name}")].conditions.ready}`;
  return lab.kube([
    ...['get', 'endpointslices', '-l', 'kubernetes.io/service-name=web'],
    ...['-o', `jsonpath=${filter}`],
  ]);
}

const allReady = (): Promise<void> =>
  until('all pods of web are ready endpoints', async () => {
    for (const pod of pods) if ((await ready(pod)) !== '1/1' || (await endpointReady(pod)) !== 'true') return false;
    return true;
  });

/** dig on the client. */
function dig(server: 'dns-1' | 'dns-2', name: string, ...args: string[]): Promise<Result> {
  return lab.client('dig', `@${lan.get(server)}`, '+tries=1', '+time=20', ...args, name);
}
const short = async (server: 'dns-1' | 'dns-2', name: string): Promise<string> =>
  (await dig(server, name, '+short')).stdout.trim();
const rcode = async (server: 'dns-1' | 'dns-2', name: string): Promise<string> =>
  /status: (\w+)/.exec((await dig(server, name)).stdout)?.[1] ?? 'none';

const WEB = 'web.default.svc.cluster.local';
const API = 'kubernetes.default.svc.cluster.local';
let web: string;
let api: string;

beforeAll(async () => {
  lab = await Lab.up();
  await lab.pool();
  await lab.web('web', 3);
  const { hosts } = JSON.parse(await lab.ok('status', '-o', 'json')) as { hosts: { name: string; ip: string }[] };
  lan = new Map(hosts.map((h) => [h.name, h.ip]));
  pods = (await podsOf('web')).sort((a, b) => (a.name < b.name ? -1 : 1));
  [web, api] = await Promise.all(
    ['web', 'kubernetes'].map((svc) => lab.kube(['get', 'svc', svc, '-o', 'jsonpath={.spec.clusterIP}'])),
  );
  await lab.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'tools' },
    spec: { containers: [{ name: 'main', image: 'netshoot' }] },
  });
  await lab.kube(['wait', '--for=condition=Ready', 'pod/tools', '--timeout=60s']);
});
afterAll(() => lab?.down());
afterEach(() => heal(lab));

describe('a DNS server', () => {
  it('answers later with dns-slow, the other does not', async () => {
    const { id } = await makeFault(lab, 'dns-slow', 'dns/1', '--delay', '10s');
    const late = await dig('dns-1', WEB);
    expect(late.stdout).toContain(web);
    expect(Number(/Query time: (\d+) msec/.exec(late.stdout)?.[1])).toBeGreaterThanOrEqual(9999);
    // dig: no answer in time
    expect((await dig('dns-1', WEB, '+time=2')).code).toBe(9);
    expect(await short('dns-2', WEB)).toBe(web);
    await heal(lab, id ?? '');
    expect((await dig('dns-1', WEB, '+time=9')).stdout).toContain(web);
  });

  it('answers another address with dns-wrong, for the name it is told', async () => {
    await makeFault(lab, 'dns-wrong', 'dns/1', '--service', 'default/web', '--address', '10.9.9.9');
    expect([await short('dns-1', WEB), await short('dns-1', API)]).toEqual(['10.9.9.9', api]);
    expect(await short('dns-2', WEB)).toBe(web);
    await heal(lab);
    expect(await short('dns-1', WEB)).toBe(web);
  });

  it('is believed by pods when all servers are of one mind', async () => {
    const inPod = async (): Promise<string> =>
      (await lab.kube(['exec', 'tools', '--', 'dig', '+short', '+search', 'web'])).trim();
    expect(await inPod()).toBe(web);
    const made = await makeFault(lab, 'dns-wrong', 'all/dns');
    expect(made.resolved).toBe('dns/1,dns/2');
    expect(await inPod()).toBe('192.0.2.1');
    await heal(lab);
    expect(await inPod()).toBe(web);
  });

  it.each([
    ['dns-nxdomain', 'NXDOMAIN'],
    ['dns-servfail', 'SERVFAIL'],
  ])('%s answers %s for the names below one', async (verb, says) => {
    await makeFault(lab, verb, 'dns/2', '--dns-name', '*.default.svc.cluster.local');
    expect([await rcode('dns-2', WEB), await rcode('dns-1', WEB)]).toEqual([says, 'NOERROR']);
    expect(await rcode('dns-2', 'dns-version.cluster.local')).toBe('NOERROR');
    await heal(lab);
    expect(await rcode('dns-2', WEB)).toBe('NOERROR');
    const { id } = await makeFault(lab, verb, 'dns/2', '--duration', '1s');
    await gone(lab, id);
    expect(await rcode('dns-2', WEB)).toBe('NOERROR');
  });

  it('does not answer with dns-drop', async () => {
    await makeFault(lab, 'dns-drop', 'dns/1', '--service', 'default/web');
    expect((await dig('dns-1', WEB, '+time=2')).code).toBe(9);
    expect((await dig('dns-1', WEB, '+time=2', '+tcp')).code).toBe(9);
    expect([await short('dns-1', API), await short('dns-2', WEB)]).toEqual([api, web]);
    await heal(lab);
    expect(await short('dns-1', WEB)).toBe(web);
  });

  it('goes on with what it knew with dns-stale, and its restart brings no fault back', async () => {
    const late = 'late.default.svc.cluster.local';
    await makeFault(lab, 'dns-stale', 'dns/1');
    await lab.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'late' }, spec: { ports: [{ port: 80 }] } });
    await until('dns-2 knows the new Service', async () => (await rcode('dns-2', late)) === 'NOERROR');
    expect(await rcode('dns-1', late)).toBe('NXDOMAIN');
    await lab.kube(['delete', 'svc', 'late']);
    await until('dns-2 has forgotten it', async () => (await rcode('dns-2', late)) === 'NXDOMAIN');
    await lab.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'late' }, spec: { ports: [{ port: 80 }] } });
    await makeFault(lab, 'dns-nxdomain', 'dns/1', '--service', 'default/web');
    expect(await rcode('dns-1', WEB)).toBe('NXDOMAIN');
    await lab.ok('fault', 'kill', 'dns/1');
    await until('dns-1 answers with fresh records', async () => (await rcode('dns-1', late)) === 'NOERROR');
    expect(await short('dns-1', WEB)).toBe(web);
    await heal(lab);
    expect(await faultsOf(lab)).toEqual([]);
    await lab.kube(['delete', 'svc', 'late']);
  });
});

describe('a pod', () => {
  const target = (pod: PodLine | undefined): string => `pod/default/${pod?.name}`;
  const [first, second] = [() => pods[0] as PodLine, () => pods[1] as PodLine];
  afterEach(async () => {
    await heal(lab);
    await allReady();
  });

  it('answers later with pod-slow, the others do not', async () => {
    const { id } = await makeFault(lab, 'pod-slow', target(first()), '--delay', '10s');
    const slow = await curl(first(), '-m', '60', '-w', ' %{time_total}');
    const [name, seconds] = slow.stdout.split(' ');
    expect(name).toBe(first().name);
    expect(Number(seconds)).toBeGreaterThanOrEqual(10);
    // curl: timed out
    expect((await curl(first(), '-m', '2')).code).toBe(28);
    expect((await curl(second(), '-m', '9.9')).stdout).toBe(second().name);
    await until('its readiness probe has failed', async () => (await ready(first())) === '0/1');
    await heal(lab, id ?? '');
    expect((await curl(first(), '-m', '9.9')).stdout).toBe(first().name);
  });

  it('fails a share of the requests with pod-fail, until its duration is over', async () => {
    const half = await makeFault(lab, 'pod-fail', target(first()), '--percent', '50', '--status', '503');
    const url = `http://${first().ip}/echo?msg=x`;
    const many = await onNode(
      lab,
      first().node,
      'curl',
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}\n',
      `${url}&[1-60]`,
    );
    const codes = new Set(many.stdout.trim().split('\n'));
    expect([...codes].sort()).toEqual(['200', '503']);
    await heal(lab, half.id ?? '');
    await makeFault(lab, 'pod-fail', target(first()));
    expect([await status(first()), await status(second())]).toEqual(['500', '200']);
    await heal(lab);
    expect(await status(first())).toBe('200');
    const brief = await makeFault(lab, 'pod-fail', target(first()), '--duration', '1s');
    await gone(lab, brief.id);
    expect(await status(first())).toBe('200');
  });

  it('leaves the endpoints when pod-fail takes its probes along', async () => {
    await makeFault(lab, 'pod-fail', target(first()), '--percent', '0.001', '--probes');
    expect(await status(first())).toBe('200');
    await until('it is no ready endpoint', async () => (await endpointReady(first())) === 'false');
    expect(await endpointReady(second())).toBe('true');
  });

  it('refuses connections with pod-refuse, for all pods of a Service or one by chance', async () => {
    const all = await makeFault(lab, 'pod-refuse', 'svc/default/web');
    expect(all.resolved.split(',').sort()).toEqual(pods.map((p) => target(p)));
    // curl: could not connect
    for (const pod of pods) expect((await curl(pod)).code).toBe(7);
    await heal(lab);
    for (const pod of pods) expect((await curl(pod)).stdout).toBe(pod.name);
    await allReady();
    const one = await makeFault(lab, 'pod-refuse', 'random:7/svc/default/web');
    const codes = new Map<string, number>();
    for (const pod of pods) codes.set(target(pod), (await curl(pod)).code);
    expect([...codes.values()].sort()).toEqual([0, 0, 7]);
    expect(codes.get(one.resolved)).toBe(7);
  });

  it('takes connections and says nothing with pod-hang, and answers afterwards what it was asked', async () => {
    await makeFault(lab, 'pod-hang', target(first()));
    const held = curl(first(), '-m', '60');
    const tried = await curl(first(), '-m', '2', '-o', '/dev/null', '-w', '%{num_connects}');
    expect([tried.code, tried.stdout]).toEqual([28, '1']);
    expect((await curl(second())).stdout).toBe(second().name);
    await until('its readiness probe has failed', async () => (await ready(first())) === '0/1');
    await heal(lab);
    expect((await held).stdout).toBe(first().name);
  });

  it('is not ready and ready in turn with readiness-flap, and serves all the while', async () => {
    const notReady = async (pod: PodLine): Promise<number> => {
      const events = JSON.parse(await lab.ok('timeline', '-o', 'json')) as {
        type: string;
        attrs: Record<string, string>;
      }[];
      return events.filter((e) => e.type === 'pod.not-ready' && e.attrs.pod === `default/${pod.name}`).length;
    };
    const before = [await notReady(first()), await notReady(second())];
    await makeFault(lab, 'readiness-flap', target(first()), '--unready', '1s', '--ready', '1s');
    await until('it was not ready twice', async () => (await notReady(first())) >= (before[0] ?? 0) + 2);
    await heal(lab);
    await until('it is ready', async () => (await ready(first())) === '1/1');
    await makeFault(lab, 'readiness-flap', target(first()), '--ready', '0s');
    await until('its endpoint is not ready', async () => (await endpointReady(first())) === 'false');
    expect([await ready(first()), await endpointReady(second())]).toEqual(['0/1', 'true']);
    expect((await curl(first())).stdout).toBe(first().name);
    expect(await lab.kube(['describe', 'pod', first().name])).toMatch(
      /Readiness probe failed: held back by fault f\d+/,
    );
    await heal(lab);
    await allReady();
    const after = [await notReady(first()), await notReady(second())];
    expect(after[0]).toBeGreaterThanOrEqual((before[0] ?? 0) + 3);
    expect(after[1]).toBe(before[1]);
  });

  it('takes no fault over from one that was deleted, or from before its pod-host was killed', async () => {
    await makeFault(lab, 'pod-refuse', target(first()));
    await makeFault(lab, 'pod-hang', target(second()));
    await lab.ok('fault', 'kill', `pods/${first().node}`);
    await lab.kube(['delete', 'pod', second().name]);
    await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
    pods = (await podsOf('web')).sort((a, b) => (a.name < b.name ? -1 : 1));
    await allReady();
    pods = (await podsOf('web')).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const pod of pods) expect((await curl(pod)).stdout).toBe(pod.name);
    await heal(lab);
    expect(await faultsOf(lab)).toEqual([]);
  });
});

it.each([
  [['dns-slow', 'dns/1'], /needs argument "delay": give a duration with its unit/],
  [['dns-slow', 'dns/1', '--delay', '1s', '--jitter', '2s'], /jitter of fault dns-slow is 2000 ms: give no more than/],
  [['dns-wrong', 'dns/1', '--address', 'nowhere'], /"nowhere": give an IPv4 or IPv6 address/],
  [['dns-wrong', 'dns/1', '--service', 'web'], /service is "web": give NAMESPACE\/NAME/],
  [['dns-slow', 'node/node-1', '--delay', '1s'], /does not act on node\/node-1: give one of dns\/N/],
  [['pod-hang', 'pod/default/nobody'], /default\/nobody cannot be found/],
  [['pod-hang', 'svc/default/nothing'], /default\/nothing has no pod among its endpoints/],
  [['pod-fail', 'pod/default/tools', '--status', '404'], /status of fault pod-fail is "404".*500 to 599/],
])('%j is refused with what would be right', async (args, says) => {
  const [verb = '', ...rest] = args;
  const result = await lab.cli('fault', verb, ...rest);
  expect(result.stderr).toMatch(says);
  expect(result.code).toBe(2);
  expect(await faultsOf(lab)).toEqual([]);
});
