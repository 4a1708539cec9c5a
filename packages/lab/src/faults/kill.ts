import { badInput } from '../state/errors.ts';
import { flagArg } from './args.ts';
import type { FaultArgs, FaultDefinition } from './definition.ts';
import { mend } from './mend.ts';
import { formatTarget, type ResolvedTarget } from './target.ts';

/** Power-off of a node, SIGKILL of a process, sudden end of a pod's containers. */
export const kill: FaultDefinition = {
  verb: 'kill',
  summary:
    'power off a node until it is restarted; SIGKILL a process or the containers of a pod, which are started again',
  notes:
    'A node loses its links first, then its processes, then its network namespace: nothing takes leave. A process is started again with back-off, as systemd does, unless `--hold` or `--duration` keeps it down. Containers of a pod are restarted by its restartPolicy.',
  examples: ['kill owner/default/web', 'kill announcer/node-1 --hold', 'kill node/node-2 --duration 5s'],
  targets: ['node', 'announcer', 'agent', 'pods', 'dns', 'controller', 'nats', 'pod'],
  args: [{ name: 'hold', kind: 'flag', summary: 'keep a killed process down until it is restarted or healed' }],
  plan(target, args) {
    refuse(target, args);
    const name = formatTarget(target);
    if (target.kind === 'host')
      return [`${name}: take its links away, SIGKILL its processes, remove its network namespace`];
    if (target.kind === 'pod') return [`${name}: SIGKILL its containers; its restartPolicy decides what comes then`];
    return [`${name}: SIGKILL; ${holds(args) ? 'stays down' : 'started again by the supervisor'}`];
  },
  async apply(target, args, context) {
    refuse(target, args);
    if (target.kind === 'host') {
      const { host } = target;
      const atNs = context.lab.powerOff(host);
      return {
        atNs,
        heal: async () => {
          const at = context.clock.nowNs();
          // One that was taken out of the lab meanwhile stays away.
          if (context.config.hosts.some((h) => h.name === host)) context.lab.powerOn(host);
          return at;
        },
      };
    }
    if (target.kind === 'pod') {
      const atNs = context.clock.nowNs();
      await context.killPod(target.namespace, target.pod);
      return { atNs };
    }
    if (target.kind !== 'process') throw badInput(`Fault kill does not act on ${formatTarget(target)}`);
    const atNs = await context.lab.process('kill', target, { hold: holds(args) });
    return holds(args) ? { atNs, heal: () => mend('restart', target, context) } : { atNs };
  },
};

/** A process that comes back by itself would end its fault before its duration. */
function holds(args: FaultArgs): boolean {
  return flagArg(args, 'hold') || args.duration !== undefined;
}

function refuse(target: ResolvedTarget, args: FaultArgs): void {
  if (target.kind === 'pod' && holds(args))
    throw badInput(
      `Fault kill takes neither duration nor hold for ${formatTarget(target)}: its restartPolicy decides when its containers come back`,
    );
}
