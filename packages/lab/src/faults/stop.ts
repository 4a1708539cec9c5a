import type { FaultDefinition } from './definition.ts';
import { mend } from './mend.ts';
import { processesOf } from './processes-of.ts';
import { formatTarget } from './target.ts';

/** A graceful end that lasts. */
export const stop: FaultDefinition = {
  verb: 'stop',
  summary: 'SIGTERM: the processes take their leave and stay down until they are restarted',
  notes: 'The kernel of a node goes on forwarding. A pod is stopped with `kubectl delete pod`.',
  examples: ['stop announcer/node-2', 'stop dns/1 --duration 10s'],
  targets: ['node', 'announcer', 'agent', 'pods', 'dns', 'controller', 'nats'],
  args: [],
  plan: (target) => [`${formatTarget(target)}: SIGTERM; stays down`],
  async apply(target, _args, context) {
    const ref = processesOf(target, 'stop');
    return { atNs: await context.lab.process('stop', ref), heal: () => mend('restart', ref, context) };
  },
};
