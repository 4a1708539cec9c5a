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
}

const LAN = '172.30.0';
const CONTROL = '172.30.1';
/** Nodes are .11 to .100 of the LAN, clients .101 and up. */
const MAX_NODES = 90;
/** Server-side address of the control bridge: the supervisor's. */
export const CONTROL_GATEWAY = `${CONTROL}.1`;

/** From a request to the whole description of a lab. Fails with a LabError (bad input) that names the setting. */
export function planLab(request: LabRequest): LabConfig {
  const { name, driver, nodes, profile } = request;
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES)
    throw badInput(`Number of nodes ${nodes} cannot be used: give a whole number from 1 to ${MAX_NODES}`);
  if (profile !== 'realistic' && profile !== 'fast')
    throw badInput(`Profile "${profile}" is not known: give realistic or fast`);
  const node = (i: number): HostSpec => ({
    name: `node-${i}`,
    role: 'node',
    lanIP: `${LAN}.${10 + i}`,
    controlIP: `${CONTROL}.${10 + i}`,
    podCIDR: `10.244.${i}.0/24`,
  });
  const hosts: HostSpec[] = [
    { name: 'nats-1', role: 'nats', controlIP: `${CONTROL}.2` },
    { name: 'controller-1', role: 'controller', controlIP: `${CONTROL}.3` },
    { name: 'dns-1', role: 'dns', lanIP: `${LAN}.2`, controlIP: `${CONTROL}.4` },
    { name: 'dns-2', role: 'dns', lanIP: `${LAN}.3`, controlIP: `${CONTROL}.5` },
    ...Array.from({ length: nodes }, (_, i) => node(i + 1)),
    { name: 'client-1', role: 'client', lanIP: `${LAN}.101` },
  ];
  return {
    name,
    driver,
    profile,
    domain: 'cluster.local',
    lanCIDR: `${LAN}.0/24`,
    controlCIDR: `${CONTROL}.0/24`,
    podCIDR: '10.244.0.0/16',
    serviceCIDR: '10.96.0.0/16',
    dnsIP: '10.96.0.10',
    nodePorts: { min: 30_000, max: 32_767 },
    hosts,
    natsServers: hosts.filter((h) => h.role === 'nats').map((h) => `nats://${h.controlIP}:${PORTS.nats}`),
    knobs: knobs(profile, request.set),
  };
}

function knobs(profile: 'realistic' | 'fast', set: Readonly<Record<string, string>>): LabConfig['knobs'] {
  try {
    return resolveKnobs(profile, set);
  } catch (error) {
    if (error instanceof KnobError) throw badInput(error.message);
    throw error;
  }
}
