import { numberArg } from './args.ts';
import type { FaultDefinition } from './definition.ts';
import { flapPod } from './pod-control.ts';
import { formatTarget } from './target.ts';

/** Readiness that comes and goes. */
export const readinessFlap: FaultDefinition = {
  verb: 'readiness-flap',
  summary: 'a pod is not ready, then ready again, over and over',
  notes:
    'The node-agent holds the pod back from being ready, whatever its readiness probe says, from the beginning of the fault on; while it is let be, its probe decides. The containers serve all the while: what is felt comes from the changes of endpoints and rules alone. An agent that is restarted has forgotten it.',
  examples: [
    'readiness-flap pod/default/web-0 --unready 2s --ready 3s',
    'readiness-flap "pod/default?app=web" --ready 0s --duration 10s',
  ],
  targets: ['pod'],
  args: [
    { name: 'unready', kind: 'duration', default: '500ms', min: 1, summary: 'how long it is not ready' },
    { name: 'ready', kind: 'duration', default: '500ms', summary: 'how long it is let be; 0s: it stays unready' },
  ],
  plan: (target, args) => [
    `${formatTarget(target)}: not ready for ${numberArg(args, 'unready')} ms${numberArg(args, 'ready') === 0 ? ', and on' : `, then let be for ${numberArg(args, 'ready')} ms, over and over`}`,
  ],
  apply: (target, args, context) =>
    flapPod(target, context, {
      unreadyMs: numberArg(args, 'unready') ?? 0,
      readyMs: numberArg(args, 'ready') ?? 0,
    }),
};
