/** What the processes tell of themselves: right names, values that follow what happens, and nothing shown that is not told. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Exposition, seriesOf } from './exposition.ts';
import { Lab, until } from './lab.ts';

/** In Docker .1 is the bridge's. */
const SUPERVISOR = `http://172.30.1.${process.env.SVCLAB_TEST_DRIVER === 'docker' ? 10 : 1}:9106`;
const DASHBOARDS = new URL('../../compose/observe/grafana/dashboards/', import.meta.url);
const DOCUMENT = new URL('../../docs/observe.md', import.meta.url);
const COMPONENTS = ['controller', 'dns', 'l2-announcer', 'node-agent', 'pod-host', 'supervisor'];

interface Target {
  readonly targets: readonly string[];
  readonly labels: { readonly job: string; readonly instance: string };
}

/** Names that others chose, against the rules. Source: metallb/metallb `internal/layer2/stats.go`. */
const GIVEN = ['metallb_layer2_requests_received', 'metallb_layer2_responses_sent', 'metallb_layer2_gratuitous_sent'];

describe('metrics', () => {
  let lab: Lab;
  let ip = '';
  let targets: readonly Target[] = [];

  const get = async (url: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.cli('exec', 'node/node-1', '--', 'curl', '-sS', '-m', '10', url);
    if (code !== 0) throw new Error(`GET ${url}: ${stderr}`);
    return stdout;
  };
  const scrape = async (job: string, instance: string): Promise<Exposition> => {
    const target = targets.find(({ labels }) => labels.job === job && labels.instance === instance);
    if (!target) throw new Error(`There is no target ${job} on ${instance}`);
    return new Exposition(await get(`http://${target.targets[0]}/metrics`));
  };
  const supervisor = async (): Promise<Exposition> => new Exposition(await get(`${SUPERVISOR}/metrics`));
  /** One process of each component. */
  const everything = async (): Promise<Map<string, Exposition>> => {
    const some = await Promise.all(
      [...new Map(targets.map((t) => [t.labels.job, t])).values()].map(
        async ({ labels: { job, instance } }) => [job, await scrape(job, instance)] as const,
      ),
    );
    return new Map([...some, ['supervisor', await supervisor()]]);
  };

  beforeAll(async () => {
    lab = await Lab.up(['--metrics']);
    await lab.pool();
    ip = await lab.web('web', 3);
    targets = JSON.parse(await get(`${SUPERVISOR}/targets`)) as Target[];
  });
  afterAll(() => lab?.down());

  it('are served by every process, which the supervisor knows', async () => {
    const names = targets.map(({ labels: { job, instance } }) => `${job} ${instance}`);
    expect(names).toEqual([
      'controller controller-1',
      'dns dns-1',
      'dns dns-2',
      ...['node-1', 'node-2', 'node-3'].flatMap((node) => [
        `pod-host ${node}`,
        `l2-announcer ${node}`,
        `node-agent ${node}`,
      ]),
    ]);
    for (const { labels } of targets) {
      const told = await scrape(labels.job, labels.instance);
      expect(told.sum('svclab_build_info', { component: labels.job, host: labels.instance })).toBe(1);
      expect(told.sum('svclab_bus_connected')).toBe(1);
    }
  });

  it('of dns count each question', async () => {
    const question = { proto: 'udp', type: 'A' };
    const before = await scrape('dns', 'dns-1');
    await lab.ok('exec', 'node/node-1', '--', 'dig', '+short', '@172.30.0.2', 'web.default.svc.cluster.local');
    await lab.ok('exec', 'node/node-1', '--', 'dig', '+tcp', '@172.30.0.2', 'SRV', 'no.default.svc.cluster.local');
    const after = await scrape('dns', 'dns-1');
    const more = (name: string, labels: Record<string, string>): number =>
      after.sum(name, labels) - before.sum(name, labels);
    expect(more('coredns_dns_requests_total', question)).toBe(1);
    expect(more('coredns_dns_requests_total', { proto: 'tcp', type: 'SRV' })).toBe(1);
    expect(more('coredns_dns_responses_total', { rcode: 'NOERROR' })).toBe(1);
    expect(more('coredns_dns_responses_total', { rcode: 'NXDOMAIN' })).toBe(1);
    expect(more('coredns_dns_request_duration_seconds_count', {})).toBe(2);
    expect(after.sum('svclab_store_watch_age_seconds')).toBeLessThan(10);
  });

  it('of the controller count each request, and what is stored', async () => {
    const request = { verb: 'POST', resource: 'configmaps', code: '201', scope: 'namespace' };
    const before = await scrape('controller', 'controller-1');
    await lab.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'counted' }, data: { a: 'b' } });
    await lab.kube(['label', 'configmap', 'counted', 'a=b']);
    const after = await scrape('controller', 'controller-1');
    expect(after.sum('apiserver_request_total', request) - before.sum('apiserver_request_total', request)).toBe(1);
    expect(after.sum('apiserver_request_total', { verb: 'PATCH', resource: 'configmaps', code: '200' })).toBe(1);
    const objects = { resource: 'configmaps' };
    expect(after.sum('apiserver_storage_objects', objects) - before.sum('apiserver_storage_objects', objects)).toBe(1);
    expect(after.sum('svclab_service_endpoints', { namespace: 'default', service: 'web', condition: 'ready' })).toBe(3);
    expect(after.sum('kube_node_status_condition', { condition: 'Ready', status: 'true' })).toBe(3);
    expect(after.sum('leader_election_master_status')).toBe(1);
    expect(after.sum('workqueue_adds_total', { name: 'endpoints' })).toBeGreaterThan(0);
  });

  it('of the announcers name the one that owns the address, and count what it answers', async () => {
    const owner = await lab.owner('default/web');
    const vip = { ip };
    for (const node of ['node-1', 'node-2', 'node-3']) {
      const told = await scrape('l2-announcer', node);
      const labels = { service: 'default/web', protocol: 'layer2', node, ip };
      expect(told.sum('metallb_speaker_announced', labels)).toBe(node === owner ? 1 : 0);
      expect(told.sum('svclab_election_owner', { ip, owner })).toBe(1);
      expect(told.sum('svclab_memberlist_members')).toBe(3);
    }
    const before = await scrape('l2-announcer', owner);
    expect(before.sum('metallb_layer2_gratuitous_sent', vip)).toBeGreaterThan(0);
    expect((await lab.client('arping', '-c', '2', '-I', await lab.clientInterface(), ip)).code).toBe(0);
    const after = await scrape('l2-announcer', owner);
    for (const name of ['metallb_layer2_requests_received', 'metallb_layer2_responses_sent'])
      expect(after.sum(name, vip) - before.sum(name, vip)).toBeGreaterThanOrEqual(2);
  });

  it('of a node follow its pods and its rules', async () => {
    const before = await scrape('node-agent', 'node-1');
    await lab.kube(['scale', 'deploy/web', '--replicas=6']);
    await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
    const revision = Number(
      await lab.kube([
        'get',
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=web',
        '-o',
        'jsonpath={.items[0].metadata.resourceVersion}',
      ]),
    );
    let after = before;
    await until('the rules of node-1 contain the endpoints', async () => {
      after = await scrape('node-agent', 'node-1');
      return after.sum('svclab_proxy_programmed_revision') >= revision;
    });
    for (const name of [
      'kubeproxy_sync_proxy_rules_duration_seconds_count',
      'kubeproxy_sync_proxy_rules_endpoint_changes_total',
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
      'kubeproxy_network_programming_duration_seconds_count',
      'svclab_proxy_operations_total',
    ])
      expect(after.sum(name) - before.sum(name), name).toBeGreaterThan(0);
    const onNode = (
      await lab.kube(['get', 'pods', '-A', '--field-selector', 'spec.nodeName=node-1', '-o', 'name'])
    ).trim();
    const pods = onNode.split('\n').length;
    expect(after.sum('kubelet_running_pods')).toBe(pods);
    expect(after.sum('kubelet_running_containers', { container_state: 'running' })).toBe(pods);
    const host = await scrape('pod-host', 'node-1');
    expect(host.sum('svclab_pod_host_pods')).toBe(pods);
    expect(host.sum('svclab_pod_host_containers', { state: 'running' })).toBe(pods);
  });

  it('of the supervisor tell of faults and of what was started again', async () => {
    const agent = { component: 'node-agent', host: 'node-2' };
    const fault = { type: 'fault.effective' };
    const before = await supervisor();
    expect(before.sum('svclab_host_up')).toBe(8);
    await lab.ok('fault', 'kill', 'agent/node-2');
    let after = before;
    await until('the agent serves again', async () => {
      after = await supervisor();
      return after.sum('svclab_process_restarts_total', agent) === 1 && after.sum('svclab_process_ready', agent) === 1;
    });
    expect(after.sum('svclab_timeline_events_total', fault) - before.sum('svclab_timeline_events_total', fault)).toBe(
      1,
    );
    const anew = await scrape('node-agent', 'node-2');
    expect(anew.sum('process_start_time_seconds')).toBeGreaterThan(before.sum('process_start_time_seconds'));
  });

  it('have names after the rules: base units, _total for counters alone, a help', async () => {
    const wrong = [...(await everything()).values()].flatMap((told) =>
      [...told.families].flatMap(([name, { type, help }]) => {
        if (GIVEN.includes(name)) return [];
        return [
          ...(/^[a-z][a-z0-9_]*$/.test(name) ? [] : [`${name} is not in snake case`]),
          ...((type === 'counter') === name.endsWith('_total') ? [] : [`${name} is a ${type}`]),
          ...(/_(milliseconds|microseconds|ms|us|ns|minutes|kilobytes|kib|mb|percent|info_total)(_|$)/.test(name)
            ? [`${name} has no base unit`]
            : []),
          ...(type === 'histogram' && !/_(seconds|bytes)$/.test(name) ? [`${name} has no unit`] : []),
          ...(help === '' ? [`${name} has no help`] : []),
        ];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('are those the documentation names', async () => {
    const rows = [
      ...readFileSync(DOCUMENT, 'utf8').matchAll(
        /^\| `([a-z]\w+)` \| (gauge|counter|histogram) \| ([^|]+) \|[^|]*\| (.*) \|$/gm,
      ),
    ];
    const documented = rows.map(([, name, type, by, help]) => `${name} ${type}: ${by}: ${help}`);
    const told = await everything();
    const names = [...new Set([...told.values()].flatMap((t) => [...t.families.keys()]))];
    const real = names.map((name) => {
      const by = COMPONENTS.filter((component) => told.get(component)?.families.has(name));
      const family = told.get(by[0] ?? '')?.families.get(name);
      return `${name} ${family?.type}: ${by.length === COMPONENTS.length ? 'all' : by.join(', ')}: ${family?.help}`;
    });
    expect(documented.sort()).toEqual(real.sort());
  });

  it('are all that the dashboards show', async () => {
    const told = new Set(['up']);
    for (const { families } of (await everything()).values())
      for (const [name, { type }] of families)
        for (const suffix of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) told.add(name + suffix);
    const shown = readdirSync(DASHBOARDS).flatMap((file) => {
      const { panels } = JSON.parse(readFileSync(new URL(file, DASHBOARDS), 'utf8')) as {
        panels: { targets: { expr: string }[] }[];
      };
      return panels.flatMap((panel) => panel.targets.flatMap((target) => seriesOf(target.expr)));
    });
    expect(shown.length).toBeGreaterThan(50);
    expect(shown.filter((name) => !told.has(name))).toEqual([]);
  });
});

// In Docker metrics are always on: there is no such lab.
describe.skipIf(process.env.SVCLAB_TEST_DRIVER === 'docker')('a lab without metrics', () => {
  it('listens on none of their ports', async () => {
    const lab = await Lab.up(['--nodes', '1']);
    try {
      const listening = await lab.ok('exec', 'node/node-1', '--', 'ss', '-Hltn');
      expect(listening).toContain(':7701');
      expect(listening).not.toMatch(/:910\d\b/);
    } finally {
      await lab.down();
    }
  });
});
