import { flagArg, numberArg } from './args.ts';
import type { FaultDefinition } from './definition.ts';
import { breakPod } from './pod-control.ts';
import { formatTarget } from './target.ts';

/** A pod that answers with errors. */
export const podFail: FaultDefinition = {
  verb: 'pod-fail',
  summary: 'the containers of a pod answer a share of HTTP requests with a 5xx status',
  notes:
    'The health endpoints go on saying that all is well, so the pod stays an endpoint and clients feel it; with `--probes` they fail as well (503, also to the kubelet on any other path), and the pod leaves the endpoints once its readiness probe has failed often enough. A liveness probe then restarts its containers, which changes nothing. HTTP only.',
  examples: [
    'pod-fail pod/default/web-0 --percent 30',
    'pod-fail "pod/default?app=web" --status 503 --probes --duration 20s',
  ],
  targets: ['pod'],
  args: [
    { name: 'percent', kind: 'percent', default: '100', min: 0.001, summary: 'share of the requests' },
    { name: 'status', kind: 'count', default: '500', min: 500, max: 599, summary: 'status of the answers' },
    {
      name: 'probes',
      kind: 'flag',
      summary: 'fail the health endpoints and the probes of the kubelet as well, all of them',
    },
  ],
  plan: (target, args) => [
    `${formatTarget(target)}: answers ${numberArg(args, 'status')} to ${numberArg(args, 'percent')} % of requests${flagArg(args, 'probes') ? ', and 503 to health checks' : ''}`,
  ],
  apply: (target, args, context) =>
    breakPod(target, context, {
      'error-rate': `${numberArg(args, 'percent') ?? 100}%`,
      'error-status': String(numberArg(args, 'status') ?? 500),
      ...(flagArg(args, 'probes') ? { health: 'fail' } : {}),
    }),
};
