import type { FaultDefinition } from './definition.ts';
import { breakPod } from './pod-control.ts';
import { formatTarget } from './target.ts';

/** A pod that takes connections and says nothing. */
export const podHang: FaultDefinition = {
  verb: 'pod-hang',
  summary: 'the containers of a pod take connections and requests and answer nothing',
  notes:
    'Health checks included: probes time out, and the pod leaves the endpoints once its readiness probe has failed often enough; without one it stays. What was asked meanwhile is answered when it is healed, as by a process that is resumed; datagrams are not. A pod that is deleted while it hangs takes its whole grace period to end.',
  examples: ['pod-hang pod/default/web-0 --duration 5s'],
  targets: ['pod'],
  args: [],
  plan: (target) => [`${formatTarget(target)}: takes connections and answers nothing`],
  apply: (target, _args, context) => breakPod(target, context, { connections: 'hang' }),
};
