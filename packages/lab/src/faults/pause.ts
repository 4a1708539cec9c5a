import type { FaultDefinition } from './definition.ts';
import { mend } from './mend.ts';
import { processesOf } from './processes-of.ts';
import { formatTarget } from './target.ts';

/** Alive but silent. */
export const pause: FaultDefinition = {
  verb: 'pause',
  summary: 'SIGSTOP: the processes are alive but silent until they are resumed',
  notes:
    'Connections stay open and nothing answers on them, so only timeouts find out. The kernel of a node goes on forwarding, and answers ARP for its own addresses.',
  examples: ['pause announcer/node-1', 'pause node/node-2 --duration 3s'],
  targets: ['node', 'announcer', 'agent', 'pods', 'dns', 'controller', 'nats'],
  args: [],
  plan: (target) => [`${formatTarget(target)}: SIGSTOP`],
  async apply(target, _args, context) {
    const ref = processesOf(target, 'pause');
    return { atNs: await context.lab.process('pause', ref), heal: () => mend('resume', ref, context) };
  },
};
