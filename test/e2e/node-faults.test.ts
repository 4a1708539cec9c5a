/** Planned and sudden loss of a whole node: drain and reboot. */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { faultEvents, faultsOf, gone, heal, makeFault } from './faults.ts';
import { Lab, until } from './lab.ts';

let lab: Lab;
let ip: string;
let owner: string;

/** Nodes of the pods of `web` that are not being deleted. */
async function placement(): Promise<readonly string[]> {
  const text = await lab.kube([
    ...['get', 'pods', '-l', 'app=web', '-o'],
    'jsonpath={range .items[*]}{.spec.nodeName} {.metadata.deletionTimestamp}{"\\n"}{end}',
  ]);
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([node = '', deleted = '']) => (deleted === '' ? [node] : []));
}

/** STATUS of `kubectl get node`. */
const statusOf = async (node: string): Promise<string> =>
  (await lab.kube(['get', 'node', node, '--no-headers'])).split(/\s+/)[1] ?? '';

/** Has pods on every node again. */
async function spread(): Promise<void> {
  await lab.kube(['scale', 'deploy/web', '--replicas=1']);
  await until('one pod is left', async () => (await placement()).length === 1);
  await lab.kube(['scale', 'deploy/web', '--replicas=6']);
  await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
  expect(new Set(await placement()).size).toBe(3);
}

beforeAll(async () => {
  lab = await Lab.up();
  await lab.pool();
  ip = await lab.web('web', 6);
  owner = await lab.owner('default/web');
});
afterAll(() => lab?.down());
afterEach(() => heal(lab));

describe('drain', () => {
  let watch: ChildProcess | undefined;
  afterEach(() => {
    watch?.kill('SIGKILL');
  });

  it.each(['a node that does not own the address', 'the owner'] as const)('of %s loses no request', async (which) => {
    await spread();
    const node = which === 'the owner' ? owner : (await lab.nodes()).find((n) => n !== owner);
    if (node === undefined) throw new Error('There is no other node');
    let seen = '';
    watch = spawn('kubectl', ['get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-w', '-o', 'yaml'], {
      env: { ...process.env, KUBECONFIG: (await lab.ok('kubeconfig')).trim() },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    watch.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await until('the slices are watched', async () => seen.includes('nodeName'));
    const { report } = await lab.probeWhile(`http://${ip}/`, async () => {
      const made = await makeFault(lab, 'drain', `node/${node}`);
      expect(made.resolved).toBe(`node/${node}`);
      expect(await placement()).not.toContain(node);
      await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
    });
    process.stdout.write(
      `drain of ${which}: ${report.sent} requests, ${report.new.lost} of ${report.new.sent} lost on new connections, ${report.reused.lost} of ${report.reused.sent} on kept ones\n`,
    );
    expect(report.new.sent).toBeGreaterThan(100);
    expect(report.new.outcomes).toEqual({ ok: report.new.sent });
    expect(report.new.lost).toBe(0);
    // Endpoints were terminating, and served, before they went.
    expect(seen).toMatch(/ready: false\n\s+serving: true\n\s+terminating: true/);
    expect(await statusOf(node)).toBe('Ready,SchedulingDisabled');
    // Nobody looks at cordons.
    expect(await lab.owner('default/web')).toBe(owner);
    await heal(lab);
    expect(await statusOf(node)).toBe('Ready');
    const events = await faultEvents(lab);
    expect(events.slice(-2)).toMatchObject([
      { type: 'fault.effective', attrs: { fault: 'drain', target: `node/${node}` } },
      { type: 'fault.healed', attrs: { fault: 'drain', target: `node/${node}` } },
    ]);
  });

  it('uncordons after its duration, and is refused for pods that would not come back and for a node that is cordoned', async () => {
    const node = (await lab.nodes()).find((n) => n !== owner) ?? '';
    const container = { name: 'main', image: 'pause' };
    await lab.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'orphan' },
      spec: { nodeName: node, containers: [container] },
    });
    await lab.kube(['wait', '--for=condition=Ready', 'pod/orphan', '--timeout=60s']);
    const refused = await lab.cli('fault', 'drain', `node/${node}`);
    expect(refused.stderr).toMatch(/no controller would make again: default\/orphan. Give --force/);
    expect([refused.code, await statusOf(node)]).toEqual([2, 'Ready']);
    const { id } = await makeFault(lab, 'drain', `node/${node}`, '--force', '--grace', '1s', '--duration', '8s');
    expect((await lab.kubectl(['get', 'pod', 'orphan'])).code).toBe(1);
    await gone(lab, id);
    expect(await statusOf(node)).toBe('Ready');
    await lab.kube(['cordon', node]);
    expect((await lab.cli('fault', 'drain', `node/${node}`)).stderr).toMatch(/is cordoned already/);
    await lab.kube(['uncordon', node]);
  });
});

describe('reboot', () => {
  it('powers a node off, and on again when its time is over', async () => {
    await spread();
    const node = (await lab.nodes()).find((n) => n !== owner) ?? '';
    const states = async (): Promise<string[]> => {
      const { processes } = JSON.parse(await lab.ok('status', '-o', 'json')) as {
        processes: { host: string; state: string }[];
      };
      return processes.filter((p) => p.host === node).map((p) => p.state);
    };
    const off = await makeFault(lab, 'reboot', `node/${node}`, '--duration', '1h');
    expect(off.resolved).toBe(`node/${node}`);
    expect(await states()).toEqual(['held', 'held', 'held']);
    expect((await lab.cli('fault', 'reboot', `node/${node}`)).stderr).toMatch(/is off: bring it back/);
    await until('the node is not ready', async () => (await statusOf(node)).startsWith('NotReady'));
    await heal(lab, off.id ?? '');
    await until('its processes are ready', async () => (await states()).every((s) => s === 'ready'));
    await until('the node is ready', async () => (await statusOf(node)) === 'Ready');
    await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
    expect((await lab.client('curl', '-s', '-m', '5', `http://${ip}/hostname`)).stdout).toMatch(/^web-/);
    const { id } = await makeFault(lab, 'reboot', `node/${node}`, '--duration', '2s');
    await gone(lab, id);
    await until('its processes are ready', async () => (await states()).every((s) => s === 'ready'));
    const [lost, back] = await faultEvents(lab, id);
    expect(Number(BigInt(back?.at_ns ?? 0) - BigInt(lost?.at_ns ?? 0)) / 1e6).toBeGreaterThanOrEqual(2000);
    expect(await faultsOf(lab)).toEqual([]);
  });
});
