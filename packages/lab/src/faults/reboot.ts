import { badInput } from '../state/errors.ts';
import { numberArg } from './args.ts';
import type { FaultContext, FaultDefinition } from './definition.ts';
import { formatTarget, type ResolvedTarget } from './target.ts';

/** Power off, and on again. */
export const reboot: FaultDefinition = {
  verb: 'reboot',
  summary: 'power off a node, and on again after its duration',
  notes:
    'As kill of a node, which is sudden: links, processes and network namespace go. When the power is back the host is made anew, with nothing of its kernel state left (addresses of pods, rules, connection tracking), and its processes start as after a boot. Its pods are those of before, on new runs, unless they were given up meanwhile.',
  examples: ['reboot node/node-2', 'reboot owner/default/web --duration 20s'],
  targets: ['node'],
  args: [{ name: 'duration', kind: 'duration', default: '10s', min: 1, summary: 'how long it stays off' }],
  plan: (target, args, context) => {
    nodeOf(target, context);
    return [`${formatTarget(target)}: power off, and on again after ${numberArg(args, 'duration')} ms`];
  },
  async apply(target, _args, context) {
    const host = nodeOf(target, context);
    const atNs = context.lab.powerOff(host);
    return {
      atNs,
      async heal() {
        const at = context.clock.nowNs();
        // One that was taken out of the lab meanwhile stays away.
        if (context.config.hosts.some((h) => h.name === host)) context.lab.powerOn(host);
        return at;
      },
    };
  },
};

function nodeOf(target: ResolvedTarget, context: FaultContext): string {
  if (target.kind !== 'host') throw badInput(`${formatTarget(target)} is no node: give node/NAME`);
  if (!context.lab.isUp(target.host))
    throw badInput(`Node ${target.host} is off: bring it back with "svclab fault restart node/${target.host}"`);
  return target.host;
}
