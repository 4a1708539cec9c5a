import { BUCKET, encodeKey, type LabConfig, LEADER_LEASE, type Lease } from '@svclab/core';
import type { Bus } from '@svclab/runtime';

/** Longest wait for a server's answer, ms. */
const TIMEOUT_MS = 500;

/** Which controller leads: the one whose name the lease has in the store; where there is one controller alone, that one. */
export class LeaderView {
  readonly #controllers: readonly string[];
  #bus: Pick<Bus, 'request'> | undefined;

  constructor(lab: Pick<LabConfig, 'hosts'>) {
    this.#controllers = lab.hosts.filter((h) => h.role === 'controller').map((h) => h.name);
  }

  /** From now on the store can be asked. */
  attach(bus: Pick<Bus, 'request'>): void {
    this.#bus = bus;
  }

  /**
   * Host of the leader; empty while nobody holds the lease, it cannot be read, or its holder does not run.
   * A holder that was killed a moment ago or stands still keeps it until another takes it.
   * @param runs whether the controller of a host runs
   */
  async host(runs: (host: string) => boolean): Promise<string> {
    const [only = '', ...others] = this.#controllers;
    const holder = others.length === 0 ? only : await this.#holder();
    return this.#controllers.includes(holder) && runs(holder) ? holder : '';
  }

  async #holder(): Promise<string> {
    const request = JSON.stringify({ last_by_subj: `$KV.${BUCKET}.${encodeKey(LEADER_LEASE)}` });
    try {
      // Any server that keeps the store answers a direct get, also while they have no leader.
      const subject = `$JS.API.DIRECT.GET.KV_${BUCKET}`;
      const answer = await this.#bus?.request(subject, Buffer.from(request), TIMEOUT_MS);
      const lease = JSON.parse(Buffer.from(answer ?? []).toString('utf8')) as Lease;
      // HOST_UUID, see LeaderElection.
      return lease.spec?.holderIdentity?.split('_')[0] ?? '';
    } catch {
      return '';
    }
  }
}
