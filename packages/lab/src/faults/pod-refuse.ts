import type { FaultDefinition } from './definition.ts';
import { breakPod } from './pod-control.ts';
import { formatTarget } from './target.ts';

/** A pod whose ports are closed. */
export const podRefuse: FaultDefinition = {
  verb: 'pod-refuse',
  summary: 'the containers of a pod close their listening sockets',
  notes:
    'The kernel of the pod answers new connections with RST and UDP with ICMP port unreachable. Connections that are open go on. Probes of the pod are refused as well: it leaves the endpoints once its readiness probe has failed often enough; without one it stays.',
  examples: ['pod-refuse pod/default/web-0 --duration 5s'],
  targets: ['pod'],
  args: [],
  plan: (target) => [`${formatTarget(target)}: closes its listening sockets`],
  apply: (target, _args, context) => breakPod(target, context, { connections: 'refuse' }),
};
