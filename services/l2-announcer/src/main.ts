/** The layer 2 announcer of a node: who is there, who owns each external address, and ARP for those that are ours. */
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import {
  type Cache,
  type LabConfig,
  type Membership,
  type MembershipEvent,
  type MembershipSettings,
  type Node,
  PORTS,
  RESOURCES,
  type TimelineType,
} from '@svclab/core';
import { openCache, type ProcessContext, runProcess, serveGrpc } from '@svclab/runtime';
import { AnnouncerServiceDefinition } from '@svclab/wire';
import { ANNOUNCER_RESOURCES, Announcer } from './announcer.ts';
import { Gossip, type GossipOptions } from './gossip.ts';
import { Joiner, peersOf } from './join.ts';
import { Lan } from './lan.ts';
import { Links } from './links.ts';
import { announcerMetrics, memberMetrics } from './metrics.ts';
import { Reporter } from './report.ts';
import { Responder } from './responder.ts';

/** Interfaces are looked at again this often, ms (MetalLB). */
const RESCAN_MS = 10_000;
/** Between attempts to open a socket on an address that has just gone, ms. */
const LAN_RETRY_MS = 100;
/** How long an announcer waits for its node's rules before it does without, ms. */
const DATA_PATH_MS = 5000;

await runProcess('l2-announcer', async (context) => {
  const { bus, clock, config, log, metrics } = context;
  raisePriority();
  const { links, responder } = openLinks(context);
  const lan = followLan(context, links);
  const cache = await openCache(bus, {
    resources: [...ANNOUNCER_RESOURCES],
    log,
    clock,
    metrics,
    epochFile: join(config.runDir, 'l2-announcer.epoch'),
  });
  context.onStop(() => cache.close());

  let member: Membership | undefined;
  // Before the announcer follows the store: it asks for the members about the change it is told of.
  const removed = removedNodes(cache);
  // A Node that was deleted is no candidate, whatever the gossip says: MetalLB selects among the Nodes there are.
  const members = (): string[] => (member?.present() ?? []).filter((name) => !removed.has(name));
  const announcer = startAnnouncer(context, { cache, responder, members });
  await serveState(context, { announcer, responder, membership: () => member });
  announcerMetrics(metrics, { node: config.host.name, announcer, responder });
  const countMember = memberMetrics(metrics, () => member);
  await lan.watch.whenPresent();
  await dataPathReady(context);

  // After everything that takes time: a member that is busy does not answer, and is taken for dead.
  let joiner: Joiner | undefined;
  const gossip = await openGossip(context, lan.watch, (event) => {
    countMember(event);
    if (event.type === 'joined' || event.type === 'dead' || event.type === 'left')
      announcer.resync(`member ${event.name} ${event.type}`);
    if (event.type === 'joined') joiner?.joined();
  });
  member = gossip.membership;
  // Runs before all that was registered above: the peers take over while this node still answers, then it falls silent. A round of a
  // burst sent after theirs would take the address back.
  context.onStop(async () => {
    await gossip.leave();
    announcer.disable('stopping');
    responder.close();
  });
  joiner = new Joiner({
    gossip,
    clock,
    probeInterval: config.lab.knobs['membership.probeInterval'],
    peers: () => peersOf(config, cache.list<Node>(RESOURCES.nodes), removed),
  });
  const joining = joiner;
  context.onStop(clock.every(config.lab.knobs['membership.rejoinInterval'], () => joining.joinMissing()));
  context.onStop(clock.every(RESCAN_MS, () => links.rescan()));
  await joiner.start();
  if (lan.watch.present) announcer.enable('start');
  lan.use(announcer, joiner, context.signal);
  context.ready();
});

/**
 * Follows the LAN interface. Without one this node elects nothing, and with it again not before its peers have told what has become of
 * them: alone it would believe that it owns everything, and come back with it.
 */
function followLan(
  { clock, config, log, onStop }: ProcessContext,
  links: Links,
): { watch: Lan; use: (announcer: Announcer, joiner: Joiner, signal: AbortSignal) => void } {
  let lost = (): void => {};
  let returned = (): void => {};
  const watch = new Lan({
    address: config.host.lanIP ?? '',
    clock,
    log,
    onChange: () => links.rescan(),
    onLost: () => lost(),
    onReturn: () => returned(),
  });
  onStop(() => watch.close());
  const use = (announcer: Announcer, joiner: Joiner, signal: AbortSignal): void => {
    let times = 0;
    lost = () => {
      times += 1;
      announcer.disable('LAN interface gone');
    };
    returned = () => {
      times += 1;
      const time = times;
      void joiner.rejoin().then(() => {
        if (time === times && !signal.aborted) announcer.enable('LAN interface back');
      });
    };
  };
  return { watch, use };
}

/** Opens the interfaces and what answers and announces on them. */
function openLinks(context: ProcessContext): { links: Links; responder: Responder } {
  const { clock, config, log, timeline } = context;
  const links: Links = new Links({
    controlCIDR: config.lab.controlCIDR,
    log,
    onFrame: (frame, link) => responder.receive(frame, link),
  });
  const responder = new Responder({
    links: (names) => links.list(names),
    interval: config.lab.knobs['announcer.garpInterval'],
    duration: config.lab.knobs['announcer.garpDuration'],
    clock,
    log,
    onRound: (r) =>
      timeline.stamp('vip.announced', {
        atNs: r.atNs,
        attrs: { vip: r.vip, round: String(r.round), interface: r.interfaces.join(',') },
      }),
    onAnswer: (answer) => timeline.stamp('vip.answered', { attrs: { ...answer } }),
  });
  links.rescan();
  context.onStop(() => links.close());
  return { links, responder };
}

/** The announcer that follows the cache and reports to the controller. It elects nothing before it is enabled. */
function startAnnouncer(
  context: ProcessContext,
  parts: { cache: Cache; responder: Responder; members: () => readonly string[] },
): Announcer {
  const { bus, clock, config, log, timeline } = context;
  const node = config.host.name;
  let reporter: Reporter | undefined;
  const announcer = new Announcer({
    self: node,
    clock,
    ...parts,
    stamp: (type: TimelineType, options) => timeline.stamp(type, options),
    onChange: (gained, failed) => reporter?.changed(gained, failed),
  });
  reporter = new Reporter({ node, bus, clock, log, announced: () => announcer.announced() });
  context.onStop(() => reporter.close());
  parts.cache.subscribe((event) => announcer.apply(event));
  return announcer;
}

/** Serves `AnnouncerService` on the control network. */
async function serveState(
  { config, log, onStop }: ProcessContext,
  parts: { announcer: Announcer; responder: Responder; membership: () => Membership | undefined },
): Promise<void> {
  const { announcer, membership, responder } = parts;
  const getState = async () => ({
    node: config.host.name,
    members: (membership()?.members() ?? []).map(({ name, address, state, incarnation }) => ({
      name,
      address,
      state,
      incarnation,
    })),
    vips: announcer.states(),
    arpRequestsReceived: BigInt(responder.total('requests')),
    arpRepliesSent: BigInt(responder.total('replies')),
    gratuitousSent: BigInt(responder.total('gratuitous')),
    healthScore: membership()?.health ?? 0,
  });
  const listen = `${config.host.controlIP}:${PORTS.announcer}`;
  const grpc = await serveGrpc({ listen, token: config.token, log }, [[AnnouncerServiceDefinition, { getState }]]);
  onStop(() => grpc.close());
}

/** Becomes reachable for the peers. `onEvent` runs first, then the event is put on record. */
async function openGossip(
  context: ProcessContext,
  lan: Lan,
  onEvent: (event: MembershipEvent) => void,
): Promise<Gossip> {
  const { clock, config, log, random } = context;
  const options: GossipOptions = {
    name: config.host.name,
    address: config.host.lanIP ?? '',
    port: PORTS.gossip,
    token: config.token,
    settings: membershipSettings(config.lab),
    clock,
    random,
    log,
    onEvent: (event) => {
      const at = clock.nowNs();
      onEvent(event);
      stampMember(context, event, at);
    },
  };
  for (;;) {
    await lan.whenPresent();
    try {
      const gossip = await Gossip.open(options);
      context.onStop(() => gossip.close());
      return gossip;
    } catch (err) {
      // The address has gone since, and it is not known yet.
      if ((err as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw err;
      await new Promise<void>((resolve) => clock.after(LAN_RETRY_MS, resolve));
    }
  }
}

/**
 * Resolves when this node's agent has put the Service rules into the kernel, or after a while without one. A node that is a member before
 * that is elected and drops what it attracts: MetalLB was bitten by it (its issue 1710) and looks at NetworkUnavailable since.
 */
function dataPathReady(context: ProcessContext): Promise<void> {
  const { clock, config, log } = context;
  const file = join(config.runDir, 'node-agent.ready');
  const until = clock.now() + DATA_PATH_MS;
  return new Promise((resolve) => {
    const look = (): void => {
      if (existsSync(file)) resolve();
      else if (clock.now() >= until) {
        log.warn({ event: 'no-node-agent', reason: `no ${file} after ${DATA_PATH_MS} ms` });
        resolve();
      } else clock.after(10, look);
    };
    look();
  });
}

/** An announcer that waits for a CPU looks dead to its peers. Best effort: only root may. */
function raisePriority(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Runs like everything else then.
  }
}

function membershipSettings(lab: LabConfig): MembershipSettings {
  const k = lab.knobs;
  return {
    probeInterval: k['membership.probeInterval'],
    probeTimeout: k['membership.probeTimeout'],
    indirectChecks: k['membership.indirectChecks'],
    suspicionMult: k['membership.suspicionMult'],
    suspicionMaxTimeoutMult: k['membership.suspicionMaxTimeoutMult'],
    retransmitMult: k['membership.retransmitMult'],
    gossipInterval: k['membership.gossipInterval'],
    gossipNodes: k['membership.gossipNodes'],
    gossipToTheDeadTime: k['membership.gossipToTheDeadTime'],
    pushPullInterval: k['membership.pushPullInterval'],
    awarenessMaxMultiplier: k['membership.awarenessMaxMultiplier'],
  };
}

/** Names of the nodes that were deleted since this announcer started; kept up to date. */
function removedNodes(cache: Cache): ReadonlySet<string> {
  const removed = new Set<string>();
  cache.subscribe(({ type, key }) => {
    if (key.resource !== RESOURCES.nodes.resource) return;
    if (type === 'DELETED') removed.add(key.name);
    else removed.delete(key.name);
  });
  return removed;
}

function stampMember(context: ProcessContext, event: MembershipEvent, atNs: bigint): void {
  const { clock, timeline } = context;
  if (event.type === 'suspected' && event.lastAckMs !== undefined) {
    const heard = atNs - BigInt(Math.round((clock.now() - event.lastAckMs) * 1e6));
    timeline.stamp('member.last-heartbeat', { atNs: heard, attrs: { peer: event.name, at_ns: String(heard) } });
  }
  timeline.stamp(`member.${event.type}`, {
    atNs,
    cause: event.from === '' ? '' : `by ${event.from}`,
    attrs: { peer: event.name },
  });
}
