import type { FaultDefinition } from './definition.ts';
import { processesOf } from './processes-of.ts';
import { formatTarget } from './target.ts';

/** What ends a kill, a stop or a pause; what runs is killed first, as a reboot of a node is. */
export const restart: FaultDefinition = {
  verb: 'restart',
  summary: 'bring back what is down; what runs is killed and started again',
  notes: 'A node that runs is powered off and on again at once: a reboot without leave-taking.',
  examples: ['restart node/node-2', 'restart controller'],
  targets: ['node', 'announcer', 'agent', 'pods', 'dns', 'controller', 'nats'],
  args: [],
  heals: true,
  settles: ['kill', 'stop', 'pause', 'reboot'],
  plan: (target) => [
    target.kind === 'host'
      ? `${formatTarget(target)}: power off if it is on, then build it anew and start its processes`
      : `${formatTarget(target)}: SIGKILL if it runs, then start`,
  ],
  async apply(target, _args, context) {
    const { clock, lab } = context;
    if (target.kind !== 'host') return { atNs: await lab.process('restart', processesOf(target, 'restart')) };
    const atNs = clock.nowNs();
    if (lab.isUp(target.host)) lab.powerOff(target.host);
    lab.powerOn(target.host);
    return { atNs };
  },
};
