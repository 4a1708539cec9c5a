import type { AnnouncerReport } from '@svclab/wire';

/** Who announces a VIP. */
export interface VipOwner {
  readonly node: string;
  readonly vip: string;
  readonly namespace: string;
  readonly service: string;
  readonly interfaces: readonly string[];
}

/** What each announcer says it announces now. During a partition a VIP may have two owners. */
export class VipOwners {
  /** Node -> what it announces. */
  readonly #byNode = new Map<string, readonly VipOwner[]>();

  /** Takes in a report; it replaces the node's last one. */
  take(report: AnnouncerReport): void {
    const { node } = report;
    this.#byNode.set(
      node,
      report.announced.map(({ vip, namespace, service, interfaces }) => ({
        node,
        vip,
        namespace,
        service,
        interfaces,
      })),
    );
  }

  /** A node that is gone announces nothing. */
  forget(node: string): void {
    this.#byNode.delete(node);
  }

  /** All owners, by node. */
  list(): readonly VipOwner[] {
    return [...this.#byNode.keys()].sort().flatMap((node) => this.#byNode.get(node) ?? []);
  }
}
