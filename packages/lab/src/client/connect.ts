/** Finding a running lab and talking to its supervisor. */
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { LabConfig } from '@svclab/core';
import { type GrpcClient, grpcClient } from '@svclab/runtime';
import { LabServiceDefinition } from '@svclab/wire';
import { badInput } from '../state/errors.ts';
import { type LabPaths, labPaths } from '../state/paths.ts';
import { programPath } from '../state/programs.ts';
import { type LabSecrets, readSecrets } from '../state/secrets.ts';

/** The lab's first process as the host sees it. */
export interface LabPid {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot: tells a process from a later one with its pid. */
  readonly startTime: string;
}

/** Commands of our own programs on a host of the lab. */
export interface LabPrograms {
  readonly prober: readonly string[];
  readonly loadHost: readonly string[];
  /** Directory for files that are needed for a while. */
  readonly scratch: string;
}

/** A running lab. */
export interface LabConnection {
  readonly name: string;
  readonly config: LabConfig;
  readonly paths: LabPaths;
  readonly secrets: LabSecrets;
  /** Pid of the lab's first process, as the host sees it; 0 for a composed lab, which has none. */
  readonly pid: number;
  /** Whether programs on the lab's hosts see this machine's files. */
  readonly local: boolean;
  readonly programs: LabPrograms;
  readonly service: GrpcClient<typeof LabServiceDefinition>;
  close(): void;
}

/** Start time of a process; undefined when there is none. One that has ended and only waits to be reaped is none. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The first process of the lab whose state this is, if it lives. */
export function livingPid(paths: LabPaths): LabPid | undefined {
  try {
    const found = JSON.parse(readFileSync(paths.pid, 'utf8')) as LabPid;
    return startTimeOf(found.pid) === found.startTime ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Names of the labs that run, sorted. */
export function runningLabs(root: string): string[] {
  let names: string[];
  try {
    names = readdirSync(root);
  } catch {
    return [];
  }
  return names.filter((name) => isLabName(root, name) && livingPid(labPaths(root, name)) !== undefined).sort();
}

function isLabName(root: string, name: string): boolean {
  try {
    labPaths(root, name);
    return true;
  } catch {
    return false;
  }
}

/** Connects to a running lab. Fails with a LabError that says which labs run, or how to start one. */
export function connectLab(root: string, name: string): LabConnection {
  const paths = labPaths(root, name);
  const living = livingPid(paths);
  if (!living) {
    const others = runningLabs(root);
    throw badInput(
      `Lab "${name}" does not run: ${others.length > 0 ? `these do: ${others.join(', ')} (choose with --name)` : 'start it with "svclab up"'}`,
    );
  }
  const secrets = readSecrets(paths.secrets);
  const service = grpcClient(LabServiceDefinition, `unix:${paths.socket}`, {
    token: secrets.token,
    service: 'svclab-cli',
    patient: true,
  });
  return {
    name,
    paths,
    secrets,
    service,
    config: JSON.parse(readFileSync(paths.config, 'utf8')) as LabConfig,
    pid: living.pid,
    local: true,
    programs: {
      prober: [process.execPath, programPath('prober')],
      loadHost: [process.execPath, programPath('load/main')],
      scratch: tmpdir(),
    },
    close: () => service.close(),
  };
}
