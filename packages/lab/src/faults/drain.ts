import type { Node, Pod } from '@svclab/core';
import { unlessMissing } from '../client/kube-api.ts';
import { drainPlan, podName } from '../nodes/drain.ts';
import { evict, podsOn } from '../nodes/evict.ts';
import { badInput, environmentError } from '../state/errors.ts';
import { flagArg, numberArg } from './args.ts';
import type { FaultContext, FaultDefinition } from './definition.ts';
import { formatTarget, type ResolvedTarget } from './target.ts';

/** Marks a Node that a fault has cordoned, so that it is not mistaken for one the user did. */
const ANNOTATION = 'svclab.dev/drained-by-fault';

/** `kubectl drain --ignore-daemonsets --disable-eviction --delete-emptydir-data`. */
export const drain: FaultDefinition = {
  verb: 'drain',
  summary: 'cordon a node and end its pods in order; healing uncordons it',
  notes:
    'What `kubectl drain --ignore-daemonsets --disable-eviction` does: the node becomes unschedulable, then its pods are deleted with their own grace, those of DaemonSets excepted. Their endpoints are terminating at once and serve until no node sends to them any more. It is done when the last one is gone. Pods that no controller has made would not come back: with such ones it is refused, unless `--force`. The addresses that the node announces stay with it, as with MetalLB, which looks neither at cordons nor at taints (it did in 0.14.9 alone). With `externalTrafficPolicy: Local` they move with the endpoints. Pods do not come back to the node when it is uncordoned.',
  examples: ['drain node/node-2', 'drain node/node-2 --duration 30s --grace 5s'],
  targets: ['node'],
  args: [
    {
      name: 'grace',
      kind: 'duration',
      summary: 'time that each pod is given to end, whole seconds; its own when left out',
    },
    { name: 'timeout', kind: 'duration', default: '60s', min: 1, summary: 'longest wait for the pods to end' },
    { name: 'force', kind: 'flag', summary: 'end pods that no controller would make again' },
  ],
  check: (args) =>
    (numberArg(args, 'grace') ?? 0) % 1000 === 0
      ? undefined
      : `Argument grace of fault drain is ${numberArg(args, 'grace')} ms: give whole seconds, as Kubernetes counts grace`,
  plan: (target, args) => {
    const node = nodeOf(target);
    const grace = numberArg(args, 'grace');
    return [
      [
        `kubectl drain ${node} --ignore-daemonsets --disable-eviction --delete-emptydir-data`,
        ...(flagArg(args, 'force') ? ['--force'] : []),
        ...(grace === undefined ? [] : [`--grace-period=${grace / 1000}`]),
        `--timeout=${(numberArg(args, 'timeout') ?? 0) / 1000}s`,
      ].join(' '),
      `to heal: kubectl uncordon ${node}`,
    ];
  },
  async apply(target, args, context) {
    const node = nodeOf(target);
    const { clock } = context;
    const api: FaultContext['api'] = (path, change) => context.api(path, change);
    const left = async (): Promise<readonly Pod[]> => drainPlan(await podsOn(node, api)).drained;
    await check(node, args, context, left);
    const deadline = clock.now() + (numberArg(args, 'timeout') ?? 0);
    const grace = numberArg(args, 'grace');
    const heal = async (): Promise<bigint> => {
      await unlessMissing(cordon(node, false, context));
      return clock.nowNs();
    };
    await cordon(node, true, context);
    const atNs = clock.nowNs();
    try {
      const pods = await evict(left, {
        api,
        clock,
        deadline,
        graceSeconds: grace === undefined ? undefined : grace / 1000,
      });
      if (pods.length > 0)
        throw environmentError(
          `Pods of ${node} have not ended in ${numberArg(args, 'timeout')} ms: ${pods.map(podName).join(', ')}. It is uncordoned again: give a longer --timeout, or a shorter --grace`,
        );
    } catch (error) {
      await heal();
      throw error;
    }
    return { atNs, heal };
  },
  async sweep(host, context) {
    if (!context.config.hosts.some((h) => h.name === host && h.role === 'node')) return;
    const node = await unlessMissing(context.api<Node>(`/api/v1/nodes/${host}`));
    if (node?.metadata.annotations?.[ANNOTATION] !== undefined) await cordon(host, false, context);
  },
};

function nodeOf(target: ResolvedTarget): string {
  if (target.kind !== 'host') throw badInput(`${formatTarget(target)} is no node: give node/NAME`);
  return target.host;
}

function cordon(node: string, unschedulable: boolean, context: FaultContext): Promise<unknown> {
  // A merge patch takes a field away with null.
  const body = {
    metadata: { annotations: { [ANNOTATION]: unschedulable ? context.id : null } },
    spec: { unschedulable: unschedulable ? true : null },
  };
  return context.api(`/api/v1/nodes/${node}`, { method: 'PATCH', body });
}

async function check(
  node: string,
  args: Parameters<FaultDefinition['apply']>[1],
  context: FaultContext,
  left: () => Promise<readonly Pod[]>,
): Promise<void> {
  const found = await unlessMissing(context.api<Node>(`/api/v1/nodes/${node}`));
  if (!found) throw badInput(`Node ${node} is not registered: see "kubectl get nodes"`);
  if (found.spec?.unschedulable)
    throw badInput(
      `Node ${node} is cordoned already: healing would not leave it as it was; "kubectl uncordon ${node}" first`,
    );
  const orphans = (await left()).filter((p) => !p.metadata.ownerReferences?.some((o) => o.controller === true));
  if (orphans.length > 0 && !flagArg(args, 'force'))
    throw badInput(
      `Pods of ${node} that no controller would make again: ${orphans.map(podName).join(', ')}. Give --force to end them`,
    );
}
