/** What faults work with in the netns driver: hosts are namespaces, processes are children, the bridges are in this namespace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { SyscallError, setInterfaceDown, setInterfaceUp, spawnIn } from '@svclab/runtime';
import { controlPort, lanPort } from '../driver/network.ts';
import type { ContextParts } from '../faults/context.ts';
import type { FaultLab } from '../faults/definition.ts';
import { actOnProcesses } from '../faults/process-verbs.ts';
import { formatTarget } from '../faults/target.ts';
import { badInput } from '../state/errors.ts';
import { killPod } from './kill-pod.ts';
import type { Lab } from './lab.ts';
import { runToEnd } from './run-to-end.ts';

const INTERFACES = { lan: 'lan0', control: 'ctl0' } as const;

/** The lab as faults see it. */
export function netnsFaultLab(lab: Lab): FaultLab {
  const has = (host: string, network: 'lan' | 'control'): boolean => {
    const { spec } = lab.host(host);
    return (network === 'lan' ? spec.lanIP : spec.controlIP) !== undefined;
  };
  return {
    isUp: (host) => lab.isUp(host),
    async process(verb, { host, component }, options) {
      const processes = component === undefined ? lab.host(host).processes : [lab.process(host, component)];
      const name = formatTarget(
        component === undefined ? { kind: 'host', host } : { kind: 'process', host, component },
      );
      return actOnProcesses(verb, processes, { clock: lab.options.clock, hold: options?.hold ?? false, name });
    },
    powerOff: (host) => lab.powerOff(host),
    powerOn: (host) => lab.powerOn(host),
    interfaceOn: async (host, network) => (has(host, network) ? INTERFACES[network] : undefined),
    portOf: (host, network) =>
      has(host, network) ? (network === 'lan' ? lanPort(host) : controlPort(host)) : undefined,
    setCarrier(host, network, up) {
      const port = network === 'lan' ? lanPort(host) : controlPort(host);
      try {
        (up ? setInterfaceUp : setInterfaceDown)(port);
      } catch (error) {
        // The host is off: its port is not there.
        if (!(error instanceof SyscallError && error.code === 'ENODEV')) throw error;
      }
      return lab.options.clock.nowNs();
    },
  };
}

/** Everything a fault's context is made of. */
export function netnsFaultParts(lab: Lab): ContextParts {
  const { clock, log, paths, path, secrets } = lab.options;
  const env = { PATH: path };
  const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe'];
  const start = (argv: readonly string[]): ChildProcess => {
    const child = spawn(argv[0] ?? '', argv.slice(1), { env, stdio });
    lab.adopt(child);
    return child;
  };
  return {
    clock,
    log,
    lab: netnsFaultLab(lab),
    config: () => lab.options.lab,
    token: secrets.token,
    apiToken: secrets.apiToken,
    pki: paths.pki,
    run(host, argv, stdin) {
      const { netns } = lab.host(host);
      if (!netns) throw badInput(`Host ${host} is down: bring it back with "svclab fault restart node/${host}"`);
      const child = spawnIn(netns, argv[0] ?? '', argv.slice(1), { env, stdio });
      lab.adopt(child);
      return runToEnd(child, stdin);
    },
    root: (argv, stdin) => runToEnd(start(argv), stdin),
    start,
    killPod: (namespace, pod) =>
      killPod(
        {
          lab: lab.options.lab,
          token: secrets.token,
          nodes: lab.hosts.filter((h) => h.spec.role === 'node' && h.netns !== undefined).map((h) => h.spec),
        },
        namespace,
        pod,
      ),
  };
}
