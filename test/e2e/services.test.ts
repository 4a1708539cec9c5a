/** Service types and policies by real packets and DNS answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, until } from './lab.ts';

describe('Services', () => {
  let lab: Lab;
  let ip: string;

  beforeAll(async () => {
    lab = await Lab.up();
    await lab.pool();
    ip = await lab.web('web', 3);
  });
  afterAll(() => lab?.down());

  const pods = async (count: number, url: string) => {
    const { stdout } = await lab.client('sh', '-c', `for i in $(seq ${count}); do curl -s -m 2 ${url}; echo; done`);
    return new Set(stdout.match(/web-[a-z0-9]+-[a-z0-9]{5}/g) ?? []);
  };

  it('a VIP spreads new connections over all endpoints', async () => {
    expect((await pods(40, `http://${ip}/`)).size).toBe(3);
  });

  it('session affinity keeps a client on one endpoint', async () => {
    await lab.kube(['patch', 'svc', 'web', '-p', '{"spec":{"sessionAffinity":"ClientIP"}}']);
    await until('one pod answers twenty times', async () => (await pods(20, `http://${ip}/`)).size === 1);
    expect((await pods(40, `http://${ip}/`)).size).toBe(1);
    await lab.kube(['patch', 'svc', 'web', '-p', '{"spec":{"sessionAffinity":"None","sessionAffinityConfig":null}}']);
    await until('three pods answer again', async () => (await pods(40, `http://${ip}/`)).size === 3);
  });

  it('externalTrafficPolicy Local keeps the client address and stays on the owner', async () => {
    await lab.kube(['patch', 'svc', 'web', '-p', '{"spec":{"externalTrafficPolicy":"Local"}}']);
    await until('the pod sees the client', async () =>
      (await lab.client('curl', '-s', '-m', '2', `http://${ip}/clientip`)).stdout.includes('172.30.0.101'),
    );
    const owner = await lab.owner('default/web');
    const onOwner = await lab.kube([
      'get',
      'pods',
      '-l',
      'app=web',
      '--field-selector',
      `spec.nodeName=${owner}`,
      '-o',
      'jsonpath={.items[*].metadata.name}',
    ]);
    for (const pod of await pods(20, `http://${ip}/`)) expect(onOwner.split(' ')).toContain(pod);
    await lab.kube(['patch', 'svc', 'web', '-p', '{"spec":{"externalTrafficPolicy":"Cluster"}}']);
    await until(
      'the pod sees the owner',
      async () => !(await lab.client('curl', '-s', '-m', '2', `http://${ip}/clientip`)).stdout.includes('172.30.0.101'),
    );
  });

  it('a Service without endpoints refuses', async () => {
    await lab.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'empty' },
      spec: { selector: { app: 'nobody' }, ports: [{ port: 80 }] },
    });
    const cip = await lab.kube(['get', 'svc', 'empty', '-o', 'jsonpath={.spec.clusterIP}']);
    const node = (await lab.nodes())[0] ?? '';
    await until(
      'the connection is refused',
      async () => (await lab.cli('exec', `node/${node}`, '--', 'curl', '-s', '-m', '2', `http://${cip}/`)).code === 7,
    );
  });

  it('cluster DNS: A, SRV, PTR, headless, NXDOMAIN, NODATA, and short names in a pod', async () => {
    await lab.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'heads' },
      spec: { clusterIP: 'None', selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    });
    const node = (await lab.nodes())[0] ?? '';
    const dig = async (...args: string[]) =>
      (await lab.ok('exec', `node/${node}`, '--', 'dig', '@10.96.0.10', ...args)).trim();
    const cip = await lab.kube(['get', 'svc', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
    const podIPs = (await lab.kube(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].status.podIP}']))
      .split(' ')
      .sort();
    expect(await dig('+short', 'web.default.svc.cluster.local')).toBe(cip);
    await until(
      'the headless name lists the pods',
      async () => (await dig('+short', 'heads.default.svc.cluster.local')).split('\n').sort().join() === podIPs.join(),
    );
    expect(await dig('+short', 'SRV', '_http._tcp.heads.default.svc.cluster.local')).toMatch(
      /^0 33 80 10-244-\d+-\d+\.heads\.default\.svc\.cluster\.local\./m,
    );
    expect(await dig('+short', '-x', cip)).toBe('web.default.svc.cluster.local.');
    expect(await dig('nope.default.svc.cluster.local')).toContain('status: NXDOMAIN');
    const nodata = await dig('AAAA', 'web.default.svc.cluster.local');
    expect(nodata).toContain('status: NOERROR');
    expect(nodata).toContain('ANSWER: 0');
    const pod = (await lab.kube(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
    expect(await lab.kube(['exec', pod, '--', 'curl', '-s', '-m', '5', 'http://web/'])).toMatch(
      /web-[a-z0-9]+-[a-z0-9]{5}/,
    );
  });

  it('kubectl logs, describe and exec speak to the pod', async () => {
    const pod = (await lab.kube(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
    expect((await lab.kube(['logs', pod])).length).toBeGreaterThan(0);
    expect(await lab.kube(['describe', 'pod', pod])).toContain(`Name:             ${pod}`);
    expect(await lab.kube(['describe', 'svc', 'web'])).toMatch(/LoadBalancer Ingress:\s+172\.30\.0\.2/);
    await until('the Service names its announcer', async () =>
      /nodeAssigned.*announcing from node "node-\d" with protocol "layer2"/.test(
        await lab.kube(['describe', 'svc', 'web']),
      ),
    );
    expect(await lab.kube(['exec', pod, '--', 'hostname'])).toBe(`${pod}\n`);
    const failed = await lab.kubectl(['exec', pod, '--', 'sh', '-c', 'exit 3']);
    expect(failed.code).toBe(3);
  });
});
