/**
 * Files of a composed lab, as its containers see them. The volume `/lab` holds what the supervisor's container has made and all read;
 * `/run/svclab` is each container's own, in memory.
 *
 *     /lab/lab.json            the lab's description
 *     /lab/hosts/HOST.json     the secrets of one host's processes
 *     /lab/nats/HOST.conf      what its nats-server is started with
 *     /lab/pki, /lab/kubeconfig, /lab/client.json, /lab/timeline.jsonl
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabConfig } from '@svclab/core';
import type { LabPaths } from '../state/paths.ts';
import type { LabSecrets } from '../state/secrets.ts';

/** The volume all containers of a lab share. */
export const LAB_DIR = process.env.SVCLAB_LAB_DIR ?? '/lab';
/** A container's own directory for sockets, ready files and what processes keep while they live. */
export const RUN_DIR = process.env.SVCLAB_RUN_ROOT ?? '/run/svclab';
/** There while everything on the host serves: what the container's health check looks for. */
export const HEALTHY_FILE = join(RUN_DIR, 'healthy');
/** The supervisor's Unix socket in its container. */
export const LAB_SOCKET = join(RUN_DIR, 'lab.sock');

/** Group 0 may read: containers whose processes need root have no right to pass over file modes. */
const SHARED_MODE = 0o640;

/** The lab's files, in the terms the netns driver uses. */
export function containerPaths(): LabPaths {
  return {
    dir: LAB_DIR,
    config: join(LAB_DIR, 'lab.json'),
    secrets: join(LAB_DIR, 'secrets.json'),
    socket: LAB_SOCKET,
    supervisorLog: '',
    pid: '',
    logs: '',
    run: RUN_DIR,
    jetstream: '/data/jetstream',
    pki: join(LAB_DIR, 'pki'),
    kubeconfig: join(LAB_DIR, 'kubeconfig'),
    timeline: join(LAB_DIR, 'timeline.jsonl'),
  };
}

/** Where the secrets of one host's processes are. */
export function hostSecretsPath(host: string): string {
  return join(LAB_DIR, 'hosts', `${host}.json`);
}

/** Where the configuration of one host's nats-server is. */
export function natsFile(host: string): string {
  return join(LAB_DIR, 'nats', `${host}.conf`);
}

/** What the CLI needs to reach a composed lab: made by the supervisor, read through the Docker CLI. */
export interface ClientFile {
  readonly config: LabConfig;
  readonly secrets: Pick<LabSecrets, 'token' | 'apiToken'>;
  readonly caPem: string;
  readonly kubeconfig: string;
}

/** Where {@link ClientFile} is. */
export const CLIENT_FILE = join(LAB_DIR, 'client.json');

/** Writes a file others may be reading: whole or not at all. */
export function writeShared(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: SHARED_MODE });
  renameSync(`${path}.new`, path);
}

/** Reads a JSON file; undefined while it is not there. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
