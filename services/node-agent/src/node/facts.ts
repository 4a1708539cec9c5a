/** What the machine says of itself, for the Node object. */
import { readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import type { NodeFacts } from '@svclab/core';
import type { NodeSettings } from '../config.ts';

/** Version of Kubernetes whose behaviour is emulated, as `kubectl get nodes` shows it. */
export const KUBELET_VERSION = 'v1.34.0';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64' };

/** Reads the facts, apart from the time. */
export function readFacts(settings: NodeSettings): Omit<NodeFacts, 'nowMs'> {
  const machineID = readFirst('/etc/machine-id') ?? '';
  return {
    name: settings.name,
    ip: settings.lanIP,
    podCIDR: settings.podCIDR,
    controlIP: settings.controlIP,
    cpus: cpus().length,
    memoryKiB: Math.floor(totalmem() / 1024),
    info: {
      architecture: ARCHITECTURES[arch()] ?? arch(),
      bootID: readFirst('/proc/sys/kernel/random/boot_id') ?? '',
      containerRuntimeVersion: 'svclab://0.1.0',
      kernelVersion: release(),
      kubeProxyVersion: KUBELET_VERSION,
      kubeletVersion: KUBELET_VERSION,
      machineID,
      operatingSystem: 'linux',
      osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(readText('/etc/os-release') ?? '')?.[1] ?? 'Linux',
      systemUUID: machineID,
    },
  };
}

function readFirst(path: string): string | undefined {
  return readText(path)?.split('\n')[0];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
