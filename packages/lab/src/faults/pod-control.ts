/** What the faults of pods have in common: the node-agent of the pod's node hands them to pod-host. */
import { PORTS } from '@svclab/core';
import { ClientError, Status } from '@svclab/runtime';
import { NodeAgentServiceDefinition } from '@svclab/wire';
import { badInput } from '../state/errors.ts';
import type { AppliedFault, FaultContext, FaultDefinition } from './definition.ts';
import { isNotRunning, isOff, refusal } from './dns-control.ts';
import { formatTarget, type ResolvedTarget } from './target.ts';

const CALL_MS = 2000;

/** The pod of a target. Fails with a LabError when it is none. */
export function podOf(target: ResolvedTarget): { readonly namespace: string; readonly pod: string } {
  if (target.kind === 'pod') return { namespace: target.namespace, pod: target.pod };
  throw badInput(`${formatTarget(target)} is no pod: give pod/NAMESPACE/NAME`);
}

/**
 * Has the containers of a pod behave otherwise until it is healed. A pod that takes its place does not.
 * @param behaviour keys as in the annotations `svclab.dev/...` -> value
 */
export async function breakPod(
  target: ResolvedTarget,
  context: FaultContext,
  behaviour: Readonly<Record<string, string>>,
): Promise<AppliedFault> {
  const { namespace, pod } = podOf(target);
  const node = await context.nodeOf(namespace, pod);
  const set = async (settings: Readonly<Record<string, string>>): Promise<bigint> => {
    const request = { namespace, pod, behaviour: settings, source: context.id, reset: true };
    const { atNs } = await context.call(NodeAgentServiceDefinition, node, PORTS.nodeAgent, (agent) =>
      agent.setBehaviour(request, { timeoutMs: CALL_MS }),
    );
    return atNs;
  };
  const atNs = await set(behaviour).catch((error: unknown) => {
    throw refusal(error, `Pod ${namespace}/${pod} on ${node}`);
  });
  return {
    atNs,
    async heal() {
      if (isOff(node, context)) return context.clock.nowNs();
      try {
        return await set({});
      } catch (error) {
        if (isGone(error)) return context.clock.nowNs();
        throw error;
      }
    },
  };
}

/** Holds a pod back from being ready, from time to time, until it is healed. Times in ms. */
export async function flapPod(
  target: ResolvedTarget,
  context: FaultContext,
  times: { readonly unreadyMs: number; readonly readyMs: number },
): Promise<AppliedFault> {
  const { namespace, pod } = podOf(target);
  const node = await context.nodeOf(namespace, pod);
  const set = async (unreadyMs: number, readyMs: number): Promise<bigint> => {
    const flap = { unreadyMs: BigInt(Math.ceil(unreadyMs)), readyMs: BigInt(Math.ceil(readyMs)) };
    const { atNs } = await context.call(NodeAgentServiceDefinition, node, PORTS.nodeAgent, (agent) =>
      agent.setReadinessFlap({ namespace, pod, source: context.id, ...flap }, { timeoutMs: CALL_MS }),
    );
    return atNs;
  };
  const atNs = await set(times.unreadyMs, times.readyMs).catch((error: unknown) => {
    throw refusal(error, `Pod ${namespace}/${pod} on ${node}`);
  });
  return {
    atNs,
    async heal() {
      if (isOff(node, context)) return context.clock.nowNs();
      try {
        return await set(0, 0);
      } catch (error) {
        // It is kept by the agent, in memory.
        if (isGone(error) || isNotRunning(error)) return context.clock.nowNs();
        throw error;
      }
    },
  };
}

function isGone(error: unknown): boolean {
  return error instanceof ClientError && error.code === Status.NOT_FOUND;
}

/** Removes what a supervisor that was killed may have left. */
export const sweepPods: NonNullable<FaultDefinition['sweep']> = async (host, context) => {
  if (!context.config.hosts.some((h) => h.name === host && h.role === 'node') || !context.lab.isUp(host)) return;
  await context.call(NodeAgentServiceDefinition, host, PORTS.nodeAgent, (agent) =>
    agent.resetBehaviour({}, { timeoutMs: CALL_MS }),
  );
};
