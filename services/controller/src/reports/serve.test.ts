import { type KubeEvent, type Node, type Pod, type PodStatus, RESOURCES, SUBJECTS } from '@svclab/core';
import { fakeClock, memoryStore } from '@svclab/testkit';
import { AnnouncerReport, NodeReport, ReportReply } from '@svclab/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from '../../test/cluster.ts';

let cluster: Cluster;

beforeEach(async () => {
  const clock = fakeClock();
  cluster = new Cluster({ ...memoryStore({ clock }), clock });
  await cluster.start();
});
afterEach(() => cluster.close());

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const node = (name: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  spec: { podCIDR: '10.244.1.0/24' },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
});
const send = async (name: string, report: Partial<NodeReport>): Promise<string> => {
  const payload = NodeReport.encode({ node: name, nodeJson: Buffer.alloc(0), pods: [], eventsJson: [], ...report });
  return ReportReply.decode(await cluster.bus.request(SUBJECTS.report(name), payload.finish())).error;
};
const status: PodStatus = { phase: 'Running', podIP: '10.244.1.2', conditions: [{ type: 'Ready', status: 'True' }] };
const podReport = (pod: Pod, more: Partial<NodeReport['pods'][number]> = {}): NodeReport['pods'][number] => ({
  namespace: 'default',
  name: pod.metadata.name,
  uid: pod.metadata.uid ?? '',
  statusJson: json(status),
  finished: false,
  ...more,
});

/** A pod that runs on node-1. */
async function runningPod(): Promise<Pod> {
  await send('node-1', { nodeJson: json(node('node-1')) });
  await cluster.registry.create<Pod>(RESOURCES.pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'nginx' }] },
  });
  await cluster.until('bound', () => cluster.pods()[0]?.spec.nodeName === 'node-1');
  return cluster.pods()[0] as Pod;
}

describe('a node report', () => {
  it('registers the node and, repeated, writes nothing', async () => {
    expect(await send('node-1', { nodeJson: json(node('node-1')) })).toBe('');
    expect(cluster.isReady('node-1')).toBe(true);
    await cluster.pass(50);
    const revision = cluster.registry.get(RESOURCES.nodes, '', 'node-1')?.metadata.resourceVersion;
    expect(await send('node-1', { nodeJson: json(node('node-1')) })).toBe('');
    expect(cluster.registry.get(RESOURCES.nodes, '', 'node-1')?.metadata.resourceVersion).toBe(revision);
  });

  it.each([
    ['of another life of the pod', 'node-1', { uid: 'other' }],
    ['of a pod that is not there', 'node-1', { name: 'gone' }],
    ['from a node that does not run the pod', 'node-2', {}],
    ['that ends another life of the pod', 'node-1', { uid: 'other', finished: true }],
  ])('%s changes nothing', async (_name, from, more) => {
    const pod = await runningPod();
    const before = cluster.pods();
    expect(await send(from, { pods: [podReport(pod, more)] })).toBe('');
    expect(cluster.pods()).toEqual(before);
  });

  it('writes a status, and removes a pod that has finished', async () => {
    const pod = await runningPod();
    await send('node-1', { pods: [podReport(pod)] });
    expect(cluster.pods()[0]?.status).toMatchObject({ phase: 'Running', podIP: '10.244.1.2', qosClass: 'BestEffort' });
    await cluster.registry.delete(RESOURCES.pods, 'default', 'web');
    expect(cluster.pods()[0]?.metadata.deletionTimestamp).toBeDefined();
    await send('node-1', { pods: [podReport(pod, { finished: true })] });
    expect(cluster.pods()).toEqual([]);
  });

  it('that cannot be read is answered with what is wrong', async () => {
    expect(await send('node-1', { nodeJson: Buffer.from('{') })).toContain('JSON');
  });

  it('that the API refuses in part is answered with its words, and the rest is taken', async () => {
    const pod = await runningPod();
    const bad = { ...node('node-1'), metadata: { name: 'node-1', labels: { 'a b': 'c' } } };
    const error = await send('node-1', { nodeJson: json(bad), pods: [podReport(pod)] });
    expect(error).toContain('Node "node-1" is invalid');
    expect(cluster.pods()[0]?.status?.podIP).toBe('10.244.1.2');
  });

  it('has its events counted once, however often it comes', async () => {
    const pod = await runningPod();
    const event: KubeEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'default' },
      involvedObject: { kind: 'Pod', namespace: 'default', name: 'web', uid: pod.metadata.uid ?? '' },
      reason: 'Started',
      message: 'Started container c',
      type: 'Normal',
      count: 2,
    };
    for (let i = 0; i < 2; i += 1) {
      await send('node-1', { eventsJson: [json(event)] });
      await cluster.pass(20);
    }
    expect(cluster.registry.get<KubeEvent>(RESOURCES.events, 'default', 'web.1')?.count).toBe(2);
  });
});

describe('an announcer report', () => {
  const announce = (name: string, vips: readonly string[], events: readonly unknown[] = []): Promise<Uint8Array> =>
    cluster.bus.request(
      SUBJECTS.announcerReport(name),
      AnnouncerReport.encode({
        node: name,
        announced: vips.map((vip) => ({ vip, namespace: 'default', service: 'web', interfaces: ['lan0'] })),
        eventsJson: events.map(json),
      }).finish(),
    );

  it('is forgotten with its node', async () => {
    for (const name of ['node-1', 'node-2']) {
      await send(name, { nodeJson: json(node(name)) });
      await announce(name, ['172.30.0.200']);
    }
    await cluster.registry.delete(RESOURCES.nodes, '', 'node-1');
    expect(cluster.owners?.list().map((o) => o.node)).toEqual(['node-2']);
  });

  it('replaces what its node announced before, and records events on Services', async () => {
    const involvedObject = { kind: 'Service', namespace: 'default', name: 'web', uid: 's' };
    const message = 'announcing from node "node-1" with protocol "layer2"';
    const event = { involvedObject, reason: 'nodeAssigned', message, source: { component: 'metallb-speaker' } };
    await announce('node-1', ['172.30.0.200', '172.30.0.201'], [event]);
    await announce('node-2', ['172.30.0.200']);
    await announce('node-1', ['172.30.0.201'], [event]);
    await cluster.pass(20);
    expect(cluster.owners?.list().map((o) => `${o.vip} ${o.node}`)).toEqual([
      '172.30.0.201 node-1',
      '172.30.0.200 node-2',
    ]);
    const stored = cluster.registry.list<KubeEvent>(RESOURCES.events).filter((e) => e.reason === 'nodeAssigned');
    expect(stored).toMatchObject([{ message, count: 2, source: { component: 'metallb-speaker', host: 'node-1' } }]);
  });
});
