/** The CNI role: forwarding, masquerading of pods that leave the cluster, routes to the other nodes' pods. */
import { networkInterfaces } from 'node:os';
import { type Cache, type Cancel, type Clock, type Node, RESOURCES, SyncRunner } from '@svclab/core';
import { type Logger, writeSysctl } from '@svclab/runtime';
import type { NodeSettings } from '../config.ts';
import { runProgram, spawnHere } from '../exec.ts';
import type { Nft } from '../proxy/nft.ts';
import { parseRoutes, ROUTE_PROTOCOL, routeChanges, wantedRoutes } from './routes.ts';

/** Table that hides pods behind the node. */
export const CNI_TABLE = 'svclab-cni';

/** Metric of the route of last resort; any other default route wins. */
const LAST_RESORT_METRIC = 4096;
const RETRY_MS = 1000;

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
  readonly nft: Pick<Nft, 'apply'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Keeps the node's pod network in step with the Nodes. What it made stays when it ends. */
export class PodNetworking {
  readonly #options: PodNetworkingOptions;
  readonly #runner: SyncRunner;
  #stop: Cancel = () => undefined;

  constructor(options: PodNetworkingOptions) {
    this.#options = options;
    this.#runner = new SyncRunner({
      clock: options.clock,
      minIntervalMs: 0,
      burst: 1,
      retryMs: RETRY_MS,
      run: () => this.#syncRoutes(),
    });
  }

  /** Sets the node up once, then follows the Nodes. Rejects when nft refuses the table. */
  async start(): Promise<void> {
    const { cache, nft, settings } = this.#options;
    this.#setSysctls();
    await nft.apply(cniScript(settings));
    await this.#ensureDefaultRoute();
    this.#stop = cache.subscribe(({ key }) => {
      if (key.group === '' && key.resource === 'nodes') this.#runner.request();
    });
    this.#runner.request();
  }

  stop(): void {
    this.#stop();
    this.#runner.stop();
  }

  /** Best effort: in a container these are preset and `/proc/sys` is read-only. */
  #setSysctls(): void {
    const { log, settings } = this.#options;
    const lan = interfaceOf(settings.lanIP);
    const wanted: [string, number][] = [
      ['net/ipv4/ip_forward', 1],
      // As kind does: the nftables mode of kube-proxy has no rule for packets conntrack calls invalid.
      ['net/netfilter/nf_conntrack_tcp_be_liberal', 1],
    ];
    // A packet to a Service may leave by the interface it came in on; a redirect would only spend the kernel's ICMP budget.
    for (const scope of ['all', 'default', ...(lan ? [lan] : [])])
      wanted.push([`net/ipv4/conf/${scope}/rp_filter`, 0], [`net/ipv4/conf/${scope}/send_redirects`, 0]);
    const refused = wanted.filter(([path, value]) => !writeSysctl(path, value)).map(([path]) => path);
    if (refused.length > 0) log.info({ event: 'sysctls-not-set', reason: refused.join(', ') });
  }

  /** Programs on the node reach Services only if their addresses have some route before they are translated. */
  async #ensureDefaultRoute(): Promise<void> {
    const lan = interfaceOf(this.#options.settings.lanIP);
    if (!lan) return;
    const { stdout } = await this.#ip(['-j', 'route', 'show', 'default']);
    if (stdout.trim() !== '' && stdout.trim() !== '[]') return;
    const { code, stderr } = await this.#ip([
      'route',
      'add',
      'default',
      'dev',
      lan,
      'metric',
      String(LAST_RESORT_METRIC),
      'proto',
      'static',
    ]);
    if (code !== 0) this.#options.log.warn({ event: 'default-route-not-set', reason: stderr.trim() });
  }

  async #syncRoutes(): Promise<void> {
    const { cache, settings, log } = this.#options;
    const { stdout } = await this.#ip(['-j', 'route', 'show', 'proto', String(ROUTE_PROTOCOL)]);
    const wanted = wantedRoutes(cache.list<Node>(RESOURCES.nodes), settings.name);
    const lines = routeChanges(parseRoutes(stdout.trim()), wanted);
    if (lines.length === 0) return;
    const { code, stderr } = await this.#ip(['-force', '-batch', '-'], `${lines.join('\n')}\n`);
    if (code !== 0) {
      log.warn({ event: 'routes-not-set', reason: stderr.trim() });
      throw new Error(`Routes cannot be set: ${stderr.trim()}`);
    }
    log.info({ event: 'routes-set', routes: lines });
  }

  #ip(args: readonly string[], input = '') {
    return runProgram(spawnHere, 'ip', args, input);
  }
}

/** Name of the interface that has an address. */
function interfaceOf(address: string): string | undefined {
  return Object.entries(networkInterfaces()).find(([, all]) => all?.some((a) => a.address === address))?.[0];
}
