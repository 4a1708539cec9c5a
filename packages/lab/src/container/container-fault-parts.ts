/** What faults work with in the docker driver: each host is asked through its container's first process. */
import type { Clock, HostSpec, LabConfig } from '@svclab/core';
import { ClientError, type Logger, Status } from '@svclab/runtime';
import type { ExecResponse, HostExecRequest } from '@svclab/wire';
import type { ContextParts } from '../faults/context.ts';
import type { CommandResult, FaultLab } from '../faults/definition.ts';
import { hostTarget } from '../faults/target.ts';
import { badInput } from '../state/errors.ts';
import { killPod } from '../supervisor/kill-pod.ts';
import type { HostMonitor } from './host-monitor.ts';

/** How long a host may take to act on its processes, ms. */
const FAULT_MS = 3000;

/** What is known of the lab. */
export interface ContainerFaultOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly monitors: ReadonlyMap<string, HostMonitor>;
  readonly token: string;
  readonly apiToken: string;
  readonly pki: string;
  config(): LabConfig;
}

/** Fails with a LabError when the host cannot be asked. */
export function answering(monitors: ReadonlyMap<string, HostMonitor>, host: string): HostMonitor {
  const monitor = monitors.get(host);
  if (!monitor) throw badInput(`Host "${host}" is not in this lab: give one of ${[...monitors.keys()].join(', ')}`);
  if (!monitor.answers)
    throw badInput(
      monitor.up
        ? `Host ${host} does not answer: it is paused, or cut off from the control network`
        : `Host ${host} is down: bring it back with "svclab fault restart ${hostTarget(monitor.spec)}"`,
    );
  return monitor;
}

/** The lab as faults see it. */
function containerFaultLab({ monitors, config }: ContainerFaultOptions): FaultLab {
  const addressOf = (host: string, network: 'lan' | 'control'): string | undefined => {
    const spec = config().hosts.find((h) => h.name === host);
    return network === 'lan' ? spec?.lanIP : spec?.controlIP;
  };
  return {
    isUp: (host) => monitors.get(host)?.answers ?? false,
    async process(verb, { host, component = '' }, options) {
      const request = { verb, component, hold: options?.hold ?? false };
      try {
        return (await answering(monitors, host).client.fault(request, { timeoutMs: FAULT_MS })).effectiveNs;
      } catch (error) {
        throw ofUser(error);
      }
    },
    powerOff() {
      throw badInput('A container is killed from outside');
    },
    powerOn() {
      throw badInput('A container is started from outside');
    },
    async interfaceOn(host, network) {
      const address = addressOf(host, network);
      if (address === undefined) return undefined;
      // Docker names interfaces in an order of its own.
      const { stdout } = await runOn(answering(monitors, host), ['ip', '-o', '-4', 'address'], '');
      return stdout
        .split('\n')
        .find((line) => line.includes(` ${address}/`))
        ?.split(/\s+/)[1];
    },
    portOf: () => undefined,
    setCarrier() {
      throw badInput('The carrier of a container is taken by "docker network disconnect"');
    },
  };
}

/** Everything a fault's context is made of. */
export function containerFaultParts(options: ContainerFaultOptions): ContextParts {
  const { monitors, token } = options;
  return {
    ...options,
    lab: containerFaultLab(options),
    run: (host, argv, stdin) => runOn(answering(monitors, host), argv, stdin),
    root: undefined,
    killPod(namespace, pod) {
      const nodes = options
        .config()
        .hosts.filter((h): h is HostSpec => h.role === 'node' && monitors.get(h.name)?.answers === true);
      return killPod({ lab: options.config(), nodes, token }, namespace, pod);
    },
  };
}

async function runOn(monitor: HostMonitor, command: readonly string[], stdin: string): Promise<CommandResult> {
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const result = (code: number): CommandResult => ({
    code,
    stdout: Buffer.concat(out).toString(),
    stderr: Buffer.concat(err).toString(),
  });
  try {
    for await (const { message } of monitor.client.exec(requests(command, stdin)) as AsyncIterable<ExecResponse>) {
      if (message?.$case === 'stdout') out.push(message.value);
      else if (message?.$case === 'stderr') err.push(message.value);
      else if (message?.$case === 'exit') {
        if (message.value.error !== '') err.push(Buffer.from(message.value.error));
        return result(message.value.code);
      }
    }
  } catch (error) {
    throw ofUser(error);
  }
  throw badInput(`Host ${monitor.spec.name} went away while ${command[0] ?? ''} ran`);
}

async function* requests(command: readonly string[], stdin: string): AsyncGenerator<HostExecRequest> {
  yield { message: { $case: 'start', value: { host: '', command: [...command], cwd: '/', env: {} } } };
  if (stdin !== '') yield { message: { $case: 'stdin', value: Buffer.from(stdin) } };
  yield { message: { $case: 'stdinEof', value: true } };
}

/** What a host calls bad input is that here as well. */
function ofUser(error: unknown): unknown {
  return error instanceof ClientError && error.code === Status.INVALID_ARGUMENT ? badInput(error.details) : error;
}
