import {
  hasReason,
  type KubeEvent,
  type Node,
  type Pod,
  type PodStatus,
  RESOURCES,
  reportedNodeSpec,
  reportedNodeStatus,
  reportedPod,
} from '@svclab/core';
import type { NodeReport, PodStatusReport } from '@svclab/wire';
import type { EventRecorder } from '../reconcilers/recorder.ts';
import type { Registry } from '../registry/registry.ts';

/** What taking in a report needs. */
export interface ReportContext {
  readonly registry: Registry;
  readonly recorder: Pick<EventRecorder, 'take'>;
}

/** JSON of an object on the wire. */
export function parseJson<T>(bytes: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(bytes)) as T;
}

/**
 * Takes in what a node-agent says. Repeating it changes nothing, but for the count of events that do not count themselves.
 * Takes all it can, then fails with the first thing that could not be stored.
 */
export async function takeNodeReport(context: ReportContext, report: NodeReport): Promise<void> {
  const outcomes = await Promise.allSettled([
    report.nodeJson.length > 0 ? takeNode(context, report.node, report.nodeJson) : undefined,
    ...report.pods.map((pod) => takePod(context, report.node, pod)),
  ]);
  for (const bytes of report.eventsJson) context.recorder.take(parseJson<KubeEvent>(bytes), report.node);
  const failed = outcomes.find((o) => o.status === 'rejected');
  if (failed) throw failed.reason;
}

async function takeNode({ registry }: ReportContext, name: string, json: Uint8Array): Promise<void> {
  const reported = parseJson<Node>(json);
  const actor = { actor: `node-agent@${name}` };
  if (!registry.get(RESOURCES.nodes, '', name)) {
    try {
      await registry.create<Node>(
        RESOURCES.nodes,
        { ...reported, metadata: withoutSystemFields(reported, name), spec: reported.spec ?? {} },
        actor,
      );
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
    }
  }
  await registry.modify<Node>(RESOURCES.nodes, '', name, (current) => reportedNodeSpec(current, reported), actor);
  await registry.modify<Node>(RESOURCES.nodes, '', name, (current) => reportedNodeStatus(current, reported), {
    ...actor,
    subresource: 'status',
  });
}

function withoutSystemFields(node: Node, name: string): Node['metadata'] {
  const { labels, annotations } = node.metadata;
  return { name, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
}

/** A pod that is gone, is another one by now, or runs elsewhere is none of this node's business any more. */
async function takePod({ registry }: ReportContext, node: string, report: PodStatusReport): Promise<void> {
  const { namespace, name, uid, finished } = report;
  const actor = { actor: `node-agent@${node}` };
  const isOurs = (pod: Pod): boolean => pod.metadata.uid === uid && pod.spec.nodeName === node;
  const present = registry.get<Pod>(RESOURCES.pods, namespace, name);
  if (!present || !isOurs(present)) return;
  try {
    if (report.statusJson.length > 0) {
      const status = parseJson<PodStatus>(report.statusJson);
      await registry.modify<Pod>(
        RESOURCES.pods,
        namespace,
        name,
        (pod) => (isOurs(pod) ? reportedPod(pod, status) : undefined),
        { ...actor, subresource: 'status' },
      );
    }
    if (finished)
      await registry.delete(RESOURCES.pods, namespace, name, {
        ...actor,
        gracePeriodSeconds: 0,
        preconditions: { uid },
      });
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !(finished && hasReason(error, 'Conflict'))) throw error;
  }
}
