/** A lab as a project of Docker Compose: its file, its settings, and where the machine keeps what it needs of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabConfig } from '@svclab/core';
import type { UpOptions } from '../driver/up.ts';
import { type LabPaths, labPaths } from '../state/paths.ts';
import { composePath, composeTextElsewhere } from './compose-file.ts';

/** Where what the machine keeps of a composed lab is: its kubeconfig, certificate and generated compose file. */
export function dockerPaths(root: string, name: string): LabPaths {
  return labPaths(join(root, '.docker'), name);
}

/** Nodes of a lab by index. */
export function nodeIndexes(lab: LabConfig): number[] {
  return lab.hosts.filter((h) => h.role === 'node').map((h) => Number(h.name.slice('node-'.length)));
}

/** `-p NAME -f FILE`: the project's own file where it fits, else one made for this lab. */
export function composeArgs(root: string, lab: LabConfig): string[] {
  const nodes = nodeIndexes(lab);
  const profile = isHa(lab) ? ['--profile', 'ha'] : [];
  if (nodes.length === 3 && nodes.every((n, i) => n === i + 1))
    return ['-p', lab.name, '-f', composePath(), ...profile];
  const paths = dockerPaths(root, lab.name);
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  const file = join(paths.dir, 'compose.yaml');
  writeFileSync(file, composeTextElsewhere(nodes));
  return ['-p', lab.name, '-f', file, ...profile];
}

/** Whether the lab has several controllers and NATS servers. */
function isHa(lab: LabConfig): boolean {
  return lab.hosts.some((h) => h.name === 'controller-2');
}

/** The network the API is published through: the first after the control network that is not the LAN. All are the first three numbers of a /24. */
export function apiNetwork(lan: string, control: string): string {
  const [a, b, c = 0] = control.split('.').map(Number);
  const after = (n: number): string => `${a}.${b}.${(c + n) % 256}`;
  return after(1) === lan ? after(2) : after(1);
}

/** Settings of the compose file as environment variables. */
export function composeEnv(
  lab: LabConfig,
  request: Pick<UpOptions, 'set' | 'podNetwork'>,
  apiPort: number,
): Record<string, string> {
  const first3 = (cidr: string): string => cidr.split('.').slice(0, 3).join('.');
  return {
    SVCLAB_PROFILE: lab.profile,
    SVCLAB_NODES: String(nodeIndexes(lab).length),
    SVCLAB_SET: Object.entries(request.set)
      .map(([k, v]) => `${k}=${v}`)
      .join(','),
    SVCLAB_LAN: first3(lab.lanCIDR),
    SVCLAB_CONTROL: first3(lab.controlCIDR),
    SVCLAB_API_NET: apiNetwork(first3(lab.lanCIDR), first3(lab.controlCIDR)),
    SVCLAB_POD_NETWORK: lab.podNetwork,
    SVCLAB_API_PORT: String(apiPort),
    SVCLAB_API_PORT_2: String(apiPort + 1),
    SVCLAB_API_PORT_3: String(apiPort + 2),
    SVCLAB_HA: String(isHa(lab)),
  };
}
