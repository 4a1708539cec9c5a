/**
 * The CNI role: forwarding, masquerading of pods that leave the cluster, the way to the other nodes' pods. All of it hangs on the LAN
 * interface, which may go and come back at any time as another one: each sync looks at what the kernel has and changes what differs.
 */
import {
  type Cache,
  type Cancel,
  type Clock,
  ETHERTYPE_ARP,
  encodeArp,
  gratuitousRound,
  type LabConfig,
  type Node,
  RESOURCES,
  SyncRunner,
} from '@svclab/core';
import { type LinkChange, type Logger, openPacketSocket, readSysctl, watchLinks, writeSysctl } from '@svclab/runtime';
import type { NodeSettings } from '../config.ts';
import type { Spawn } from '../exec.ts';
import type { Nft } from '../proxy/nft.ts';
import { type Interface, interfaceWith, parseInterfaces } from './interfaces.ts';
import { Iproute } from './iproute.ts';
import {
  defaultRouteAddition,
  directRoutes,
  type PodRoute,
  parseRoutes,
  type Routes,
  routeAdditions,
  routeRemovals,
} from './routes.ts';
import { setSysctls, wantedSysctls } from './sysctls.ts';
import {
  deviceChanges,
  forwardingChanges,
  neighbourChanges,
  parseForwarding,
  parseNeighbours,
  podMtu,
  VXLAN_DEVICE,
  vxlanPeers,
  vxlanRoute,
} from './vxlan.ts';

/** Table that hides pods behind the node. */
export const CNI_TABLE = 'svclab-cni';

const RETRY_MS = 1000;
/** MTU of a LAN that cannot be looked at. */
const USUAL_LAN_MTU = 1500;

/**
 * The table as one transaction. Pods reach pods and Services with their own address; whatever else they call sees the node's.
 * The chain comes after the proxy's: a connection that the proxy masquerades is settled then.
 */
export function cniScript(settings: NodeSettings): string {
  const { podCIDR, clusterPodCIDR, serviceCIDR } = settings.proxy;
  return `add table ip ${CNI_TABLE}
delete table ip ${CNI_TABLE}
add table ip ${CNI_TABLE}
add chain ip ${CNI_TABLE} nat-postrouting { type nat hook postrouting priority 110; policy accept; }
add rule ip ${CNI_TABLE} nat-postrouting ip saddr ${podCIDR} ip daddr != { ${clusterPodCIDR}, ${serviceCIDR}, 224.0.0.0/4 } masquerade fully-random
`;
}

/** What a {@link PodNetworking} needs. */
export interface PodNetworkingOptions {
  readonly cache: Cache;
  readonly settings: NodeSettings;
  readonly lab: Pick<LabConfig, 'podNetwork'>;
  readonly nft: Pick<Nft, 'apply'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** How programs are started in the node's network namespace. */
  readonly spawn: Spawn;
  /** Runs a synchronous function in the node's network namespace. */
  readonly inNode: <T>(fn: () => T) => T;
}

/** Keeps the node's pod network in step with the Nodes and with the LAN interface. What it made stays when it ends. */
export class PodNetworking {
  readonly #options: PodNetworkingOptions;
  readonly #runner: SyncRunner;
  readonly #iproute: Iproute;
  readonly #stops: Cancel[] = [];
  readonly #told = new Set<string>();
  /** Indexes of the interfaces all hangs on; undefined while one of them is missing and any may turn out to be it. */
  #followed: ReadonlySet<number> | undefined;
  /** The LAN interface at the last sync; undefined before the first one and while there is none. */
  #lan: Interface | undefined;
  #missingTold = false;
  /** Index of the LAN interface all was last made right on. */
  #settledOn: number | undefined;
  #nodes = '';
  /** Why the last sync failed; said once. */
  #failure = '';
  #resolveTried: () => void = () => undefined;
  readonly #tried = new Promise<void>((resolve) => {
    this.#resolveTried = resolve;
  });
  #resolveFirst: () => void = () => undefined;
  /** Resolves when the pod network is first as it should be. While the LAN interface is missing it is not. */
  readonly firstSync = new Promise<void>((resolve) => {
    this.#resolveFirst = resolve;
  });

  constructor(options: PodNetworkingOptions) {
    this.#options = options;
    this.#iproute = new Iproute(options.spawn);
    this.#runner = new SyncRunner({
      clock: options.clock,
      minIntervalMs: 0,
      burst: 1,
      retryMs: RETRY_MS,
      run: () => this.#run(),
    });
  }

  /** MTU for the pods' interfaces. */
  get podMtu(): number {
    return podMtu(this.#options.lab.podNetwork, this.#lan?.mtu ?? USUAL_LAN_MTU);
  }

  /** Sets the node up, then follows the Nodes and the interfaces. Resolves after the first attempt. Rejects when nft refuses the table. */
  async start(): Promise<void> {
    const { cache, clock, inNode, nft, settings } = this.#options;
    await nft.apply(cniScript(settings));
    const watch = inNode(() => watchLinks({ clock, onChange: (change) => this.#linksChanged(change) }));
    this.#stops.push(
      () => watch.close(),
      cache.subscribe(({ key }) => {
        if (key.group === '' && key.resource === 'nodes' && this.#nodesText() !== this.#nodes) this.#runner.request();
      }),
    );
    this.#runner.request();
    await this.#tried;
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#runner.stop();
  }

  #linksChanged({ indexes, lost }: LinkChange): void {
    const followed = this.#followed;
    if (lost || !followed || [...indexes].some((index) => followed.has(index))) this.#runner.request();
  }

  /** What the routes are computed from: Nodes change far more often than this. */
  #nodesText(): string {
    return JSON.stringify(vxlanPeers(this.#options.cache.list<Node>(RESOURCES.nodes), this.#options.settings.name));
  }

  async #run(): Promise<void> {
    try {
      await this.#sync();
      this.#failure = '';
    } catch (err) {
      // The next one must not pass over what this one has not done.
      this.#nodes = '';
      this.#followed = undefined;
      const { message } = err as Error;
      if (message !== this.#failure) this.#options.log.warn({ event: 'pod-network-not-set', err });
      this.#failure = message;
      throw err;
    } finally {
      this.#resolveTried();
    }
  }

  async #sync(): Promise<void> {
    const { lab, settings } = this.#options;
    this.#nodes = this.#nodesText();
    const interfaces = parseInterfaces(await this.#iproute.show('-d', 'addr', 'show'));
    const lan = interfaceWith(interfaces, settings.lanIP);
    if (!lan?.up) {
      this.#followed = undefined;
      this.#lanMissing();
      return;
    }
    if (this.#lan?.index !== lan.index) this.#lanFound(lan);
    this.#lan = lan;
    const returned = this.#settledOn !== lan.index;
    if (returned) this.#setSysctls(lan.name);
    const device = interfaces.find((i) => i.name === VXLAN_DEVICE);
    const routes = parseRoutes(await this.#iproute.show('route', 'show'));
    if (lab.podNetwork === 'vxlan') await this.#syncVxlan(lan, device, routes);
    else await this.#syncDirect(lan, device, routes);
    if (returned) this.#announce(lan);
    this.#settledOn = lan.index;
    // The device counts by its name: the sync that made it is followed by one that knows its index.
    const indexes = lab.podNetwork === 'vxlan' ? [lan.index, device?.index] : [lan.index];
    this.#followed = indexes.every((i) => i !== undefined) ? new Set(indexes) : undefined;
    this.#resolveFirst();
  }

  async #syncDirect(lan: Interface, device: Interface | undefined, { pods, ...routes }: Routes): Promise<void> {
    const { cache, settings } = this.#options;
    const wanted = directRoutes(cache.list<Node>(RESOURCES.nodes), settings.name, lan.name);
    await this.#change('ip', [
      ...routeRemovals(pods, wanted),
      ...(device?.vxlan ? [`link del ${VXLAN_DEVICE}`] : []),
      ...defaultRouteAddition({ pods, ...routes }, lan.name),
      ...routeAdditions(pods, wanted),
    ]);
  }

  /** Routes come last and go first, so that no packet finds a route without what lies behind it. */
  async #syncVxlan(lan: Interface, device: Interface | undefined, routes: Routes): Promise<void> {
    const { cache, settings } = this.#options;
    const peers = vxlanPeers(cache.list<Node>(RESOURCES.nodes), settings.name);
    const wanted = peers.map(vxlanRoute);
    const changes = deviceChanges(device, lan, settings);
    // One that is made anew begins with empty tables, and its routes are gone.
    const anew = changes.some((line) => line.startsWith('link add '));
    const present: readonly PodRoute[] = anew ? routes.pods.filter((r) => r.dev !== VXLAN_DEVICE) : routes.pods;
    const neighbours = anew ? '' : await this.#iproute.show('neigh', 'show', 'dev', VXLAN_DEVICE, 'nud', 'permanent');
    const forwarding = anew ? '' : await this.#iproute.showForwarding(VXLAN_DEVICE);
    await this.#change('ip', [
      ...routeRemovals(present, wanted),
      ...changes,
      ...neighbourChanges(parseNeighbours(neighbours), peers),
      ...defaultRouteAddition(routes, lan.name),
    ]);
    await this.#change('bridge', forwardingChanges(parseForwarding(forwarding), peers));
    await this.#change('ip', routeAdditions(present, wanted));
  }

  async #change(program: 'ip' | 'bridge', lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    await this.#iproute.change(program, lines);
    this.#options.log.info({ event: 'pod-network-set', lines });
  }

  #lanMissing(): void {
    const { log, settings } = this.#options;
    this.#lan = undefined;
    this.#settledOn = undefined;
    if (this.#missingTold) return;
    this.#missingTold = true;
    log.warn({ event: 'lan-missing', reason: `no interface that is up has ${settings.lanIP}: waiting for one` });
  }

  #lanFound({ name, index, mac, mtu }: Interface): void {
    this.#missingTold = false;
    this.#options.log.info({ event: 'lan-interface', interface: name, index, mac, mtu });
  }

  /** Best effort: in a container these are preset and `/proc/sys` is read-only. */
  #setSysctls(lan: string): void {
    const { inNode, log } = this.#options;
    const differ = inNode(() => setSysctls(wantedSysctls([lan]), { read: readSysctl, write: writeSysctl }));
    const news = differ.filter((text) => !this.#told.has(text));
    for (const text of news) this.#told.add(text);
    if (news.length > 0) log.warn({ event: 'sysctls-not-set', reason: news.join(', ') });
  }

  /** Tells the LAN which MAC has the node's address now (RFC 5227): who talked to the former interface would try that one for seconds. */
  #announce(lan: Interface): void {
    const { inNode, log, settings } = this.#options;
    const failed = (err: unknown): void => log.warn({ event: 'lan-not-announced', err });
    try {
      const socket = inNode(() =>
        openPacketSocket({
          interface: lan.name,
          etherType: ETHERTYPE_ARP,
          onFrame: () => undefined,
          onError: failed,
        }),
      );
      try {
        for (const frame of gratuitousRound(settings.lanIP, lan.mac)) socket.send(encodeArp(frame));
      } finally {
        socket.close();
      }
    } catch (err) {
      failed(err);
    }
  }
}
