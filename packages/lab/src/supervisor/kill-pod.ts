/** Ending a pod's containers at once. */
import { type HostSpec, type LabConfig, PORTS } from '@svclab/core';
import { ClientError, grpcClient } from '@svclab/runtime';
import { NodeAgentServiceDefinition } from '@svclab/wire';
import { badInput } from '../state/errors.ts';

/** Ends a pod's containers at once, wherever among `nodes` it runs. Fails with a LabError when it runs on none of them. */
export async function killPod(
  { lab, nodes, token }: { lab: LabConfig; nodes: readonly HostSpec[]; token: string },
  namespace: string,
  pod: string,
): Promise<void> {
  const name = `${namespace}/${pod}`;
  const silent: string[] = [];
  for (const node of nodes) {
    const agent = grpcClient(NodeAgentServiceDefinition, `${node.controlIP}:${PORTS.nodeAgent}`, {
      token,
      service: 'supervisor',
    });
    try {
      const state = await agent.getState({}, { timeoutMs: 1000 }).catch((error: unknown) => {
        if (!(error instanceof ClientError)) throw error;
        silent.push(node.name);
      });
      if (!state?.pods.includes(name)) continue;
      await agent.killPod({ namespace, pod }, { timeoutMs: 2000 });
      return;
    } finally {
      agent.close();
    }
  }
  throw badInput(
    silent.length === 0
      ? `Pod ${name} runs on no node of lab ${lab.name}`
      : `Pod ${name} runs on no node that answers; the node-agent does not on ${silent.join(', ')}`,
  );
}
