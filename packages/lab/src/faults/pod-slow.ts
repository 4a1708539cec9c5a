import { numberArg } from './args.ts';
import type { FaultDefinition } from './definition.ts';
import { breakPod, sweepPods } from './pod-control.ts';
import { formatTarget } from './target.ts';

/** Answers of a pod that come late. */
export const podSlow: FaultDefinition = {
  verb: 'pod-slow',
  summary: 'the containers of a pod answer later',
  notes:
    'HTTP, redis and postgres; the health endpoints (`/healthz`, `/readyz` and the like) and `/metrics` stay quick, so a probe of them does not notice, while one of any other path counts the delay against its timeout. UDP is not delayed.',
  examples: [
    'pod-slow "pod/default?app=web" --delay 500ms --duration 10s',
    'pod-slow random:7/pod/default?app=web --delay 80ms --jitter 60ms',
  ],
  targets: ['pod'],
  args: [
    { name: 'delay', kind: 'duration', required: true, min: 1, max: 600_000, summary: 'how much later' },
    { name: 'jitter', kind: 'duration', default: '0ms', summary: 'how much the delay varies, up and down, evenly' },
  ],
  check: (args) =>
    (numberArg(args, 'jitter') ?? 0) > (numberArg(args, 'delay') ?? 0)
      ? `Argument jitter of fault pod-slow is ${numberArg(args, 'jitter')} ms: give no more than the delay, ${numberArg(args, 'delay')} ms`
      : undefined,
  plan: (target, args) => [
    `${formatTarget(target)}: answers ${numberArg(args, 'delay')} ms (± ${numberArg(args, 'jitter')} ms) later`,
  ],
  apply(target, args, context) {
    const [delay, jitter] = [numberArg(args, 'delay') ?? 0, numberArg(args, 'jitter') ?? 0];
    return breakPod(target, context, { latency: `${(delay - jitter).toFixed(3)}ms-${(delay + jitter).toFixed(3)}ms` });
  },
  sweep: sweepPods,
};
