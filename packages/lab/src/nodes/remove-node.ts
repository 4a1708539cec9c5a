/**
 * Taking a node out of a running lab. Each step leaves the lab whole, and a removal that ended midway is begun again from the start.
 *
 *     cordon ─ drain ─ announcer leaves, VIPs move ─ processes end ─ Node, pods, endpoints go ─ host goes
 */
import type { EndpointSlice, Node, Pod } from '@svclab/core';
import { systemClock } from '@svclab/runtime';
import type { HostStatus } from '@svclab/wire';
import type { LabConnection } from '../client/connect.ts';
import { callApi, unlessMissing } from '../client/kube-api.ts';
import { nodeNames, requireRemovable } from '../plan/nodes.ts';
import { badInput, environmentError } from '../state/errors.ts';
import { CORDON, drainPlan, isBeingRemoved, isReadyNode, podName } from './drain.ts';
import { type ApiCall, deletePod, evict, podsOn } from './evict.ts';

/** How a node is removed. */
export interface RemoveNodeOptions {
  /** Power it off at once, without draining it and without a leave. */
  readonly force: boolean;
  /** Longest wait for its pods to end, ms. */
  readonly timeoutMs: number;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal;
}

const POLL_MS = 50;
/** How long the control loops may take to follow, ms. */
const SETTLE_MS = 10_000;

/**
 * Removes a node. Fails with a LabError: bad input when there is none of that name, it is the last one, or it is down or not Ready and
 * `force` is not set; environment when its pods do not end in time (it stays cordoned) or what belonged to it does not go.
 */
export async function removeNode(lab: LabConnection, name: string, options: RemoveNodeOptions): Promise<void> {
  const { api, hosts } = await lab.service.status({ skipMemory: true });
  const removal = new Removal(lab, api, name, options);
  await removal.check(hosts);
  await removal.cordon();
  if (options.force) await removal.powerOff();
  else {
    await removal.drain();
    await removal.leave();
  }
  await removal.deleteObjects();
  await lab.service.removeNode({ name });
  // A report that was on its way may have registered the node once more.
  await removal.deleteObjects();
}

class Removal {
  readonly #lab: LabConnection;
  readonly #api: ApiCall;
  readonly #name: string;
  readonly #options: RemoveNodeOptions;

  constructor(lab: LabConnection, api: string, name: string, options: RemoveNodeOptions) {
    this.#lab = lab;
    this.#api = (path, change) => callApi(lab, api, path, change);
    this.#name = name;
    this.#options = options;
  }

  async check(hosts: readonly HostStatus[]): Promise<void> {
    const name = this.#name;
    const { items } = await this.#api<{ items: Node[] }>('/api/v1/nodes');
    const leaving = new Set(items.filter(isBeingRemoved).map((n) => n.metadata.name));
    requireRemovable(nodeNames(hosts), name, leaving);
    if (this.#options.force || leaving.has(name)) return;
    const cure = `bring it back with "svclab fault restart node/${name}", or remove it as it is with --force`;
    const node = items.find((n) => n.metadata.name === name);
    // Without a Node it is past the point of no return: an earlier removal has deleted it.
    if (!node) return;
    if (!hosts.find((h) => h.name === name)?.up) throw badInput(`Node ${name} is down: ${cure}`);
    if (!isReadyNode(node)) throw badInput(`Node ${name} is not Ready, so its pods cannot be ended in order: ${cure}`);
  }

  async cordon(): Promise<void> {
    await unlessMissing(this.#api(`/api/v1/nodes/${this.#name}`, { method: 'PATCH', body: CORDON }));
  }

  /** Deletes the pods with their own grace and waits until they are gone; those of DaemonSets last. */
  async drain(): Promise<void> {
    const { progress, timeoutMs } = this.#options;
    const deadline = systemClock.now() + timeoutMs;
    const { daemons, drained } = drainPlan(await this.#pods());
    if (drained.length + daemons.length > 0)
      progress(`Draining ${this.#name}: ${[...drained, ...daemons].map(podName).join(', ')}`);
    // Those that were bound while the node was being cordoned come into view later.
    await this.#end(async () => drainPlan(await this.#pods()).drained, deadline);
    const uids = new Set(daemons.map((p) => p.metadata.uid));
    await this.#end(async () => (await this.#pods()).filter((p) => uids.has(p.metadata.uid)), deadline);
  }

  async #end(left: () => Promise<readonly Pod[]>, deadline: number): Promise<void> {
    const { signal, timeoutMs } = this.#options;
    const pods = await evict(left, { api: this.#api, clock: systemClock, deadline, signal });
    if (pods.length > 0)
      throw environmentError(
        `Pods of ${this.#name} have not ended in ${timeoutMs / 1000} s: ${pods.map(podName).join(', ')}. It stays cordoned: repeat with a longer --timeout or with --force, or keep it with "kubectl uncordon ${this.#name}"`,
      );
  }

  async leave(): Promise<void> {
    const { unmoved } = await this.#lab.service.leaveNode({ name: this.#name });
    if (unmoved.length > 0) this.#options.progress(`Nobody has taken over ${unmoved.join(', ')}`);
  }

  async powerOff(): Promise<void> {
    const { hosts } = await this.#lab.service.status({ skipMemory: true });
    if (hosts.find((h) => h.name === this.#name)?.up)
      await this.#lab.service.fault({ verb: 'kill', target: `node/${this.#name}`, args: {} });
  }

  /** Deletes the Node and what is left of its pods, and waits until no slice names it. */
  async deleteObjects(): Promise<void> {
    const deadline = systemClock.now() + SETTLE_MS;
    for (;;) {
      await unlessMissing(this.#api(`/api/v1/nodes/${this.#name}`, { method: 'DELETE', body: {} }));
      const pods = await this.#pods();
      for (const pod of pods) await deletePod(pod, this.#api, 0);
      const slices = await this.#api<{ items: EndpointSlice[] }>('/apis/discovery.k8s.io/v1/endpointslices');
      const named = slices.items.filter((s) => (s.endpoints ?? []).some((e) => e.nodeName === this.#name));
      if (pods.length + named.length === 0) return;
      if (systemClock.now() > deadline)
        throw environmentError(
          `What belonged to ${this.#name} is still there after ${SETTLE_MS / 1000} s: ${[...pods, ...named].map(podName).join(', ')}: repeat the removal`,
        );
      await pause();
    }
  }

  #pods(): Promise<Pod[]> {
    return podsOn(this.#name, this.#api);
  }
}

const pause = (): Promise<void> => new Promise((resolve) => systemClock.after(POLL_MS, resolve));
