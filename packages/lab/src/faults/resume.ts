import type { FaultDefinition } from './definition.ts';
import { processesOf } from './processes-of.ts';
import { formatTarget } from './target.ts';

/** What ends a pause. */
export const resume: FaultDefinition = {
  verb: 'resume',
  summary: 'SIGCONT after pause',
  examples: ['resume announcer/node-1'],
  targets: ['node', 'announcer', 'agent', 'pods', 'dns', 'controller', 'nats'],
  args: [],
  heals: true,
  settles: ['pause'],
  plan: (target) => [`${formatTarget(target)}: SIGCONT`],
  apply: async (target, _args, context) => ({
    atNs: await context.lab.process('resume', processesOf(target, 'resume')),
  }),
};
