/** More nodes for a running lab. */
import type { Node } from '@svclab/core';
import { systemClock } from '@svclab/runtime';
import type { NodeSpec } from '@svclab/wire';
import type { LabConnection } from '../client/connect.ts';
import { callApi, unlessMissing } from '../client/kube-api.ts';
import { environmentError } from '../state/errors.ts';
import { isReadyNode } from './drain.ts';

/** How nodes are added. */
export interface AddNodesOptions {
  readonly count: number;
  /** Longest wait for all of them to be Ready, ms. */
  readonly timeoutMs: number;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal;
}

const POLL_MS = 50;

/**
 * Adds nodes and waits until each is Ready: its processes serve, its kernel has the rules of the Services, and the scheduler may use it.
 * Fails with a LabError: bad input, and nothing is added, when the lab cannot have so many; environment when one is not Ready in time.
 */
export async function addNodes(lab: LabConnection, options: AddNodesOptions): Promise<NodeSpec[]> {
  const { progress, signal, timeoutMs } = options;
  const { api } = await lab.service.status({ skipMemory: true });
  const { nodes } = await lab.service.addNodes({ count: options.count });
  progress(`Starting ${nodes.map((n) => n.name).join(', ')}`);
  const deadline = systemClock.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const waiting = await unready(
      lab,
      api,
      nodes.map((n) => n.name),
    );
    if (waiting.length === 0) return nodes;
    if (systemClock.now() > deadline)
      throw environmentError(
        `Added nodes are not Ready after ${Math.round(timeoutMs / 1000)} s: still waiting for ${waiting.join(', ')} (see "svclab logs --node NAME"; "svclab node remove NAME --force" takes one away)`,
      );
    await new Promise<void>((resolve) => systemClock.after(POLL_MS, resolve));
  }
}

/** What is still lacking, in words. */
async function unready(lab: LabConnection, api: string, names: readonly string[]): Promise<string[]> {
  try {
    const { processes } = await lab.service.status({ skipMemory: true });
    const starting = processes.filter((p) => names.includes(p.host) && p.state !== 'ready');
    if (starting.length > 0) return starting.map((p) => `${p.component}@${p.host}`);
    const found = await Promise.all(
      names.map((name) => unlessMissing(callApi<Node>(lab, api, `/api/v1/nodes/${name}`))),
    );
    return names.filter((_, i) => {
      const node = found[i];
      return node === undefined || !isReadyNode(node);
    });
  } catch {
    return ['the API'];
  }
}
