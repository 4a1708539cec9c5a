import { once } from 'node:events';
import { systemClock, udpSocketIn } from '@svclab/runtime';
import { asOrdinaryUser } from '@svclab/testkit';
import type { EnsurePodRequest } from '@svclab/wire';
import { describe, expect, it } from 'vitest';
import {
  client,
  curl,
  exec,
  logLines,
  node,
  onNode,
  request,
  serveDns,
  usePodHost,
  watchStates,
} from './testing/harness.ts';

usePodHost();

describe('a pod on the node', () => {
  it('answers HTTP with its name, to the node and to other pods', async () => {
    const { hostInterface } = await client.ensurePod(request('web-5d4f8c7b9-x2k4z', '10.244.1.5'));
    await client.ensurePod(request('other', '10.244.1.6'));
    expect(hostInterface).toMatch(/^veth[0-9a-f]{8}$/);
    const body = await curl('http://10.244.1.5/');
    expect(body.split('\n')[0]).toBe('web-5d4f8c7b9-x2k4z');
    expect(body).toMatch(/^client: 10\.244\.1\.1:\d+$/m);
    const inner = await exec('other', ['curl', '-s', '-m', '5', 'http://10.244.1.5/clientip']);
    expect(inner.out).toMatch(/^10\.244\.1\.6:\d+$/);
    expect(await logLines('web-5d4f8c7b9-x2k4z', false, 1n)).toEqual([
      expect.stringMatching(/^10\.244\.1\.6 - - \[.*\] "GET \/clientip HTTP\/1\.1" 200 \d+ "-" "curl\//),
    ]);
  });

  it('is made once for a uid, and may be asked for at the same time', async () => {
    const asked = [request('web', '10.244.1.5'), request('web', '10.244.1.5')];
    const [a, b] = await Promise.all(asked.map((r) => client.ensurePod(r)));
    expect(a).toEqual(b);
    expect((await client.listPods({})).pods).toHaveLength(1);
    await client.stopPod({ uid: 'uid-web', signalOnly: false });
    await client.stopPod({ uid: 'uid-web', signalOnly: false });
    expect((await client.listPods({})).pods).toEqual([]);
    expect((await onNode('ip', '-br', 'link'))[0]).not.toContain('veth');
    expect((await onNode('ip', 'route'))[0]).not.toContain('10.244.1.5');
  });

  it('replaces an interface that was left over', async () => {
    const stale = { ...request('web', '10.244.1.5'), hostInterface: 'vethstale' };
    await onNode('ip', 'link', 'add', 'vethstale', 'type', 'veth', 'peer', 'name', 'peer0');
    expect(await client.ensurePod(stale)).toEqual({ hostInterface: 'vethstale' });
    expect(await curl('http://10.244.1.5/hostname')).toBe('web');
  });

  it('says what it cannot do, and leaves nothing', async () => {
    const bad = { ...request('web', '10.244.1.5'), gateway: 'nowhere' };
    await expect(client.ensurePod(bad)).rejects.toThrow(/gateway of EnsurePod is "nowhere"/);
    const taken = { ...request('web', '10.244.1.5'), hostInterface: 'lo' };
    await expect(client.ensurePod(taken)).rejects.toThrow(/ip link add lo .* failed: RTNETLINK answers: File exists/);
    expect((await onNode('ip', '-br', 'link'))[0]).not.toContain('veth');
    await expect(client.ensurePod({ ...bad, podJson: Buffer.from('{') })).rejects.toThrow(/is no JSON/);
    await expect(client.killPod({ namespace: 'shop', pod: 'none' })).rejects.toThrow(/shop\/none is not on this node/);
  });

  it('shares the node network with hostNetwork, where ports collide', async () => {
    const states = watchStates('second');
    await client.ensurePod(request('first', '', { spec: { hostNetwork: true } }));
    expect(await curl('http://127.0.0.1/hostname')).toBe('first');
    await client.ensurePod(request('second', '', { spec: { hostNetwork: true } }));
    expect(await states.until('terminated')).toMatchObject({
      exitCode: 1,
      reason: 'Error',
      message: 'listen tcp :80: bind: address already in use',
    });
  });

  it('refuses to run a process container, with a reason', async () => {
    await client.ensurePod(request('web', '10.244.1.5', { annotations: { 'svclab.dev/runtime': 'process' } }));
    const [pod] = (await client.listPods({})).pods;
    expect(pod?.containers[0]).toMatchObject({
      state: 'waiting',
      reason: 'CreateContainerConfigError',
      containerId: '',
    });
    expect(pod?.containers[0]?.message).toContain('"process"');
  });

  it('serves UDP, redis and postgres in their own protocol', async () => {
    const ports = [{ containerPort: 7, protocol: 'UDP' }];
    await client.ensurePod(request('echo', '10.244.1.5', { container: { image: 'echo', ports } }));
    await client.ensurePod(request('redis', '10.244.1.6', { container: { image: 'redis:7-alpine', ports: [] } }));
    const socket = udpSocketIn(node);
    socket.send('over udp', 7, '10.244.1.5');
    expect(String((await once(socket, 'message'))[0])).toBe('over udp');
    socket.close();
    const talk = 'exec 3<>/dev/tcp/10.244.1.6/6379; printf "PING\\r\\nQUIT\\r\\n" >&3; cat <&3';
    expect((await onNode('bash', '-c', talk))[0]).toBe('+PONG\r\n+OK\r\n');
  });
});

describe('behaviour', () => {
  it('changes at run time, by annotation, and back', async () => {
    const web = (annotations: Record<string, string>): EnsurePodRequest =>
      request('web', '10.244.1.5', { annotations });
    const status = (path: string): Promise<string> =>
      curl('-o', '/dev/null', '-w', '%{http_code}', `http://10.244.1.5${path}`);
    const set = (behaviour: Record<string, string>): Promise<unknown> =>
      client.setBehaviour({ namespace: 'shop', pod: 'web', behaviour });
    await client.ensurePod(web({ 'svclab.dev/health': 'unready' }));
    expect([await status('/readyz'), await status('/healthz')]).toEqual(['503', '200']);
    await set({ health: 'fail', 'svclab.dev/error-rate': '100%' });
    expect([await status('/healthz'), await status('/')]).toEqual(['503', '500']);
    await set({ health: '', 'error-rate': '' });
    expect([await status('/readyz'), await status('/')]).toEqual(['503', '200']);
    await client.ensurePod(web({}));
    expect(await status('/readyz')).toBe('200');
    await expect(set({ health: 'sick' })).rejects.toThrow(/health does not take "sick"/);
    await expect(set({ colour: 'red' })).rejects.toThrow(/the keys are latency/);
  });
});

describe('connections', () => {
  const IP = '10.244.1.5';
  const set = (connections: string, pod = 'web'): Promise<unknown> =>
    client.setBehaviour({ namespace: 'shop', pod, behaviour: { connections }, source: 'f1', reset: true });
  const heal = (pod = 'web'): Promise<unknown> =>
    client.setBehaviour({ namespace: 'shop', pod, behaviour: {}, source: 'f1', reset: true });
  const answers = async (ip = IP): Promise<string> => curl('-m', '1', `http://${ip}/hostname`);

  it('are refused by the kernel, those that are open go on, and new ones are taken again', async () => {
    const ports = [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' as const }];
    await client.ensurePod(request('web', IP, { container: { ports } }));
    await client.ensurePod(request('other', '10.244.1.6'));
    const udp = `exec 3<>/dev/udp/${IP}/53; printf hi >&3; timeout 1 head -c 2 <&3`;
    expect((await onNode('bash', '-c', udp))[0]).toBe('hi');
    // One connection: the second request goes out while the port is closed.
    const kept = onNode(
      'curl',
      '-s',
      '-m',
      '10',
      `http://${IP}/delay/300`,
      `http://${IP}/hostname`,
      '-w',
      ' %{num_connects}\\n',
    );
    while (!(await curl(`http://${IP}/metrics`)).includes('http_requests_in_flight{pod="web",namespace="shop"} 2'));
    await set('refuse');
    // curl: could not connect
    expect((await onNode('curl', '-s', `http://${IP}/hostname`))[1]).toBe(7);
    expect((await onNode('bash', '-c', udp))[0]).toBe('');
    expect((await kept)[0]).toBe('web\ndelay: 300 ms\n 1\nweb 0\n');
    expect(await answers('10.244.1.6')).toBe('other');
    await heal();
    expect(await answers()).toBe('web');
    expect((await onNode('bash', '-c', udp))[0]).toBe('hi');
    await heal();
  });

  it('are taken and never answered while it hangs, and answered when it does no more', async () => {
    await client.ensurePod(request('web', IP));
    await set('hang');
    // curl: timed out; it was connected.
    expect(await onNode('curl', '-s', '-m', '1', '-w', '%{num_connects}', `http://${IP}/healthz`)).toEqual(['1', 28]);
    const held = curl('-m', '20', `http://${IP}/hostname`);
    while (!(await onNode('ss', '-tnH', 'state', 'established', 'dst', IP))[0].includes(':80'));
    await heal();
    expect(await held).toBe('web');
    expect(await answers()).toBe('web');
  });

  it('stay refused through a restart of the container, and not for a pod that takes its place', async () => {
    await client.ensurePod(request('web', IP));
    await set('refuse');
    await client.restartContainer({ uid: 'uid-web', container: 'main', reason: 'test' });
    expect((await onNode('curl', '-s', `http://${IP}/`))[1]).toBe(7);
    await client.stopPod({ uid: 'uid-web' });
    await client.ensurePod(request('web', IP));
    expect(await answers()).toBe('web');
    await set('refuse');
    await client.resetBehaviour({});
    expect(await answers()).toBe('web');
  });

  it('of a stream wait as those of HTTP do, in their order', async () => {
    await client.ensurePod(request('cache', IP, { container: { image: 'redis:7', ports: [{ containerPort: 6379 }] } }));
    const talk = (): Promise<[string, number | null]> =>
      onNode('bash', '-c', `exec 3<>/dev/tcp/${IP}/6379; printf "PING\\r\\nQUIT\\r\\n" >&3; timeout 20 cat <&3`);
    await set('hang', 'cache');
    const held = talk();
    while (!(await onNode('ss', '-tnH', 'state', 'established', 'dst', IP))[0].includes(':6379'));
    await heal('cache');
    expect((await held)[0]).toBe('+PONG\r\n+OK\r\n');
    await client.setBehaviour({ namespace: 'shop', pod: 'cache', behaviour: { latency: '300ms' }, source: 'f1' });
    const began = systemClock.now();
    expect((await talk())[0]).toBe('+PONG\r\n+OK\r\n');
    expect(systemClock.now() - began).toBeGreaterThanOrEqual(300);
  });
});

describe('an upstream', () => {
  const front = (url: string, annotations: Record<string, string> = {}): EnsurePodRequest =>
    request('front', '10.244.1.5', { env: { UPSTREAM_URL: url }, annotations });
  const upstreamOf = async (): Promise<string> =>
    /^(upstream: .* at .*|error: .*)$/m.exec(await curl('http://10.244.1.5/'))?.[0] ?? '';

  it('is found by DNS through the search path and called from the pod', async () => {
    serveDns({ 'api.shop.svc.cluster.local': '10.244.1.6' });
    await client.ensurePod(request('api-1', '10.244.1.6'));
    await client.ensurePod(front('http://api/'));
    expect(await upstreamOf()).toBe('upstream: api-1 200 at 10.244.1.6:80');
    expect(await logLines('api-1', false, 1n)).toEqual([expect.stringMatching(/^10\.244\.1\.5 .*svclab\/front"$/)]);
    await client.setBehaviour({ namespace: 'shop', pod: 'front', behaviour: { 'upstream-keepalive': 'true' } });
    expect(await upstreamOf()).toBe('upstream: api-1 200 at 10.244.1.6:80');
  });

  it('that fails gives 502 and the reason', async () => {
    serveDns({ 'down.shop.svc.cluster.local': '10.244.1.1' });
    await client.ensurePod(front('http://nothing/'));
    expect(await upstreamOf()).toBe('error: nothing does not exist');
    await client.setBehaviour({ namespace: 'shop', pod: 'front', behaviour: { upstream: 'http://down:81/' } });
    expect(await upstreamOf()).toMatch(/^error: Call to 10\.244\.1\.1:81 failed: .*ECONNREFUSED/);
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', 'http://10.244.1.5/')).toBe('502');
    expect(await curl('http://10.244.1.5/healthz')).toBe('ok\n');
  });
});

describe('the life of a container', () => {
  it('ends at once when killed, and runs again when asked', async () => {
    const states = watchStates('web');
    await client.ensurePod(request('web', '10.244.1.5'));
    await states.until('running');
    const held = onNode('curl', '-s', '-m', '20', 'http://10.244.1.5/delay/60000');
    while (
      !(await curl('http://10.244.1.5/metrics')).includes('http_requests_in_flight{pod="web",namespace="shop"} 2')
    );
    await client.killPod({ namespace: 'shop', pod: 'web' });
    expect(await states.until('terminated')).toMatchObject({ exitCode: 137, reason: 'Error', restartCount: 0 });
    // curl: connection reset by peer
    expect((await held)[1]).toBe(56);
    expect((await onNode('curl', '-s', 'http://10.244.1.5/'))[1]).toBe(7);
    await client.restartContainer({ uid: 'uid-web', container: 'main', reason: 'test' });
    expect(await states.until('running')).toMatchObject({ restartCount: 1 });
    expect(await curl('http://10.244.1.5/hostname')).toBe('web');
    expect(await logLines('web')).toHaveLength(2);
    expect((await logLines('web', true)).join('\n')).toContain('GET /metrics');
    await client.restartContainer({ uid: 'uid-web', container: 'main', reason: 'liveness' });
    expect(await states.until('terminated')).toMatchObject({ exitCode: 0 });
    expect(await states.until('running')).toMatchObject({ restartCount: 2 });
    await expect(client.restartContainer({ uid: 'uid-web', container: 'x', reason: '' })).rejects.toThrow(/"x"/);
  });

  it('finishes what is in flight when stopped, and tells kept connections before', async () => {
    const states = watchStates('web');
    await client.ensurePod(request('web', '10.244.1.5'));
    expect(await curl('-i', 'http://10.244.1.5/hostname')).not.toMatch(/connection: close/i);
    await client.stopPod({ uid: 'uid-web', signalOnly: true });
    expect(await curl('-i', 'http://10.244.1.5/hostname')).toMatch(/connection: close/i);
    const held = curl('http://10.244.1.5/delay/300');
    while (
      !(await curl('http://10.244.1.5/metrics')).includes('http_requests_in_flight{pod="web",namespace="shop"} 2')
    );
    await client.stopPod({ uid: 'uid-web', signalOnly: false });
    expect(await held).toBe('web\ndelay: 300 ms\n');
    await states.until('removed');
    expect(states.seen).toEqual(['running', 'running', 'terminated', 'removed']);
  });

  it('runs but does not listen during its start-up delay', async () => {
    const states = watchStates('web');
    await client.ensurePod(request('web', '10.244.1.5', { annotations: { 'svclab.dev/startup-delay': '1h' } }));
    await states.until('running');
    expect((await onNode('curl', '-s', 'http://10.244.1.5/'))[1]).toBe(7);
    await client.setBehaviour({ namespace: 'shop', pod: 'web', behaviour: { 'startup-delay': '0ms' } });
    await client.restartContainer({ uid: 'uid-web', container: 'main', reason: 'test' });
    expect(await curl('http://10.244.1.5/hostname')).toBe('web');
  });

  it('crashes by itself when told so', async () => {
    const states = watchStates('web');
    const annotations = { 'svclab.dev/exit-after': '10ms', 'svclab.dev/exit-code': '3' };
    await client.ensurePod(request('web', '10.244.1.5', { annotations }));
    expect(await states.until('terminated')).toMatchObject({ exitCode: 3, reason: 'Error' });
    await expect(exec('web', ['true'])).rejects.toThrow(/is terminated: it must run/);
  });
});

describe('many pods', () => {
  it('start together', async () => {
    const count = 50;
    const began = systemClock.now();
    await Promise.all(
      Array.from({ length: count }, (_, i) => client.ensurePod(request(`web-${i}`, `10.244.1.${i + 10}`))),
    );
    const took = systemClock.now() - began;
    process.stdout.write(`${count} pods started in ${took.toFixed(0)} ms\n`);
    const urls = Array.from({ length: count }, (_, i) => `http://10.244.1.${i + 10}/hostname`);
    const names = await curl(...urls.flatMap((url) => [url, '-w', '\\n']));
    expect(new Set(names.trim().split('\n')).size).toBe(count);
  });
});

asOrdinaryUser(import.meta.url);
