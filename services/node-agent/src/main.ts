import { join } from 'node:path';
import { type Node, nodeObject, PORTS, PodAddresses, RESOURCES, SUBJECTS } from '@svclab/core';
import { openCache, type ProcessContext, runProcess, serveGrpc } from '@svclab/runtime';
import { NodeAgentServiceDefinition, NodeHeartbeat, Programmed } from '@svclab/wire';
import { PodNetworking } from './cni/network.ts';
import { nodeSettings } from './config.ts';
import { spawnHere } from './exec.ts';
import { nodeAgentService } from './grpc-service.ts';
import { kubeletMetrics, ProxyMetrics } from './metrics.ts';
import { readFacts } from './node/facts.ts';
import { ProgrammedRevisions } from './node/programmed.ts';
import { followPods, podHostClient } from './pods/pod-host-link.ts';
import { PodManager } from './pods/pod-manager.ts';
import { Conntrack } from './proxy/conntrack.ts';
import { Nft } from './proxy/nft.ts';
import { Proxier, type SyncReport } from './proxy/proxier.ts';
import { EventRecorder } from './report/events.ts';
import { Reporter } from './report/reporter.ts';

/** What the agent follows in the store. */
const WATCHED = [
  RESOURCES.nodes,
  RESOURCES.pods,
  RESOURCES.services,
  RESOURCES.endpointslices,
  RESOURCES.configmaps,
  RESOURCES.secrets,
];

await runProcess('node-agent', async (context) => {
  const { config, bus, clock, log, metrics, signal, timeline, onStop } = context;
  const settings = nodeSettings(config);
  const { knobs } = config.lab;
  const instance = Math.floor(context.random.next() * 2 ** 32).toString(16);
  // Before anything that takes time: a node whose agent restarts must not be taken for dead.
  let programmedRevision = (): number => 0;
  const heartbeat = (): void =>
    bus.publish(
      SUBJECTS.heartbeat(settings.name),
      NodeHeartbeat.encode({
        node: settings.name,
        atNs: clock.nowNs(),
        programmedRevision: BigInt(programmedRevision()),
        instance,
      }).finish(),
    );
  heartbeat();
  onStop(clock.every(knobs['node.heartbeatInterval'], heartbeat));
  const cache = await openCache(bus, {
    resources: WATCHED,
    log,
    clock,
    metrics,
    epochFile: join(config.runDir, 'node-agent.epoch'),
  });
  onStop(() => cache.close());

  const nft = new Nft();
  const network = new PodNetworking({
    cache,
    settings,
    lab: config.lab,
    nft,
    clock,
    log,
    spawn: spawnHere,
    inNode: (fn) => fn(),
  });
  await network.start();
  onStop(() => network.stop());

  const programmed = new ProgrammedRevisions(() => pods.reconsider());
  const recorder = new EventRecorder(settings.name, instance);
  const podHost = podHostClient(join(config.runDir, 'pod-host.sock'), config.token);
  onStop(() => podHost.close());
  const pods: PodManager = new PodManager({
    cache,
    settings,
    lab: config.lab,
    podHost,
    addresses: new PodAddresses(settings.podCIDR),
    mtu: () => network.podMtu,
    clock,
    log,
    backoff: { baseMs: knobs['pods.restartBackoffBase'], maxMs: knobs['pods.restartBackoffMax'] },
    programmed: programmed.revisions,
    stamp: (type, pod, cause) => void timeline.stamp(type, { cause, attrs: { pod } }),
    event: (pod, text) => reporter.event(recorder.record(pod, text, clock.wall())),
    onChange: () => reporter.kick(),
  });
  const facts = readFacts(settings);
  const reporter: Reporter = new Reporter({
    node: settings.name,
    bus,
    clock,
    log,
    nodeWanted() {
      const stored = cache.get<Node>({ ...RESOURCES.nodes, namespace: '', name: settings.name });
      return { wanted: nodeObject({ ...facts, nowMs: clock.wall() }, stored), stored };
    },
    pods: () => pods.reports(),
  });
  onStop(() => reporter.stop());

  const proxyMetrics = new ProxyMetrics(metrics, { cache, clock });
  const proxier: Proxier = new Proxier({
    cache,
    node: settings.proxy,
    nft,
    conntrack: new Conntrack(log),
    clock,
    log,
    minSyncPeriodMs: knobs['proxy.minSyncPeriod'],
    syncPeriodMs: knobs['proxy.syncPeriod'],
    onFailure: () => proxyMetrics.failed(),
    onSync(report) {
      proxyMetrics.synced(report);
      announce(context, report);
      programmed.note(settings.name, report.revision);
    },
  });
  proxyMetrics.follow(proxier);
  kubeletMetrics(metrics, settings.name, pods);
  programmed.start(bus);
  onStop(
    cache.subscribe(({ type, key }) => {
      if (type === 'DELETED' && key.resource === RESOURCES.nodes.resource) programmed.forget(key.name);
    }),
  );
  onStop(() => programmed.stop());
  programmedRevision = () => proxier.programmedRevision;
  proxier.start();
  onStop(() => proxier.stop());
  pods.start();
  onStop(() => pods.stop());
  void followPods(podHost, pods, { clock, log, signal });
  reporter.kick();

  const server = await serveGrpc({ listen: `${settings.controlIP}:${PORTS.nodeAgent}`, token: config.token, log }, [
    [
      NodeAgentServiceDefinition,
      nodeAgentService({ node: settings.name, clock, podHost, pods, proxier, storeRevision: () => cache.revision }),
    ],
  ]);
  onStop(() => server.close());
  await proxier.firstSync;
  await network.firstSync;
  context.ready();
});

/** Tells everybody what the rules now contain. */
function announce({ bus, clock, config, timeline, log }: ProcessContext, report: SyncReport): void {
  const node = config.host.name;
  const payload = Programmed.encode({ node, revision: BigInt(report.revision), atNs: clock.nowNs() }).finish();
  bus.publish(SUBJECTS.programmed(node), payload);
  const { revision, services, operations, tookUs } = report;
  timeline.stamp('rules.programmed', {
    attrs: {
      revision: String(revision),
      services: String(services),
      operations: String(operations),
      took_us: String(tookUs),
    },
  });
  log.debug({ event: 'rules-programmed', rev: revision, services, operations, took_us: tookUs });
}
