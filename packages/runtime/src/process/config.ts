import { readFileSync } from 'node:fs';
import { ENV, type HostSpec, type LabConfig } from '@svclab/core';

/** What one process of a lab is started with. */
export interface ProcessConfig {
  readonly lab: LabConfig;
  /** The host it runs on. */
  readonly host: HostSpec;
  readonly busUser: string;
  readonly busPassword: string;
  /** Bearer token of the lab's gRPC services. */
  readonly token: string;
  /** Directory of this host for sockets and ready files. */
  readonly runDir: string;
  readonly logLevel: string;
}

/** A process was started with a configuration it cannot use; `problems` lists all of it. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`Configuration is not usable: ${problems.join('; ')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Reads the configuration from the environment once. Fails with {@link ConfigError} naming everything that is wrong. */
export function readProcessConfig(env: Readonly<Record<string, string | undefined>>): ProcessConfig {
  const problems: string[] = [];
  const need = (name: string): string => {
    const value = env[name];
    if (value === undefined || value === '') problems.push(`environment variable ${name} is missing`);
    return value ?? '';
  };
  const path = need(ENV.config);
  const hostName = need(ENV.host);
  const base = {
    busUser: need(ENV.busUser),
    busPassword: need(ENV.busPassword),
    token: need(ENV.token),
    runDir: need(ENV.runDir),
    logLevel: env[ENV.logLevel] ?? 'info',
  };
  let lab: LabConfig | undefined;
  try {
    if (path !== '') lab = JSON.parse(readFileSync(path, 'utf8')) as LabConfig;
  } catch (error) {
    problems.push(`${path} cannot be read: ${(error as Error).message}`);
  }
  const host = lab?.hosts.find((h) => h.name === hostName);
  if (lab && !host) problems.push(`host ${hostName} is not in ${path}`);
  if (!lab || !host || problems.length > 0) throw new ConfigError(problems);
  return Object.freeze({ ...base, lab, host });
}
