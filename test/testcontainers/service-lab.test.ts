/** The lab as a Testcontainers module, used as a test author would use it. The regions are the snippets of docs/testcontainers.md. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
// #region import
import { ServiceLab } from 'svclab/testcontainers';
import 'svclab/vitest';
// #endregion
import type { StartedServiceLab } from 'svclab/testcontainers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testImage } from './image.ts';

/** Polls until `look` is true; fails with `what` when it has not become so (a generous deadline, not a measurement). */
async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`Gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('ServiceLab', () => {
  let lab: StartedServiceLab;
  beforeAll(async () => {
    const image = testImage();
    // #region start
    lab = await new ServiceLab(image)
      .withNodes(3)
      .withProfile('fast')
      .withKnob('membership.probeInterval', '150ms')
      .withAddressPool()
      .withManifests('test/testcontainers/web.yaml')
      .start();
    // #endregion
  });
  afterAll(async () => {
    // #region stop
    await lab.stop();
    // #endregion
  });

  /** Waits until all nodes are up and the address has one owner. */
  const whole = () =>
    until('the lab is whole', async () => {
      const { hosts, processes } = await lab.status();
      const [vip, ...others] = (await lab.vips()).filter((v) => v.service === 'web');
      return (
        hosts.every((h) => h.up) &&
        processes.every((p) => p.state === 'ready') &&
        others.length === 0 &&
        vip?.announcing.length === 1 &&
        vip.next.length === 2
      );
    });

  it('answers this process', async () => {
    // #region fetch
    const response = await fetch(lab.service('web').url());
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(/^node: node-\d$/m);
    // #endregion
  });

  it('gives kubectl its kubeconfig', () => {
    // #region kubectl
    const env = { ...process.env, KUBECONFIG: lab.kubeconfigFile() };
    const nodes = execFileSync('kubectl', ['get', 'nodes', '-o', 'name'], { env, encoding: 'utf8' });
    // #endregion
    expect(nodes.trim().split('\n')).toEqual(['node/node-1', 'node/node-2', 'node/node-3']);
    expect(JSON.parse(lab.kubeconfig()).clusters[0].cluster.server).toBe(lab.apiUrl());
  });

  it('says where a Service is inside', async () => {
    const web = lab.service('default/web');
    expect(await web.address()).toMatchObject({ type: 'LoadBalancer', ip: '172.30.0.200', port: 80, from: 'client-1' });
    expect(await web.insideUrl('/hostname')).toBe('http://172.30.0.200/hostname');
    expect(await lab.service('web', { port: 'http' }).ip()).toBe('172.30.0.200');
    expect((await lab.status()).hosts.map((h) => h.name)).toContain(await web.owner());
  });

  it('reaches Services that are made later, of any type', async () => {
    // #region apply
    await lab.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web-internal' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 8080, targetPort: 'http' }] },
    });
    const internal = await fetch(lab.service('web-internal').url('/hostname'));
    // #endregion
    expect(await internal.text()).toMatch(/^web-/);
    await lab.apply(
      'apiVersion: v1\nkind: Service\nmetadata: {name: web-node}\nspec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30081}]}\n',
    );
    expect((await fetch(lab.service('web-node').url())).status).toBe(200);
    expect(await lab.service('web-node').address()).toMatchObject({ ip: '172.30.0.11', port: 30_081 });
  });

  it('says what is wrong with a Service that is not there', async () => {
    const response = await fetch(lab.service('shop/nothing').url());
    expect(response.status).toBe(502);
    expect(await response.json()).toEqual({ error: 'Service shop/nothing does not exist' });
    await expect(lab.service('nothing').address()).rejects.toMatchObject({
      name: 'LabRequestError',
      status: 404,
      message: 'Service default/nothing does not exist',
    });
    await expect(lab.measure(lab.service('kube-system/kube-dns'), () => {})).rejects.toThrow(/of type ClusterIP/);
    await expect(lab.kill('node-9')).rejects.toThrow(/give one of node\/node-1, node\/node-2, node\/node-3/);
    expect(() => lab.service('a/b/c')).toThrow(/is no name/);
  });

  it('measures the loss of the node that owns the address', async () => {
    // #region measure
    const web = lab.service('web');
    const report = await lab.measure(web.url(), async () => {
      await lab.kill(web);
    });
    expect(report).toRecoverWithin('5s');
    expect(report).toLoseAtMost(1000);
    expect(report).toMoveTo(await web.owner());
    // #endregion
    expect(report.sentence).toMatch(/^The VIP was dark for .* requests lost on new connections/);
    expect(report.lost.total).toBeGreaterThan(0);
    expect(report.baseline).toMatchObject({ lost: 0 });
    expect(report.steps).toMatchObject([{ verb: 'kill', target: `node/${report.owner_before}` }]);
    // #region restart
    await lab.restart(report.owner_before);
    // #endregion
    await whole();
  });

  it('measures that nothing is lost when nothing happens, and gives up on an action that fails', async () => {
    const quiet = await lab.measure('http://172.30.0.200/hostname', () => {}, { quietMs: 500 });
    expect(quiet).toLoseAtMost(0);
    expect(quiet).not.toMoveTo();
    expect(quiet).toMatchObject({ sentence: 'No request was lost.', recovered: true, phases_ms: null });
    await expect(
      lab.measure(lab.service('web'), () => {
        throw new Error('of my own');
      }),
    ).rejects.toThrow('of my own');
  });

  it('partitions the LAN and heals it', async () => {
    // #region partition
    const web = lab.service('web');
    const owner = await web.owner();
    const others = ['node-1', 'node-2', 'node-3'].filter((node) => node !== owner);
    await lab.partition([owner], [...others, 'client-1']);
    // #endregion
    await until('another node announces the address', async () =>
      (await lab.vips()).some((v) => v.service === 'web' && v.announcing.some((node) => others.includes(node))),
    );
    const { stdout } = execFor(lab, ['svclab', 'exec', `node/${owner}`, '--', 'ping', '-c1', '-W1', '172.30.0.101']);
    expect(stdout).toMatch(/100% packet loss/);
    // #region heal
    await lab.heal();
    // #endregion
    await whole();
    const reached = execFor(lab, ['svclab', 'exec', `node/${owner}`, '--', 'ping', '-c1', '-W5', '172.30.0.101']);
    expect(reached.stdout).toMatch(/ 0% packet loss/);
    const faults = (await lab.timeline()).filter((e) => e.attrs.fault === 'partition' || e.attrs.fault === 'heal');
    expect(faults.map((e) => e.type)).toEqual(['fault.effective', 'fault.healed']);
  });

  it('pauses, resumes, stops and restarts processes', async () => {
    const state = async (component: string, host: string) =>
      (await lab.status()).processes.find((p) => p.component === component && p.host === host)?.state;
    // #region process
    await lab.pause('agent/node-1');
    await lab.resume('agent/node-1');
    await lab.stop('dns-1');
    await lab.kill('announcer/node-2', { hold: true });
    // #endregion
    await until('both are down', async () =>
      [await state('dns', 'dns-1'), await state('l2-announcer', 'node-2')].every((s) => s === 'held'),
    );
    await lab.restart('dns-1');
    await lab.restart('announcer/node-2');
    await whole();
    const verbs = (await lab.timeline()).flatMap((e) => e.attrs.fault ?? []);
    expect(verbs).toEqual(expect.arrayContaining(['pause', 'resume', 'stop', 'kill', 'restart']));
  });

  it('is an ordinary container: no privilege, no mount, nothing of the engine inside', () => {
    const [inspected] = JSON.parse(execFileSync('docker', ['inspect', lab.getId()], { encoding: 'utf8' }));
    expect(inspected.HostConfig).toMatchObject({ Privileged: false, NetworkMode: 'bridge' });
    expect(inspected.HostConfig.CapAdd.map((c: string) => c.replace('CAP_', '')).sort()).toEqual([
      'NET_ADMIN',
      'NET_RAW',
      'SYS_ADMIN',
    ]);
    expect(inspected.Mounts).toEqual([]);
  });

  it('has the command inside', () => {
    expect(execFor(lab, ['svclab', 'status']).stdout).toMatch(/^Lab lab \(netns, fast\)/);
    expect(execFor(lab, ['svclab', 'client', '--', 'curl', '-s', 'http://172.30.0.200/hostname']).stdout).toMatch(
      /^web-/,
    );
    expect(execFor(lab, ['sh', '-c', 'test -e /run/svclab/healthy && cat $(svclab kubeconfig)']).stdout).toContain(
      'https://127.0.0.1:6443',
    );
  });

  it('is an HTTP proxy into the lab for programs of any kind', () => {
    const { url, token } = lab.endpoint();
    const proxy = url.replace('http://', `http://lab:${token}@`);
    const ask = (...args: string[]) =>
      execFileSync('curl', ['-s', '-m', '10', '-x', proxy, ...args, 'http://web.default:80/hostname'], {
        encoding: 'utf8',
      });
    expect(ask()).toMatch(/^web-/);
    expect(ask('--proxytunnel')).toMatch(/^web-/);
    expect(execFileSync('curl', ['-s', `${url}/v1/status`], { encoding: 'utf8' })).toMatch(/token is missing or wrong/);
    expect(execFileSync('curl', ['-s', `${url}/healthz`], { encoding: 'utf8' })).toBe('ok\n');
  });
});

describe('ServiceLab by itself', () => {
  /** Containers of the image that Testcontainers made. */
  const labs = (): string =>
    execFileSync(
      'docker',
      ['ps', '-aq', '--filter', 'label=org.testcontainers=true', '--filter', `ancestor=${testImage()}`],
      { encoding: 'utf8' },
    );

  it('goes with its scope', async () => {
    const image = testImage();
    let id: string;
    let file: string;
    {
      // #region using
      await using lab = await new ServiceLab(image).withNodes(1).withProfile('fast').start();
      // #endregion
      id = lab.getId();
      file = lab.kubeconfigFile();
      expect(existsSync(file)).toBe(true);
      expect((await lab.status()).hosts.filter((h) => h.role === 'node')).toHaveLength(1);
    }
    expect(existsSync(file)).toBe(false);
    expect(execFileSync('docker', ['ps', '-aq', '--no-trunc'], { encoding: 'utf8' })).not.toContain(id);
  });

  it.each([
    ['a knob that is not known', (lab: ServiceLab) => lab.withKnob('no.such', '1s'), /no\.such/],
    ['too many nodes', (lab: ServiceLab) => lab.withNodes(91), /Number of nodes 91/],
    [
      'too few rights',
      (lab: ServiceLab) => lab.withUser('1000:0'),
      /lacks NET_BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_ADMIN/,
    ],
  ])('says why it does not start: %s', async (_, set, message) => {
    const before = labs();
    await expect(set(new ServiceLab(testImage())).start()).rejects.toThrow(message);
    expect(labs()).toBe(before);
  });

  it.each([
    ['the image', {}, /MESSAGE Image localhost:1\/none:1 is not here and cannot be pulled: build it/],
    [
      "the cleaner's image",
      { TESTCONTAINERS_RYUK_DISABLED: 'false', RYUK_CONTAINER_IMAGE: 'localhost:1/ryuk:1' },
      /MESSAGE Testcontainers' cleaner .* TESTCONTAINERS_RYUK_DISABLED=true/,
    ],
  ])('says when %s cannot be had', (_, env, message) => {
    const code = `
      import { ServiceLab } from 'svclab/testcontainers';
      await new ServiceLab('localhost:1/none:1').start().catch((error) => console.log('MESSAGE', error.message));
    `;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    });
    expect(said).toMatch(message);
  });

  it('says when a manifest is refused, and leaves nothing running', async () => {
    const bad = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'Web' }, spec: { ports: [{ port: 0 }] } };
    const before = labs();
    await expect(new ServiceLab(testImage()).withNodes(1).withManifests(bad).start()).rejects.toThrow(
      /"Web" is invalid/,
    );
    expect(labs()).toBe(before);
    expect(() => new ServiceLab('any').withManifests('no/such/file.yaml')).toThrow(/is not there/);
  });
});

/** Runs a program in the lab's container. */
function execFor(lab: StartedServiceLab, command: readonly string[]): { stdout: string } {
  try {
    return { stdout: execFileSync('docker', ['exec', lab.getId(), ...command], { encoding: 'utf8' }) };
  } catch (error) {
    return { stdout: String((error as { stdout?: string }).stdout ?? '') };
  }
}
