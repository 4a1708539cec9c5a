import { type HostSpec, KnobError, type LabConfig, PORTS, resolveKnobs } from '@svclab/core';
import { badInput } from '../state/errors.ts';

/** What a user asks for with `up`. */
export interface LabRequest {
  readonly name: string;
  readonly driver: 'netns' | 'docker';
  readonly profile: string;
  readonly nodes: number;
  /** Knob name -> text. */
  readonly set: Readonly<Record<string, string>>;
  /** First three bytes of the node LAN, a /24 (default `172.30.0`). */
  readonly lan?: string;
  /** First three bytes of the control network, a /24 (default `172.30.1`). */
  readonly control?: string;
  /** How packets to pods of other nodes travel (default: `direct` with netns, `vxlan` with docker). */
  readonly podNetwork?: string;
  /** Three NATS servers that keep the store on all of them, and three controllers of which one leads. */
  readonly ha?: boolean;
  /** Whether the processes serve their metrics (default: only with docker, where Prometheus can reach them). */
  readonly metrics?: boolean;
}

const LAN = '172.30.0';
const CONTROL = '172.30.1';
/** Nodes are .11 to .100 of the LAN, clients .101 and up. */
export const MAX_NODES = 90;
/** The supervisor's place in the control network where it is a container of its own: .1 is the bridge's there. */
const SUPERVISOR = 10;

/** Address of the supervisor on the control network. */
export function supervisorIP(lab: Pick<LabConfig, 'controlCIDR' | 'driver'>): string {
  return `${networkOf(lab.controlCIDR)}.${lab.driver === 'docker' ? SUPERVISOR : 1}`;
}

/** The `i`-th node, from 1: its name, addresses and share of the pod network. */
export function nodeSpec(i: number, lab: Pick<LabConfig, 'lanCIDR' | 'controlCIDR'>): HostSpec {
  return {
    name: `node-${i}`,
    role: 'node',
    lanIP: `${networkOf(lab.lanCIDR)}.${10 + i}`,
    controlIP: `${networkOf(lab.controlCIDR)}.${10 + i}`,
    podCIDR: `10.244.${i}.0/24`,
  };
}

/** `172.30.0.0/24` -> `172.30.0` */
function networkOf(cidr: string): string {
  return cidr.split('.').slice(0, 3).join('.');
}

/** The CIDR of a network given by three bytes. Fails with a LabError naming the setting. */
function cidrOf(setting: string, network: string): string {
  const bytes = network.split('.').map(Number);
  if (!/^\d+\.\d+\.\d+$/.test(network) || bytes.some((b) => b > 255) || bytes[0] === 0)
    throw badInput(`${setting} "${network}" cannot be used: give the first three numbers of a /24, such as 172.30.0`);
  return `${network}.0/24`;
}

/** From a request to the whole description of a lab. Fails with a LabError (bad input) that names the setting. */
export function planLab(request: LabRequest): LabConfig {
  const { name, driver, nodes, profile, lan = LAN, control = CONTROL } = request;
  const podNetwork = request.podNetwork ?? (driver === 'docker' ? 'vxlan' : 'direct');
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES)
    throw badInput(`Number of nodes ${nodes} cannot be used: give a whole number from 1 to ${MAX_NODES}`);
  if (profile !== 'realistic' && profile !== 'fast')
    throw badInput(`Profile "${profile}" is not known: give realistic or fast`);
  if (podNetwork !== 'direct' && podNetwork !== 'vxlan')
    throw badInput(`Pod network "${podNetwork}" is not known: give direct or vxlan`);
  const networks = { lanCIDR: cidrOf('LAN', lan), controlCIDR: cidrOf('Control network', control) };
  if (lan === control) throw badInput(`LAN and control network are both ${networks.lanCIDR}: give two different ones`);
  const hosts: HostSpec[] = [
    ...servers('nats', NATS, control, request.ha),
    ...servers('controller', CONTROLLERS, control, request.ha),
    { name: 'dns-1', role: 'dns', lanIP: `${lan}.2`, controlIP: `${control}.4` },
    { name: 'dns-2', role: 'dns', lanIP: `${lan}.3`, controlIP: `${control}.5` },
    ...Array.from({ length: nodes }, (_, i) => nodeSpec(i + 1, networks)),
    {
      name: 'client-1',
      role: 'client',
      lanIP: `${lan}.101`,
      ...(driver === 'docker' ? { controlIP: `${control}.101` } : {}),
    },
  ];
  return {
    name,
    driver,
    profile,
    domain: 'cluster.local',
    ...networks,
    podCIDR: '10.244.0.0/16',
    podNetwork,
    serviceCIDR: '10.96.0.0/16',
    dnsIP: '10.96.0.10',
    nodePorts: { min: 30_000, max: 32_767 },
    hosts,
    natsServers: hosts.filter((h) => h.role === 'nats').map((h) => `nats://${h.controlIP}:${PORTS.nats}`),
    knobs: knobs(profile, request.set),
    metrics: request.metrics ?? driver === 'docker',
  };
}

/** Last bytes of the servers' addresses on the control network: of the first, and of the two more that `ha` brings. */
const NATS = [2, 6, 7];
const CONTROLLERS = [3, 8, 9];

function servers(role: 'nats' | 'controller', addresses: readonly number[], control: string, ha = false): HostSpec[] {
  return addresses
    .slice(0, ha ? addresses.length : 1)
    .map((byte, i) => ({ name: `${role}-${i + 1}`, role, controlIP: `${control}.${byte}` }));
}

/** Jitter of client-go's retries; there as well, the deadline must leave room for a retry. */
const JITTER = 1.2;

function checkElection(all: LabConfig['knobs']): void {
  const lease = all['election.leaseDuration'];
  const deadline = all['election.renewDeadline'];
  const retry = all['election.retryPeriod'];
  if (lease > deadline && deadline > JITTER * retry) return;
  throw badInput(
    `Election with leaseDuration ${lease} ms, renewDeadline ${deadline} ms, retryPeriod ${retry} ms cannot work: leaseDuration must be more than renewDeadline, and that more than ${JITTER} x retryPeriod`,
  );
}

function knobs(profile: 'realistic' | 'fast', set: Readonly<Record<string, string>>): LabConfig['knobs'] {
  try {
    const all = resolveKnobs(profile, set);
    checkElection(all);
    return all;
  } catch (error) {
    if (error instanceof KnobError) throw badInput(error.message);
    throw error;
  }
}
