/** The agent's gRPC service: what concerns pods is handed to pod-host as it is. */
import type { Clock } from '@svclab/core';
import { ClientError, ServerError, Status } from '@svclab/runtime';
import type { NodeAgentServiceImplementation } from '@svclab/wire';
import type { PodHostClient } from './pods/pod-host-link.ts';
import type { PodManager } from './pods/pod-manager.ts';
import type { Proxier } from './proxy/proxier.ts';

/** What the service stands on. */
export interface NodeAgentServiceOptions {
  readonly node: string;
  readonly clock: Pick<Clock, 'nowNs'>;
  readonly podHost: PodHostClient;
  readonly pods: PodManager;
  readonly proxier: Proxier;
  /** Revision of the store as this agent knows it. */
  readonly storeRevision: () => number;
}

/** Implements NodeAgentService. Errors of pod-host reach the caller as they are. */
export function nodeAgentService(options: NodeAgentServiceOptions): NodeAgentServiceImplementation {
  const { node, clock, podHost, pods, proxier, storeRevision } = options;
  return {
    exec: (request, { signal }) => podHost.exec(request, { signal }),
    logs: (request, { signal }) => podHost.logs(request, { signal }),
    setBehaviour: (request, { signal }) => asItIs(podHost.setBehaviour(request, { signal })),
    killPod: (request, { signal }) => asItIs(podHost.killPod(request, { signal })),
    async setReadinessFlap({ namespace, pod, source, unreadyMs, readyMs }) {
      if (unreadyMs < 0n || readyMs < 0n)
        throw new ServerError(
          Status.INVALID_ARGUMENT,
          `Times of a flap are ${unreadyMs} ms and ${readyMs} ms: give 0 or more`,
        );
      const flap = { unreadyMs: Number(unreadyMs), readyMs: Number(readyMs) };
      if (!pods.flap(namespace, pod, source, unreadyMs > 0n ? flap : undefined))
        throw new ServerError(Status.NOT_FOUND, `Pod ${namespace}/${pod} is not on node ${node}`);
      return { atNs: clock.nowNs() };
    },
    async resetBehaviour(request, { signal }) {
      pods.endFlaps();
      return asItIs(podHost.resetBehaviour(request, { signal }));
    },
    async getState() {
      return {
        node,
        programmedRevision: BigInt(proxier.programmedRevision),
        storeRevision: BigInt(storeRevision()),
        pods: pods.names(),
        services: proxier.services,
        operations: BigInt(proxier.operations),
      };
    },
  };
}

/** An answer of pod-host's, or its refusal with code and reason as they were. */
async function asItIs<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof ClientError ? new ServerError(error.code, error.details) : error;
  }
}
