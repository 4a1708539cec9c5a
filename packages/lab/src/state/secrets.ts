import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { HostSpec, LabConfig } from '@svclab/core';
import type { BusRole, BusUser } from '@svclab/runtime';
import { environmentError } from './errors.ts';
import { writeWhole } from './write-whole.ts';

/** Secrets of one lab: new with each `up`. */
export interface LabSecrets {
  /** Bearer token of the lab's gRPC services. */
  readonly token: string;
  /** Bearer token of the Kubernetes API. */
  readonly apiToken: string;
  readonly busUsers: readonly BusUser[];
  /** What the NATS servers know each other by, where there are several. */
  readonly routePassword: string;
}

/** Components that run on a host of each role, in start order. */
export const COMPONENTS: Readonly<Record<LabConfig['hosts'][number]['role'], readonly string[]>> = {
  nats: ['nats-server'],
  controller: ['controller'],
  dns: ['dns'],
  node: ['pod-host', 'l2-announcer', 'node-agent'],
  client: [],
};

/** Fresh secrets for a lab: one bus user for each process that speaks NATS, and one for the supervisor. */
export function createSecrets(lab: LabConfig): LabSecrets {
  return {
    token: secret(),
    apiToken: secret(),
    busUsers: [...lab.hosts.flatMap(createBusUsers), busUser('supervisor', 'lab')],
    routePassword: secret(),
  };
}

/** Fresh bus users for the processes of a host. */
export function createBusUsers(host: HostSpec): BusUser[] {
  return COMPONENTS[host.role].filter((c) => c !== 'nats-server').map((c) => busUser(c as BusRole, host.name));
}

function busUser(role: BusRole, host: string): BusUser {
  return { role, host, user: `${role}@${host}`, password: secret() };
}

function secret(): string {
  return randomBytes(24).toString('base64url');
}

export function writeSecrets(path: string, secrets: LabSecrets): void {
  writeWhole(path, JSON.stringify(secrets), 0o600);
}

/** Fails with a LabError when the file is not there or not this user's to read. */
export function readSecrets(path: string): LabSecrets {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LabSecrets;
  } catch (error) {
    throw environmentError(`Secrets of the lab cannot be read: ${(error as Error).message}`, error);
  }
}
