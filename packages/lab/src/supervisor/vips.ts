import { type HostSpec, PORTS } from '@svclab/core';
import { type GrpcClient, grpcClient } from '@svclab/runtime';
import { AnnouncerServiceDefinition, type GetAnnouncerStateResponse, type Vip } from '@svclab/wire';

/** How long one announcer may take to answer, ms. */
const TIMEOUT_MS = 800;

type AnnouncerClient = GrpcClient<typeof AnnouncerServiceDefinition>;

/** Asks every announcer what it sees and merges the answers. */
export class VipView {
  readonly #lab: { readonly hosts: readonly HostSpec[] };
  readonly #token: string;
  readonly #clients = new Map<string, AnnouncerClient>();

  /** @param lab asked for its hosts at each call: nodes come and go */
  constructor(lab: { readonly hosts: readonly HostSpec[] }, token: string) {
    this.#lab = lab;
    this.#token = token;
  }

  /**
   * Every VIP any announcer knows, by namespace and name. Announcers that do not answer are left out.
   * @param isUp whether a host has power: one that has none is not waited for
   */
  async list(isUp: (host: string) => boolean): Promise<Vip[]> {
    const nodes = this.#lab.hosts.filter((h) => h.role === 'node');
    for (const [name, client] of this.#clients)
      if (!nodes.some((h) => h.name === name)) {
        client.close();
        this.#clients.delete(name);
      }
    const asked = nodes.filter((h) => isUp(h.name)).map((h) => this.#client(h));
    const answers = await Promise.allSettled(asked.map((c) => c.getState({}, { timeoutMs: TIMEOUT_MS })));
    return mergeVips(answers.flatMap((a) => (a.status === 'fulfilled' ? [a.value] : [])));
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(host: HostSpec): AnnouncerClient {
    const present = this.#clients.get(host.name);
    if (present) return present;
    const client = grpcClient(AnnouncerServiceDefinition, `${host.controlIP}:${PORTS.announcer}`, {
      token: this.#token,
      service: 'supervisor',
    });
    this.#clients.set(host.name, client);
    return client;
  }
}

/**
 * One view from many: who answers for a VIP is taken from the nodes that say so themselves; the owner is the one that has announced
 * it last, so that a stale claim loses; without any, the owner most announcers compute.
 */
export function mergeVips(states: readonly GetAnnouncerStateResponse[]): Vip[] {
  const byService = new Map<string, { node: string; vip: GetAnnouncerStateResponse['vips'][number] }[]>();
  for (const state of states)
    for (const vip of state.vips) {
      const id = `${vip.namespace}/${vip.service} ${vip.vip}`;
      byService.set(id, [...(byService.get(id) ?? []), { node: state.node, vip }]);
    }
  return [...byService.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, views]) => {
      const announcing = views.filter((v) => v.vip.announcing).sort((a, b) => Number(b.vip.sinceNs - a.vip.sinceNs));
      const best = announcing[0] ?? majority(views);
      const owner = announcing[0]?.node ?? best.vip.owner;
      return {
        vip: best.vip.vip,
        namespace: best.vip.namespace,
        service: best.vip.service,
        owner,
        reason: best.vip.reason,
        sinceWallMs: best.vip.sinceWallMs,
        next: best.vip.order.filter((n) => n !== owner),
        announcing: announcing.map((a) => a.node).sort(),
      };
    });
}

function majority<T extends { vip: { owner: string } }>(views: readonly T[]): T {
  const votes = (owner: string): number => views.filter((v) => v.vip.owner === owner).length;
  return views.reduce((a, b) => (votes(b.vip.owner) > votes(a.vip.owner) ? b : a));
}
